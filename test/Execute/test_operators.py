"""Operators whose elements are of any type or come from computed places, against numpy."""

import numpy as np
import onnx
import pytest
from onnx import helper


def model_of(node, inputs, outputs, constants=()):
    """A model of one node; extents that are strings are dimensions."""

    def value(name, dtype, shape):
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)

    graph = helper.make_graph(
        [node],
        "graph",
        [value(*entry) for entry in inputs],
        [value(*entry) for entry in outputs],
        [onnx.numpy_helper.from_array(array, name) for name, array in constants],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def integers(rng, dtype, shape):
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, shape, dtype, endpoint=True)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "uint64", "int8", "int16"])
def test_integers_keep_their_sign(compile_model, run_model, rng, dtype):
    """Order, quotients and shifts of the whole range, beyond one vector and its tail."""
    names = ("Max", "Min", "Div", "Mod", "Less", "BitShift")
    x, y = integers(rng, dtype, 67), integers(rng, dtype, 67)
    y[y == 0] = 3
    outputs = [(name, "bool" if name == "Less" else dtype, ["n"]) for name in names]
    model = model_of(
        helper.make_node(names[0], ["x", "y"], [names[0]]),
        [("x", dtype, ["n"]), ("y", dtype, ["n"])],
        outputs if dtype.startswith("u") else outputs[:-1],
    )
    for name in names[1:]:
        if name != "BitShift":
            model.graph.node.append(helper.make_node(name, ["x", "y"], [name]))
        elif dtype.startswith("u"):
            model.graph.node.append(helper.make_node(name, ["x", "y"], [name], direction="RIGHT"))
    got = run_model(compile_model(model), {"x": x, "y": y})
    bits = np.iinfo(dtype).bits
    pairs = [(int(a), int(b)) for a, b in zip(x, y)]
    expected = {
        "Max": [max(a, b) for a, b in pairs],
        "Min": [min(a, b) for a, b in pairs],
        "Div": [abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1) for a, b in pairs],
        "Mod": [a % b for a, b in pairs],
        "Less": [a < b for a, b in pairs],
        "BitShift": [a >> min(b, bits) for a, b in pairs] if dtype.startswith("u") else [],
    }
    for name, array in got.items():  # the lowest number by -1 wraps
        assert [int(v) % 2**bits for v in array] == [v % 2**bits for v in expected[name]], name


@pytest.mark.parametrize("to", ["uint8", "uint32", "int16", "float32", "float16", "bool"])
def test_casts_of_unsigned(compile_model, run_model, rng, to):
    x = integers(rng, "uint8", (3, 37))
    node = helper.make_node("Cast", ["x"], ["y"], to=helper.np_dtype_to_tensor_dtype(np.dtype(to)))
    model = model_of(node, [("x", "uint8", ["n", "m"])], [("y", to, ["n", "m"])])
    got = run_model(compile_model(model), {"x": x})["y"]
    assert got.dtype == np.dtype(to)
    np.testing.assert_array_equal(got, x.astype(to))


@pytest.mark.parametrize("name", ["ReduceMax", "ReduceMin"])
def test_reductions_of_unsigned(compile_model, run_model, rng, name):
    x = integers(rng, "uint8", (5, 41))
    node = helper.make_node(name, ["x", "axes"], ["y"], keepdims=0)
    model = model_of(node, [("x", "uint8", ["n", "m"])], [("y", "uint8", ["n"])], [("axes", np.array([1]))])
    got = run_model(compile_model(model), {"x": x})["y"]
    np.testing.assert_array_equal(got, x.max(1) if name == "ReduceMax" else x.min(1))


@pytest.mark.parametrize("keep", [0, 1])
@pytest.mark.parametrize("axes", [[0], [-1], [2, 0]])
def test_axes_of_the_run(compile_model, run_model, rng, assert_close, axes, keep):
    """The declared shape leaves several axes possible; the run says which."""
    x = rng.standard_normal((3, 3, 3)).astype(np.float32)
    expected = x.astype(np.float64).sum(tuple(axes), keepdims=bool(keep))
    node = helper.make_node("ReduceSum", ["x", "axes"], ["y"], keepdims=keep)
    model = model_of(
        node, [("x", "float32", [3, 3, 3]), ("axes", "int64", [len(axes)])], [("y", "float32", expected.shape)]
    )
    got = run_model(compile_model(model), {"x": x, "axes": np.array(axes)})["y"]
    assert_close(got, expected)


