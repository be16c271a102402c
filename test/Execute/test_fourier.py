"""DFT, STFT and the windows of signals, against numpy in f64."""

import json

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper


def value(name, dtype, shape):
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)


def model_of(node, inputs, outputs, constants=(), opset=20):
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in constants]
    graph = helper.make_graph([node], "graph", inputs, outputs, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def parts(z):
    return np.stack([z.real, z.imag], -1)


def reference(x, axis, length=None, inverse=False, onesided=False):
    """Of an array whose last axis has the parts, in f64."""
    x = x.astype(np.float64)
    z = x[..., 0] if x.shape[-1] == 1 else x[..., 0] + 1j * x[..., 1]
    axis = axis - x.ndim + 1 if axis > 0 else axis + 1 if axis < 0 else -x.ndim + 1
    if inverse and onesided:
        return np.fft.irfft(z, length, axis)[..., None]
    transform = np.fft.ifft if inverse else np.fft.rfft if onesided else np.fft.fft
    return parts(transform(z, length, axis))


def dft(axis, dtype="float32", dims=None, length=None, parts_in=2, constants=(), **attributes):
    """A model of one DFT of `dims`, its axis and length constants."""
    given = [("axis", np.int64(axis))]
    given += [] if length is None else [("length", np.int64(length))]
    node = helper.make_node("DFT", ["x", "length" if length else "", "axis"], ["y"], **attributes)
    return model_of(node, [value("x", dtype, [*dims, parts_in])], [value("y", dtype, None)], given)


FORMS = [(2, False, False), (2, True, False), (1, False, False), (1, True, False), (1, False, True)]


@pytest.mark.parametrize("length", [1, 2, 31, 360, 1155])
@pytest.mark.parametrize("axis", [1, 2])
def test_lengths(compile_model, run_model, rng, assert_close, length, axis):
    """Small, prime, and of several factors, along the last axis and another one; all forms in
    one model. The rows are some, and none."""
    graph_inputs, nodes, outputs, arrays = [], [], [], {}
    for i, (count, inverse, onesided) in enumerate([*FORMS, (2, True, True)]):
        values = length // 2 + 1 if inverse and onesided else length
        shape = ["b", 3, values, count] if axis == 2 else ["b", values, 3, count]
        graph_inputs.append(value(f"x{i}", "float32", shape))
        outputs.append(value(f"y{i}", "float32", None))
        nodes.append(
            helper.make_node(
                "DFT", [f"x{i}", "length", "axis"], [f"y{i}"], inverse=int(inverse), onesided=int(onesided)
            )
        )
        arrays[f"x{i}"] = (shape, inverse, onesided)
    constants = [("axis", np.int64(axis)), ("length", np.int64(length))]
    model = model_of(nodes[0], graph_inputs, outputs, constants)
    model.graph.node.extend(nodes[1:])
    artefact = compile_model(model)
    for batch in (2, 0, 5):
        feed = {
            name: rng.standard_normal([batch if extent == "b" else extent for extent in shape]).astype(np.float32)
            for name, (shape, _, _) in arrays.items()
        }
        got = run_model(artefact, feed)
        for name, (_, inverse, onesided) in arrays.items():
            expected = reference(feed[name], axis, length, inverse, onesided)
            assert_close(got[name.replace("x", "y")], expected, what=f"{name} of {batch}")


@pytest.mark.parametrize("dtype", ["float64", "float16"])
def test_types(compile_model, run_model, rng, assert_close, dtype):
    x = rng.standard_normal((3, 96, 2)).astype(dtype)
    got = run_model(compile_model(dft(1, dtype, ["b", 96])), {"x": x})["y"]
    if dtype == "float64":
        assert_close(got, reference(x, 1), dtype)
    else:  # values between stages are rounded, too
        expected = reference(x, 1)
        assert np.abs(got - expected).max() < 4e-3 * np.sqrt((expected**2).mean())


@pytest.mark.parametrize("axis", [1, 2])
@pytest.mark.parametrize("given", [5, 90, 200])
def test_signals_of_other_lengths(compile_model, run_model, rng, assert_close, axis, given):
    """What is too long is cut, what is too short filled with zeros."""
    shape = [2, given, 5, 2] if axis == 1 else [2, 5, given, 2]
    x = rng.standard_normal(shape).astype(np.float32)
    for dims in (["b", *shape[1:-1]], ["a", "b", "c"]):
        got = run_model(compile_model(dft(axis, dims=dims, length=96)), {"x": x})["y"]
        assert_close(got, reference(x, axis, 96), what=str(dims))


@pytest.mark.parametrize("count,inverse,onesided", [*FORMS, (2, True, True)])
@pytest.mark.parametrize("axis", [0, 1, -2])
def test_lengths_of_the_run(compile_model, run_model, rng, assert_close, count, inverse, onesided, axis):
    model = dft(axis, dims=["a", "b", "c"], parts_in=count, inverse=int(inverse), onesided=int(onesided))
    artefact = compile_model(model)
    for shape in ((3, 4, 6), (2, 11, 17), (5, 2, 2)):
        x = rng.standard_normal([*shape, count]).astype(np.float32)
        got = run_model(artefact, {"x": x})["y"]
        assert_close(got, reference(x, axis, None, inverse, onesided), what=str(shape))


@pytest.mark.parametrize("axis", [0, 1, -2])
def test_axes_of_the_run(compile_model, run_model, rng, assert_close, axis):
    node = helper.make_node("DFT", ["x", "", "axis"], ["y"], inverse=1)
    inputs = [value("x", "float32", ["a", "b", "c", 2]), value("axis", "int64", [])]
    artefact = compile_model(model_of(node, inputs, [value("y", "float32", None)]))
    x = rng.standard_normal((3, 5, 7, 2)).astype(np.float32)
    got = run_model(artefact, {"x": x, "axis": np.int64(axis)})["y"]
    assert_close(got, reference(x, axis, inverse=True))


def test_opset_17(compile_model, run_model, rng, assert_close):
    node = helper.make_node("DFT", ["x", "length"], ["y"], axis=2, onesided=1)
    model = model_of(
        node, [value("x", "float32", ["b", 3, 12, 1])], [value("y", "float32", None)], [("length", np.int64(10))], 17
    )
    x = rng.standard_normal((2, 3, 12, 1)).astype(np.float32)
    assert_close(run_model(compile_model(model), {"x": x})["y"], reference(x, 2, 10, onesided=True))


def test_there_and_back(compile_model, run_model, rng, assert_close):
    """rfft2 and irfft2, of a rectangle with one odd side: nothing is interleaved on the way."""
    height, width = 6, 9
    nodes = [
        helper.make_node("Unsqueeze", ["x", "last"], ["r"]),
        helper.make_node("DFT", ["r", "width", "w"], ["f"], onesided=1),
        helper.make_node("DFT", ["f", "", "h"], ["g"]),
        helper.make_node("DFT", ["g", "", "h"], ["i"], inverse=1),
        helper.make_node("DFT", ["i", "width", "w"], ["s"], inverse=1, onesided=1),
        helper.make_node("Squeeze", ["s", "last"], ["y"]),
    ]
    constants = [
        ("last", np.array([-1])), ("w", np.int64(3)), ("h", np.int64(2)), ("width", np.int64(width))
    ]  # fmt: skip
    shape = ["b", 5, height, width]
    model = model_of(nodes[0], [value("x", "float32", shape)], [value("y", "float32", shape)], constants)
    model.graph.node.extend(nodes[1:])
    x = rng.standard_normal((2, 5, height, width)).astype(np.float32)
    assert_close(run_model(compile_model(model), {"x": x})["y"], x.astype(np.float64))
    kernels = compile_model(model, "--emit", "mlir-kernel", output="stage.mlir").read_text()
    # Products alone: no move is left between them.
    assert kernels.count("kernel.contract ins") == 4 and "kernel.map ins" not in kernels, kernels


def stft_reference(x, window, step, onesided):
    x = x.astype(np.float64)
    z = x[..., 0] if x.shape[-1] == 1 else x[..., 0] + 1j * x[..., 1]
    starts = range(0, x.shape[1] - len(window) + 1, step)
    frames = np.stack([z[:, s : s + len(window)] * window for s in starts], 1)
    return parts((np.fft.rfft if onesided else np.fft.fft)(frames, axis=-1))


@pytest.mark.parametrize("size,step", [(16, 8), (400, 160), (7, 3)])
@pytest.mark.parametrize("spelling", ["constant", "length", "input"])
@pytest.mark.parametrize("onesided", [0, 1])
def test_short_time(compile_model, run_model, rng, assert_close, size, step, spelling, onesided):
    window = {"constant": ["size"], "length": [], "input": []}[spelling]
    nodes = [helper.make_node("HannWindow", window, ["window"])] if window else []
    name = "" if spelling == "length" else "window"
    reads = ["x", "step", name, "size" if spelling == "length" else ""]
    nodes.append(helper.make_node("STFT", reads, ["y"], onesided=onesided))
    count = 1 if onesided else 2
    inputs = [value("x", "float32", ["b", "n", count])]
    if spelling == "input":
        inputs.append(value("window", "float32", [size]))
    constants = [("step", np.int64(step)), ("size", np.int64(size))]
    model = model_of(nodes[0], inputs, [value("y", "float32", None)], constants)
    model.graph.node.extend(nodes[1:])
    artefact = compile_model(model)
    weights = {
        "constant": 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size),
        "length": np.ones(size),
        "input": rng.uniform(0, 1, size).astype(np.float32).astype(np.float64),
    }[spelling]
    for length in (size, 3 * size + 5):
        x = rng.standard_normal((2, length, count)).astype(np.float32)
        feed = {"x": x} | ({"window": weights.astype(np.float32)} if spelling == "input" else {})
        got = run_model(artefact, feed)["y"]
        assert_close(got, stft_reference(x, weights, step, onesided), what=f"{length} values")


