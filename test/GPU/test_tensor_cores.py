"""Products on tensor cores, in whole models on the emulator."""

import re

import numpy as np
import pytest
from onnx import TensorProto, helper

import strut
from GPU.networks import ALL, network

ON_EMULATOR = {"gpu_arch": "emulate", "no_cpu": True, "device": "emulate"}


def _layer(rng, dtype=np.float32, inner=48, outer=72, rows="M"):
    """y = relu(x w + b)."""
    shapes = {"w": (inner, outer), "b": (outer,)}
    constants = {name: rng.uniform(-1, 1, shape).astype(dtype) for name, shape in shapes.items()}
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["p"]),
        helper.make_node("Add", ["p", "b"], ["q"]),
        helper.make_node("Relu", ["q"], ["y"]),
    ]
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    return network(nodes, {"x": (rows, inner)}, {"y": (rows, outer)}, constants, kind), constants


def _errors(y, x, constants):
    """Of each element, as shares of the magnitudes that were added."""
    w, b = (constants[name].astype(np.float64) for name in "wb")
    exact = np.maximum(x.astype(np.float64) @ w + b, 0)
    return np.abs(y - exact) / (np.abs(x).astype(np.float64) @ np.abs(w) + np.abs(b))


def _kernels(model, tmp_path, **options):
    output = tmp_path / "model.ptx"
    strut.compile(model, output, gpu_arch="sm_80", emit="ptx", **options)
    return re.findall(r"\.entry (\w+)\(", output.read_text())


@pytest.mark.parametrize(
    "dtype,precision,least,most",
    [
        (np.float32, None, 0, 1e-6),
        (np.float32, "tf32", 1e-5, 1e-3),
        (np.float32, "f16", 1e-5, 1.1e-3),  # both factors are, by up to 2^-11
        (np.float32, "bf16", 1e-4, 8.8e-3),  # 2^-8
        (np.float16, None, 0, 1e-3),  # the result is rounded to f16
    ],
)
def test_products(rng, tmp_path, dtype, precision, least, most):
    model, constants = _layer(rng, dtype)
    names = _kernels(model, tmp_path, precision=precision)
    assert any(name.startswith("tensor_") for name in names)
    assert all(name.startswith(("tensor_contract_k16_w16", "map_")) for name in names)  # one that rounds x
    compiled = strut.compile(model, precision=precision, **ON_EMULATOR)
    for rows in (0, 1, 33, 129):
        x = rng.uniform(-1, 1, (rows, 48)).astype(dtype)
        y = compiled.run({"x": x})["y"]
        assert y.shape == (rows, 72)
        if rows:
            worst = _errors(y.astype(np.float64), x, constants).max()
            assert worst <= most and (rows < 129 or worst >= least)


def test_a_row_has_the_same_bits_whatever_the_tile(rng):
    model, _ = _layer(rng)
    compiled = strut.compile(model, **ON_EMULATOR)
    x = rng.uniform(-1, 1, (140, 48)).astype(np.float32)
    whole = compiled.run({"x": x})["y"].copy()
    for rows in (1, 32, 33):
        assert np.array_equal(compiled.run({"x": x[:rows]})["y"], whole[:rows])


def test_steps_are_shared_by_blocks(rng, tmp_path):
    """Of few rows of long sums, whose bits stay those of many rows."""
    model, constants = _layer(rng, inner=1300, outer=40)
    names = _kernels(model, tmp_path)
    assert any(name.startswith("tensor_contract_segment_k16_w16_32x64") for name in names), names
    compiled = strut.compile(model, **ON_EMULATOR)
    x = rng.uniform(-1, 1, (40, 1300)).astype(np.float32)
    whole = compiled.run({"x": x})["y"].copy()
    assert _errors(whole, x, constants).max() <= 1e-6
    for rows in (0, 1, 17, 32, 33):
        assert np.array_equal(compiled.run({"x": x[:rows]})["y"], whole[:rows])


def test_steps_of_windows_are_shared(rng, tmp_path, assert_close):
    """A small picture has few places."""
    w = rng.standard_normal((32, 256, 3, 3)).astype(np.float32) / 48
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])]
    model = network(nodes, {"x": ("N", 256, 4, 4)}, {"y": ("N", 32, 4, 4)}, {"w": w})
    names = _kernels(model, tmp_path)
    assert any(name.startswith("tensor_contract_segment") for name in names), names
    on_cpu, on_gpu = strut.compile(model), strut.compile(model, **ON_EMULATOR)
    for count in (1, 2, 3):
        x = rng.standard_normal((count, 256, 4, 4)).astype(np.float32)
        expected = on_cpu.run({"x": x})["y"].copy()
        assert_close(on_gpu.run({"x": x})["y"], expected, what=f"{count} pictures")


@pytest.mark.parametrize("precision", [None, "tf32", "f16"])
def test_steps_of_a_known_number_of_rows_are_shared(rng, tmp_path, precision):
    dtype = np.float32 if precision else np.float16
    model, constants = _layer(rng, dtype, inner=4104, outer=40, rows=3)
    names = _kernels(model, tmp_path, precision=precision)
    assert any(name.startswith("tensor_contract_segment_k16_w16_32x64") for name in names), names
    x = rng.uniform(-1, 1, (3, 4104)).astype(dtype)
    y = strut.compile(model, precision=precision, **ON_EMULATOR).run({"x": x})["y"]
    assert _errors(y.astype(np.float64), x, constants).max() <= 1.1e-3