@pytest.mark.parametrize("axis", [0, -1])
@pytest.mark.parametrize("known", [True, False])
def test_running_sums(compile_model, run_model, rng, assert_close, axis, known):
    x = rng.standard_normal((4, 7)).astype(np.float32)
    forms = {f"y{e}{r}": {"exclusive": e, "reverse": r} for e in (0, 1) for r in (0, 1)}
    nodes = [helper.make_node("CumSum", ["x", "axis"], [name], **form) for name, form in forms.items()]
    inputs = [("x", "float32", ["n", "m"]), ("axis", "int64", [])][: 1 if known else 2]
    outputs = [(name, "float32", ["n", "m"]) for name in forms]
    model = model_of(nodes[0], inputs, outputs, [("axis", np.array(axis))] if known else [])
    model.graph.node.extend(nodes[1:])
    artefact = compile_model(model)
    feed = {"x": x} if known else {"x": x, "axis": np.array(axis)}
    got = run_model(artefact, feed)
    for name, form in forms.items():
        turned = (np.flip(x, axis) if form["reverse"] else x).astype(np.float64)
        sums = turned.cumsum(axis) - (turned if form["exclusive"] else 0)
        assert_close(got[name], np.flip(sums, axis) if form["reverse"] else sums)
    assert run_model(artefact, dict(feed, x=x[:0]))["y00"].shape == (0, 7)


@pytest.mark.parametrize("largest", [0, 1])
@pytest.mark.parametrize("k", [0, 1, 5, 23])
def test_top_k(compile_model, run_model, rng, largest, k):
    """With ties, of which the first counts."""
    x = rng.integers(-4, 5, (3, 23, 2)).astype(np.float32)
    node = helper.make_node("TopK", ["x", "k"], ["values", "indices"], axis=1, largest=largest)
    shape = ["n", k, "c"]
    model = model_of(
        node,
        [("x", "float32", ["n", 23, "c"])],
        [("values", "float32", shape), ("indices", "int64", shape)],
        [("k", np.array([k]))],
    )
    got = run_model(compile_model(model), {"x": x})
    order = np.argsort(-x if largest else x, 1, kind="stable")[:, :k]
    np.testing.assert_array_equal(got["indices"], order)
    np.testing.assert_array_equal(got["values"], np.take_along_axis(x, order, 1))


@pytest.mark.parametrize("reduction", ["none", "add", "mul", "max", "min"])
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_scatter(compile_model, run_model, rng, reduction, dtype):
    """Some updates meet; the last one counts where they are not combined."""
    data = rng.integers(0, 7, (5, 6)).astype(dtype)
    updates = rng.integers(0, 7, (9, 6)).astype(dtype)
    indices = rng.integers(-5, 5, (9, 1))
    node = helper.make_node("ScatterND", ["data", "indices", "updates"], ["y"], reduction=reduction)
    model = model_of(
        node,
        [("data", dtype, ["n", "m"]), ("indices", "int64", ["u", 1]), ("updates", dtype, ["u", "m"])],
        [("y", dtype, ["n", "m"])],
    )
    combine = {"none": lambda a, b: b, "add": np.add, "mul": np.multiply, "max": np.maximum, "min": np.minimum}
    expected = data.copy()
    for i, update in zip(indices[:, 0], updates):
        expected[i] = combine[reduction](expected[i], update)
    feed = {"data": data, "indices": indices, "updates": updates}
    np.testing.assert_array_equal(run_model(compile_model(model), feed)["y"], expected)


def test_scatter_elements(compile_model, run_model, rng):
    data = rng.standard_normal((5, 6)).astype(np.float32)
    indices = np.stack([rng.permutation(6)[:3] for _ in range(4)])
    updates = rng.standard_normal((4, 3)).astype(np.float32)
    node = helper.make_node("ScatterElements", ["data", "indices", "updates"], ["y"], axis=1)
    model = model_of(
        node,
        [("data", "float32", [5, 6]), ("indices", "int64", [4, 3]), ("updates", "float32", [4, 3])],
        [("y", "float32", [5, 6])],
    )
    expected = data.copy()
    np.put_along_axis(expected[:4], indices, updates, 1)
    feed = {"data": data, "indices": indices, "updates": updates}
    np.testing.assert_array_equal(run_model(compile_model(model), feed)["y"], expected)


def test_empty_slices(compile_model, run_model, rng):
    """A part of no elements at the end of an axis."""
    x = rng.standard_normal((2, 5)).astype(np.float32)
    node = helper.make_node("Split", ["x", "sizes"], ["a", "b"], axis=1)
    outputs = [("a", "float32", ["n", 5]), ("b", "float32", ["n", 0])]
    model = model_of(node, [("x", "float32", ["n", 5])], outputs, [("sizes", np.array([5, 0]))])
    got = run_model(compile_model(model), {"x": x})
    np.testing.assert_array_equal(got["a"], x)
    assert got["b"].shape == (2, 0)


