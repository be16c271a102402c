"""Products whose middle stays on chip, in whole models on the emulator."""

import re

import ml_dtypes
import numpy as np
import pytest
from onnx import helper

import strut
from GPU import families
from GPU.networks import network
from GPU.test_ptx import REGISTERS, assembled, compile_ptx, ptxas  # noqa: F401 (fixtures)

ON_EMULATOR = {"gpu_arch": "emulate", "no_cpu": True, "device": "emulate"}
ON_HOPPER = ON_EMULATOR | {"gpu_arch": ["sm_90a", "emulate"]}
ROWS = (0, 1, 17, 33, 129)


def _net(rng, width, rank, dtype=np.float32, function="Gelu", rows="M"):
    """y = f(x a + c) b + d + x."""
    shapes = {"a": (width, rank), "c": (rank,), "b": (rank, width), "d": (width,)}
    constants = {name: rng.uniform(-0.3, 0.3, shape).astype(dtype) for name, shape in shapes.items()}
    steps = [("MatMul", "x", "a"), ("Add", "0", "c"), (function, "1"), ("MatMul", "2", "b"), ("Add", "3", "d")]
    nodes = [helper.make_node(op, names, [str(i)]) for i, (op, *names) in enumerate(steps)]
    nodes.append(helper.make_node("Add", ["4", "x"], ["y"]))
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    return network(nodes, {"x": (rows, width)}, {"y": (rows, width)}, constants, kind)


def _kernels(model, tmp_path, arch="sm_80", **options):
    output = tmp_path / "model.ptx"
    strut.compile(model, output, gpu_arch=arch, emit="ptx", **options)
    return re.findall(r"\.entry (\w+)\(", output.read_text())


@pytest.mark.parametrize(
    "width,rank,function,rows", [(72, 16, "Gelu", "M"), (130, 33, "Relu", "M"), (96, 96, "Gelu", 17)]
)
def test_f32_is_what_the_cpu_gives(rng, tmp_path, assert_close, width, rank, function, rows):
    model = _net(rng, width, rank, function=function, rows=rows)
    names = _kernels(model, tmp_path)
    assert names and all(name.startswith("tensor_chain_k") for name in names), names
    on_cpu, on_gpu = strut.compile(model), strut.compile(model, **ON_EMULATOR)
    for rows in ROWS if rows == "M" else (rows,):
        x = rng.standard_normal((rows, width)).astype(np.float32)
        expected = on_cpu.run({"x": x})["y"].copy()
        assert_close(on_gpu.run({"x": x})["y"], expected, what=f"{rows} rows")


# Errors as shares of the largest output.
@pytest.mark.parametrize(
    "dtype,precision,bound",
    [
        (np.float16, "f32", 4e-3),
        (ml_dtypes.bfloat16, "f32", 3e-2),
        (np.float32, "tf32", 2e-3),
        (np.float32, "f16", 4e-3),
        (np.float32, "bf16", 3e-2),
    ],
)
@pytest.mark.parametrize("width,rank", [(64, 64), (136, 96), (72, 250)])
def test_other_types(rng, tmp_path, dtype, precision, bound, width, rank):
    if precision == "tf32" and rank > 128:
        rank = 120  # more find no room
    model = _net(rng, width, rank, dtype)
    names = _kernels(model, tmp_path, precision=precision)
    assert any(name.startswith("tensor_chain_k") for name in names), names
    assert all(name.startswith(("tensor_chain_k", "map_")) for name in names), names  # one that rounds x
    on_cpu, on_gpu = strut.compile(model), strut.compile(model, precision=precision, **ON_EMULATOR)
    for rows in ROWS:
        x = rng.standard_normal((rows, width)).astype(dtype)
        y, expected = (m.run({"x": x})["y"].astype(np.float64) for m in (on_gpu, on_cpu))
        assert y.shape == (rows, width)
        if rows:
            assert np.abs(y - expected).max() <= bound * np.abs(expected).max(), rows


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_a_row_has_the_same_bits_whatever_the_tile(rng, dtype):
    compiled = strut.compile(_net(rng, 72, 40, dtype), **ON_EMULATOR)
    x = rng.standard_normal((140, 72)).astype(dtype)
    whole = compiled.run({"x": x})["y"].copy()
    for rows in (1, 32, 33):
        assert np.array_equal(compiled.run({"x": x[:rows]})["y"], whole[:rows])


@pytest.mark.parametrize(
    "dtype,bound,width,rank,rows",
    [
        (np.float16, 4e-3, 512, 32, "M"),
        (np.float16, 4e-3, 1032, 120, 33),
        (ml_dtypes.bfloat16, 3e-2, 520, 64, 1),
        (np.float32, 1e-5, 1024, 40, 17),
    ],
)
def test_clusters_share_the_steps(rng, tmp_path, dtype, bound, width, rank, rows):
    model = _net(rng, width, rank, dtype, rows=rows)
    names = _kernels(model, tmp_path, arch="sm_90a")
    assert names and all("_of8_" in name for name in names), names
    on_cpu, on_gpu = strut.compile(model), strut.compile(model, **ON_HOPPER)
    results = {}
    x = rng.standard_normal((40, width)).astype(dtype)
    for count in (0, 1, 33, 40) if rows == "M" else (rows,):
        y, expected = (m.run({"x": x[:count]})["y"].astype(np.float64) for m in (on_gpu, on_cpu))
        assert y.shape == (count, width)
        assert np.all(np.abs(y - expected) <= bound * np.abs(expected).max(initial=0)), count
        results[count] = y
    for y in results.values():
        assert np.array_equal(y, results[max(results)][: len(y)])


def test_middles_that_do_not_pay_are_stored(rng, tmp_path):
    """Every block would read and multiply all of a large first weight."""
    names = _kernels(_net(rng, 2048, 128, np.float16), tmp_path)
    assert names and all(name.startswith("tensor_contract_") for name in names), names


@pytest.mark.parametrize("name", ["lowrank", "structured"])
def test_families(rng, tmp_path, name):
    names = _kernels(families.NETWORKS[name](rng), tmp_path)
    assert any(name.startswith("tensor_chain_k16_w16_w16_") for name in names), names


@pytest.mark.parametrize(
    "dtype,precision,rank",
    [
        *((np.float16, "f32", rank) for rank in (16, 96, 250)),
        *((np.float32, precision, rank) for precision in ("f32", "tf32") for rank in (16, 96)),
    ],
)
def test_ptxas_spills_nothing(rng, compile_ptx, ptxas, tmp_path, dtype, precision, rank):  # noqa: F811
    path = tmp_path / "net.onnx"
    for arch, width in (("sm_80", 96), ("sm_90a", 96), ("sm_90a", 1024)):
        path.write_bytes(_net(rng, width, rank, dtype, rows=17).SerializeToString())
        ptx = compile_ptx(path, "--gpu-arch", arch, "--precision", precision).stdout
        kernels = assembled(ptxas, ptx, arch, tmp_path)
        assert kernels and all(name.startswith("tensor_chain_") for name in kernels), kernels
        assert all("_of8_" in name for name in kernels) or width < 1024, kernels
        assert (".reqnctapercluster 8, 1, 1" in ptx) == any("_of8_" in name for name in kernels)
        assert all(registers <= REGISTERS and not spilled for registers, spilled in kernels.values()), kernels