@pytest.mark.parametrize("name,weights", [
    ("HannWindow", (0.5, 0.5, 0)), ("HammingWindow", (25 / 46, 21 / 46, 0)), ("BlackmanWindow", (0.42, 0.5, 0.08)),
])  # fmt: skip
@pytest.mark.parametrize("periodic", [0, 1])
def test_windows(compile_model, run_model, assert_close, name, weights, periodic):
    """Of a constant, of a dimension, of the run where the model declares the size."""
    nodes = [
        helper.make_node(name, ["size"], ["fixed"], periodic=periodic),
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Squeeze", ["shape"], ["extent"]),
        helper.make_node(name, ["extent"], ["symbolic"], periodic=periodic, output_datatype=11),
        helper.make_node(name, ["count"], ["declared"], periodic=periodic),
    ]
    outputs = [value("fixed", "float32", [37]), value("symbolic", "float64", ["n"]), value("declared", "float32", [5])]
    inputs = [value("x", "float32", ["n"]), value("count", "int32", [])]
    model = model_of(nodes[0], inputs, outputs, [("size", np.int64(37))])
    model.graph.node.extend(nodes[1:])
    got = run_model(compile_model(model), {"x": np.ones(19, np.float32), "count": np.int32(5)})
    for key, size in (("fixed", 37), ("symbolic", 19), ("declared", 5)):
        a0, a1, a2 = weights
        angle = 2 * np.pi * np.arange(size) / (size if periodic else size - 1)
        expected = a0 - a1 * np.cos(angle) + a2 * np.cos(2 * angle)
        assert_close(got[key], expected, str(got[key].dtype), what=key)
    # A constant window is no work of the run.
    kernels = compile_model(model, "--emit", "mlir-kernel", output="stage.mlir").read_text()
    assert kernels.count("math.cos") == 2