@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_range_with_a_negative_step(compile_model, run_model, dtype):
    node = helper.make_node("Range", ["start", "limit", "delta"], ["y"])
    bounds = [("start", np.array(9, dtype)), ("limit", np.array(-5, dtype)), ("delta", np.array(-3, dtype))]
    model = model_of(node, [("x", dtype, [1])], [("y", dtype, [5])], bounds)
    model.graph.node.append(helper.make_node("Identity", ["x"], ["same"]))
    model.graph.output.append(helper.make_tensor_value_info("same", model.graph.input[0].type.tensor_type.elem_type, [1]))
    got = run_model(compile_model(model), {"x": np.ones(1, dtype)})["y"]
    np.testing.assert_array_equal(got, np.arange(9, -5, -3, dtype))


def test_dropout_keeps_all(compile_model, run_model, rng):
    x = rng.standard_normal((3, 5)).astype(np.float32)
    node = helper.make_node("Dropout", ["x"], ["y", "mask"])
    model = model_of(node, [("x", "float32", ["n", 5])], [("y", "float32", ["n", 5]), ("mask", "bool", ["n", 5])])
    got = run_model(compile_model(model), {"x": x})
    np.testing.assert_array_equal(got["y"], x)
    assert got["mask"].all() and got["mask"].shape == x.shape


@pytest.mark.parametrize("equation", ["bij,bjk->bik", "bij,bij->ij", "bij,bij", "...ij,...kj->...ik", "bij,bkl->bjk"])
def test_einsum(compile_model, run_model, rng, assert_close, equation):
    shapes = {"bij,bjk->bik": [(3, 5, 7), (3, 7, 11)], "bij,bkl->bjk": [(3, 5, 7), (3, 2, 4)]}
    left, right = shapes.get(equation, [(3, 5, 7), (3, 5, 7)])
    x, y = (rng.standard_normal(shape).astype(np.float32) for shape in (left, right))
    expected = np.einsum(equation, x.astype(np.float64), y.astype(np.float64))
    node = helper.make_node("Einsum", ["x", "y"], ["z"], equation=equation)
    inputs = [("x", "float32", [f"n{n}" for n in left]), ("y", "float32", [f"n{n}" for n in right])]
    model = model_of(node, inputs, [("z", "float32", [None] * expected.ndim)])
    assert_close(run_model(compile_model(model), {"x": x, "y": y})["z"], expected)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16"])
def test_quantize_and_back(compile_model, run_model, rng, dtype):
    """One scale a channel; what does not fit becomes the largest or lowest number."""
    x = rng.uniform(-400, 400, (3, 5, 7)).astype(np.float32)
    scale = rng.uniform(0.5, 2, 5).astype(np.float32)
    zero = rng.integers(0, 30, 5).astype(dtype)
    node = helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"], axis=1)
    outputs = [("q", dtype, ["n", 5, "m"]), ("y", "float32", ["n", 5, "m"])]
    model = model_of(node, [("x", "float32", ["n", 5, "m"])], outputs, [("scale", scale), ("zero", zero)])
    model.graph.node.append(helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["y"], axis=1))
    got = run_model(compile_model(model), {"x": x})
    info = np.iinfo(dtype)
    wide = [array.reshape(5, 1) for array in (scale, zero.astype(np.float32))]
    expected = np.clip(np.rint(x / wide[0]) + wide[1], info.min, info.max)
    np.testing.assert_array_equal(got["q"], expected.astype(dtype))
    np.testing.assert_allclose(got["y"], (expected - wide[1]) * wide[0], rtol=1e-6)


