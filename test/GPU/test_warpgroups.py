"""Products by the warpgroups of Hopper GPUs, in whole models on the emulator."""

import re

import numpy as np
import pytest
from onnx import TensorProto, helper

import strut
from GPU.networks import network
from GPU.test_ptx import assembled, compile_ptx, ptxas  # noqa: F401 (fixtures)

ON_EMULATOR = {"gpu_arch": ["sm_90a", "emulate"], "no_cpu": True, "device": "emulate"}


def _draw(rng, *shape):
    return rng.uniform(-1, 1, shape).astype(np.float16)


def _layer(rng, terms=72, columns=136):
    """y = relu(x w + b)."""
    constants = {"w": _draw(rng, terms, columns), "b": _draw(rng, columns)}
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["p"]),
        helper.make_node("Add", ["p", "b"], ["q"]),
        helper.make_node("Relu", ["q"], ["y"]),
    ]
    return network(nodes, {"x": ("M", terms)}, {"y": ("M", columns)}, constants, TensorProto.FLOAT16), constants


def _kernels(model, tmp_path):
    output = tmp_path / "model.ptx"
    strut.compile(model, output, gpu_arch="sm_90a", emit="ptx")
    return re.findall(r"\.entry (\w+)\(", output.read_text())


def _close(y, exact, magnitudes):
    """Whether f16 results are the exact ones, rounded, but for what f32 sums are off."""
    return np.all(np.abs(y.astype(np.float64) - exact) <= 2.0**-11 * np.abs(exact) + 1e-6 * magnitudes + 1e-7)


def test_a_layer(rng, tmp_path):
    model, constants = _layer(rng)
    names = _kernels(model, tmp_path)
    assert names and all(name.startswith("warpgroup_contract_kw_") for name in names), names
    w, b = (constants[name].astype(np.float64) for name in "wb")
    compiled = strut.compile(model, **ON_EMULATOR)
    rows = {}
    for count in (0, 1, 17, 129):
        x = _draw(rng, 129, 72)[:count] if count < 129 else _draw(rng, count, 72)
        y = compiled.run({"x": x})["y"].copy()
        assert y.shape == (count, 136)
        products = x.astype(np.float64) @ w
        # The product is rounded to f16 before the bias is added, as the model says.
        exact = np.maximum(products.astype(np.float16).astype(np.float64) + b, 0)
        near = np.abs(x).astype(np.float64) @ np.abs(w)
        assert np.all(np.abs(y - exact) <= 2.0**-10 * (near + np.abs(b)))
        rows[count] = x, y
    # The bits of a row do not depend on how many there are, that is, on the tile.
    x, whole = rows[129]
    for count in (1, 64):
        assert np.array_equal(compiled.run({"x": x[:count]})["y"], whole[:count])


def test_batches(rng, tmp_path):
    node = helper.make_node("MatMul", ["a", "b"], ["y"])
    inputs = {"a": ("B", "M", 40), "b": ("B", 40, 72)}
    model = network([node], inputs, {"y": ("B", "M", 72)}, {}, TensorProto.FLOAT16)
    assert all(name.startswith("warpgroup_contract_kw_") for name in _kernels(model, tmp_path))
    a, b = _draw(rng, 3, 70, 40), _draw(rng, 3, 40, 72)
    y = strut.compile(model, **ON_EMULATOR).run({"a": a, "b": b})["y"]
    a, b = a.astype(np.float64), b.astype(np.float64)
    assert _close(y, a @ b, np.abs(a) @ np.abs(b))


@pytest.mark.parametrize("terms,columns", [(68, 136), (72, 132)])
def test_lines_that_bulk_copies_do_not_take(rng, tmp_path, terms, columns):
    model, _ = _layer(rng, terms, columns)
    names = _kernels(model, tmp_path)
    assert names and all(name.startswith("tensor_contract_") for name in names), names


@pytest.mark.parametrize("is_wide", [False, True])
def test_ptxas(rng, compile_ptx, ptxas, tmp_path, is_wide):  # noqa: F811
    """Each tile has the registers that its warpgroups share out, and what is lost is told by a warning:
    of results as bulk copies take them, and of those that go through shared memory."""
    model, _ = _layer(rng)
    if is_wide:
        model.graph.node[-1].output[0] = "narrow"
        model.graph.node.append(helper.make_node("Cast", ["narrow"], ["y"], to=TensorProto.FLOAT))
        model.graph.output[0].type.tensor_type.elem_type = TensorProto.FLOAT
    path = tmp_path / "layer.onnx"
    path.write_bytes(model.SerializeToString())
    kernels = assembled(ptxas, compile_ptx(path, "--gpu-arch", "sm_90a").stdout, "sm_90a", tmp_path)
    assert len(kernels) == 3 and all(("_f32_" in name) == is_wide for name in kernels), kernels
    assert all(registers <= 65536 and not spilled for registers, spilled in kernels.values()), kernels