@pytest.mark.parametrize("change,message", [
    ({"parts": 3}, "neither one part nor two"),
    ({"axis": 2}, "axis"),
    ({"length": 0}, "length"),
    ({"onesided": 1}, "real"),
])  # fmt: skip
def test_refused(strut_run, tmp_path, change, message):
    attributes = {k: v for k, v in change.items() if k == "onesided"}
    node = helper.make_node("DFT", ["x", "length", "axis"], ["y"], **attributes)
    constants = [("axis", np.int64(change.get("axis", 1))), ("length", np.int64(change.get("length", 4)))]
    model = model_of(node, [value("x", "float32", ["b", "n", change.get("parts", 2)])],
                     [value("y", "float32", None)], constants)  # fmt: skip
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    done = strut_run("compile", tmp_path / "model.onnx", "-o", tmp_path / "model.so", code=None, timeout=60)
    assert done.returncode == 1 and message in done.stderr, done.stderr


def test_factors_are_chosen(strut_run, tmp_path):
    """By the cost of a machine, and said."""
    model = dft(1, dims=["b", 1024])
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    done = strut_run("explain", tmp_path / "model.onnx", "--json")
    (block,) = json.loads(done.stdout)["blocks"]
    assert block["kind"] == "spectral"
    names = [form["name"] for form in block["forms"]]
    assert names[0] == "dense" and " x " in names[1], names
    dense, factored = (form["flops"] for form in block["forms"])
    assert factored < dense / 8