def test_integer_matrices(compile_model, run_model, rng):
    a, b = integers(rng, "uint8", (5, 19)), integers(rng, "int8", (19, 7))
    zero = np.array(131, np.uint8)
    node = helper.make_node("MatMulInteger", ["a", "b", "zero"], ["y"])
    inputs = [("a", "uint8", ["n", "k"]), ("b", "int8", ["k", "m"])]
    model = model_of(node, inputs, [("y", "int32", ["n", "m"])], [("zero", zero)])
    got = run_model(compile_model(model), {"a": a, "b": b})["y"]
    np.testing.assert_array_equal(got, (a.astype(np.int32) - 131) @ b.astype(np.int32))


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "wrap"])
@pytest.mark.parametrize("known", [True, False])
def test_pads(compile_model, run_model, rng, mode, known):
    """Wider than the tensor too; the run may bring the pads and their axes."""
    x = rng.standard_normal((3, 5)).astype(np.float32)
    pads, axes = np.array([4, 1, 0, 3]), np.array([1, 0])
    expected = np.pad(x, [(1, 3), (4, 0)], mode)
    node = helper.make_node("Pad", ["x", "pads", "", "axes"], ["y"], mode=mode)
    inputs = [("x", "float32", [3, 5]), ("pads", "int64", [4]), ("axes", "int64", [2])]
    model = model_of(
        node,
        inputs[: 1 if known else 3],
        [("y", "float32", expected.shape)],
        [("pads", pads), ("axes", axes)] if known else [],
    )
    feed = {"x": x} if known else {"x": x, "pads": pads, "axes": axes}
    np.testing.assert_array_equal(run_model(compile_model(model), feed)["y"], expected)


@pytest.mark.parametrize("p", [1, 2, 3])
def test_lp_pool(compile_model, run_model, rng, assert_close, p):
    x = rng.standard_normal((2, 3, 11)).astype(np.float32)
    node = helper.make_node("LpPool", ["x"], ["y"], kernel_shape=[3], strides=[2], p=p)
    model = model_of(node, [("x", "float32", ["n", 3, 11])], [("y", "float32", ["n", 3, 5])])
    windows = np.lib.stride_tricks.sliding_window_view(np.abs(x.astype(np.float64)), 3, 2)[:, :, ::2]
    assert_close(run_model(compile_model(model), {"x": x})["y"], (windows**p).sum(-1) ** (1 / p))


def test_scan(compile_model, run_model, rng, assert_close):
    """From the last row to the first, the collected rows in the order of the steps."""
    body = helper.make_graph(
        [helper.make_node("Add", ["s", "r"], ["t"]), helper.make_node("Mul", ["t", "r"], ["o"])],
        "body",
        [helper.make_tensor_value_info(n, 1, [4]) for n in ("s", "r")],
        [helper.make_tensor_value_info(n, 1, [4]) for n in ("t", "o")],
    )
    node = helper.make_node("Scan", ["start", "x"], ["last", "y"], body=body, num_scan_inputs=1, scan_input_directions=[1])
    x, start = rng.standard_normal((5, 4)).astype(np.float32), rng.standard_normal(4).astype(np.float32)
    outputs = [("last", "float32", [4]), ("y", "float32", [5, 4])]
    model = model_of(node, [("start", "float32", [4]), ("x", "float32", [5, 4])], outputs)
    got = run_model(compile_model(model), {"start": start, "x": x})
    state, rows = start.astype(np.float64), []
    for row in x[::-1].astype(np.float64):
        state = state + row
        rows.append(state * row)
    assert_close(got["last"], state)
    assert_close(got["y"], np.stack(rows))


def group_normalization(x, groups, scale, bias, epsilon):
    x = x.astype(np.float64)
    parts = x.reshape(len(x), groups, -1) if x.size else x.reshape(len(x), groups, 0)
    mean = parts.mean(-1, keepdims=True) if x.size else 0
    variance = ((parts - mean) ** 2).mean(-1, keepdims=True) if x.size else 0
    normal = ((parts - mean) / np.sqrt(variance + epsilon)).reshape(x.shape)
    shape = (1, -1) + (1,) * (x.ndim - 2)
    return normal * scale.reshape(shape) + bias.reshape(shape)


@pytest.mark.parametrize("groups", [1, 3, 12])
@pytest.mark.parametrize("spatial", [(1,), (7, 11), (2, 3, 5)], ids=str)
def test_group_normalization(compile_model, run_model, assert_close, rng, groups, spatial):
    """Away from zero, so that the mean matters; with no image, one, and several."""
    axes = [f"s{i}" for i in range(len(spatial))]
    scale, bias = (rng.standard_normal(12).astype(np.float32) for _ in range(2))
    node = helper.make_node("GroupNormalization", ["x", "g", "b"], ["y"], num_groups=groups, epsilon=1e-3)
    library = compile_model(
        model_of(
            node,
            [("x", "float32", ["n", 12, *axes])],
            [("y", "float32", ["n", 12, *axes])],
            [("g", scale), ("b", bias)],
        )
    )
    for images in (0, 1, 3):
        x = (rng.standard_normal((images, 12, *spatial)) + 5).astype(np.float32)
        exact = group_normalization(x, groups, scale, bias, 1e-3)
        assert_close(run_model(library, {"x": x})["y"], exact)