def test_convolutions(rng, tmp_path, assert_close):
    constants = {
        "c1": rng.standard_normal((16, 3, 3, 3)).astype(np.float32) / 5,
        "c2": rng.standard_normal((32, 16, 3, 3)).astype(np.float32) / 12,
    }
    nodes = [
        helper.make_node("Conv", ["x", "c1"], ["p"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["p"], ["q"]),
        helper.make_node("Conv", ["q", "c2"], ["y"], strides=[2, 2]),
    ]
    model = network(nodes, {"x": ("N", 3, 11, 9)}, {"y": ("N", 32, 5, 4)}, constants)
    names = _kernels(model, tmp_path)
    assert any(name.startswith("tensor_contract_k16") for name in names), names  # channels lie side by side
    x = rng.standard_normal((2, 3, 11, 9)).astype(np.float32)
    expected = strut.compile(model).run({"x": x})["y"].copy()
    assert_close(strut.compile(model, **ON_EMULATOR).run({"x": x})["y"], expected)


def test_batches_of_products(rng, tmp_path, assert_close):
    nodes = [
        helper.make_node("Transpose", ["b"], ["t"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["a", "t"], ["y"]),
    ]
    model = network(nodes, {"a": ("B", "M", 40), "b": ("B", "N", 40)}, {"y": ("B", "M", "N")}, {})
    assert any(name.startswith("tensor_contract_k16_k16") for name in _kernels(model, tmp_path))
    a, b = (rng.standard_normal((3, size, 40)).astype(np.float32) for size in (37, 21))
    y = strut.compile(model, **ON_EMULATOR).run({"a": a, "b": b})["y"]
    assert_close(y, a @ b.transpose(0, 2, 1))


def test_blocks_of_a_diagonal(rng, tmp_path, assert_close):
    """x's features in 4 groups, each with a matrix of its own, as torch.einsum writes it."""
    w = rng.uniform(-1, 1, (4, 24, 40)).astype(np.float32)
    nodes = [helper.make_node("Einsum", ["x", "w"], ["y"], equation="bgi,gio->bgo")]
    model = network(nodes, {"x": ("M", 4, 24)}, {"y": ("M", 4, 40)}, {"w": w})
    assert any(name.startswith("tensor_contract_k16_w16") for name in _kernels(model, tmp_path))
    compiled = strut.compile(model, **ON_EMULATOR)
    for rows in (1, 17, 129):
        x = rng.standard_normal((rows, 4, 24)).astype(np.float32)
        assert_close(compiled.run({"x": x})["y"], np.einsum("bgi,gio->bgo", x, w))


def test_tensor_cores_take_experts(rng, tmp_path):
    assert any(name.startswith("tensor_grouped_") for name in _kernels(ALL["experts"](rng), tmp_path))


def _inputs(model, rows, rng):
    shapes = {i.name: [d.dim_value or rows for d in i.type.tensor_type.shape.dim] for i in model.graph.input}
    return {name: rng.uniform(0.1, 1, shape).astype(np.float32) for name, shape in shapes.items()}


@pytest.mark.parametrize("precision,bound", [("f16", 4e-3), ("bf16", 3e-2)])
@pytest.mark.parametrize("network", ["attention", "cnn", "ffn", "gated"])
def test_rounded_factors_in_networks(rng, network, precision, bound):
    """Within some units of the type, as a share of the largest output of f32."""
    model = ALL[network](rng)
    exact, rounded = strut.compile(model), strut.compile(model, precision=precision, **ON_EMULATOR)
    for rows in (1, 17):
        x = _inputs(model, rows, rng)
        for name, expected in exact.run(x).items():
            error = np.abs(rounded.run(x)[name] - expected).max()
            assert error <= bound * np.abs(expected).max()


def test_rounded_weights_are_stored_so(rng, tmp_path):
    w = rng.standard_normal((512, 512)).astype(np.float32)
    model = network([helper.make_node("MatMul", ["x", "w"], ["y"])], {"x": ("M", 512)}, {"y": ("M", 512)}, {"w": w})
    size = {}
    for precision in ("f32", "f16"):
        output = tmp_path / f"{precision}.so"
        strut.compile(model, output, gpu_arch="sm_80", no_cpu=True, precision=precision)
        size[precision] = output.stat().st_size
    assert size["f32"] - size["f16"] > 0.9 * w.nbytes / 2


@pytest.mark.parametrize("precision,bound", [(None, 1e-4), ("f16", 4e-3)])
def test_experts_of_all_sizes(rng, precision, bound):
    """Most rows go to one expert, one expert gets none, another a single row."""
    shapes = {"w1": (4, 40, 24), "b1": (4, 40), "w2": (4, 24, 40), "b2": (4, 24)}
    constants = {name: rng.uniform(-0.3, 0.3, shape).astype(np.float32) for name, shape in shapes.items()}
    options = {"domain": "com.microsoft", "k": 1, "activation_type": "relu"}
    nodes = [helper.make_node("MoE", ["x", "logits", *shapes], ["y"], name="experts", **options)]
    model = network(nodes, {"x": ("M", 24), "logits": ("M", 4)}, {"y": ("M", 24)}, constants)
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    exact, tensor = strut.compile(model), strut.compile(model, precision=precision, **ON_EMULATOR)
    for rows in (1, 17, 129):
        chosen = np.full(rows, 2)
        chosen[0], chosen[-1] = 3, 0
        x = {
            "x": rng.uniform(-1, 1, (rows, 24)).astype(np.float32),
            "logits": np.eye(4, dtype=np.float32)[chosen] * 9,
        }
        expected = exact.run(x)["y"].copy()
        assert np.abs(tensor.run(x)["y"] - expected).max() <= bound * np.abs(expected).max()
