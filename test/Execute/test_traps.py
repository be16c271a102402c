"""What a rewrite that looks right gets wrong: one test for each trap."""

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from mutations import Graph


@pytest.fixture
def run(compile_model):
    """run(graph, {name: x}): the output of the graph's last node, a matrix."""
    import strut

    def compile_and_run(graph, inputs):
        graph.nodes[-1].output[0] = "y"
        library = compile_model(graph.model(y=2))
        return np.asarray(strut.load(str(library), threads=2).run(inputs)["y"])

    return compile_and_run


def fired(tmp_path):
    """The rewrites of the model that was compiled last."""
    import strut

    return {rewrite["name"] for rewrite in strut.explain(str(tmp_path / "model.onnx"))["rewrites"]}


def test_an_idle_channel_keeps_its_function_out(run, rng, tmp_path):
    """exp(u) is infinite where the mask has chosen u: the product with 0 would be NaN."""
    graph, mask = Graph([("n", 8)]), np.arange(32) < 6
    first, second = rng.standard_normal((8, 32)), rng.standard_normal((32, 8))
    first[:, 6:] *= 100
    u = graph.node("MatMul", "x0", first)
    graph.constants.append(onnx.numpy_helper.from_array(mask, "mask"))
    graph.node("MatMul", graph.node("Where", "mask", graph.node("Exp", u), u), second)
    x = np.float32(rng.uniform(0.5, 1, (5, 8)) * rng.choice([-1, 1], (5, 8)))
    exact = np.float64(x) @ np.float32(first)
    exact[:, mask] = np.exp(exact[:, mask])
    y = run(graph, {"x0": x})
    assert "collapse-linear-branches" in fired(tmp_path)
    wanted = exact @ np.float32(second)
    np.testing.assert_allclose(y, wanted, rtol=1e-3, atol=1e-3 * np.abs(wanted).max())


def test_a_factor_scales_the_bias_too(run, rng, tmp_path):
    graph = Graph([("n", 8)])
    weight, bias, scale = rng.standard_normal((8, 5)), rng.standard_normal(5) * 100, rng.standard_normal(5)
    graph.node("Mul", graph.node("Add", graph.node("MatMul", "x0", weight), bias), scale)
    x = np.zeros((3, 8), np.float32)
    np.testing.assert_allclose(run(graph, {"x0": x}), np.tile(bias * scale, (3, 1)), rtol=1e-5)
    assert "absorb-affine" in fired(tmp_path)


@pytest.mark.parametrize("repeated", [True, False], ids=["repeated", "different"])
def test_a_parameter_that_was_repeated_is_one_row(repeated, run, rng, tmp_path):
    """Exporters store p.expand_as(x); only rows that are all equal are a bias."""
    rows = rng.standard_normal((1 if repeated else 6, 8)) * np.ones((6, 1))
    graph, weight = Graph([(6, 8)]), rng.standard_normal((8, 8))
    graph.node("MatMul", graph.node("Add", "x0", rows), weight)
    x = np.float32(rng.standard_normal((6, 8)))
    y = run(graph, {"x0": x})
    np.testing.assert_allclose(y, (np.float64(x) + rows) @ weight, rtol=1e-4, atol=1e-4)
    assert ("absorb-affine" in fired(tmp_path)) == repeated


def test_rows_that_were_joined_are_not_repeated(run, rng, tmp_path):
    """[g, 1, d] expanded to [g, n, d] and flattened: a row is one of g, not one of all."""
    graph, weight = Graph([(3, 1, 8)]), rng.standard_normal((8, 5))
    wide = graph.node("Expand", "x0", np.array([3, 4, 8]))
    graph.node("MatMul", graph.node("Reshape", wide, np.array([12, 8])), weight)
    x = np.float32(rng.standard_normal((3, 1, 8)))
    wanted = np.repeat(np.float64(x)[:, 0] @ weight, 4, 0)
    np.testing.assert_allclose(run(graph, {"x0": x}), wanted, rtol=1e-4, atol=1e-5)


def test_the_sign_of_zero_is_zero(run):
    """Of both zeros, and so in a product with signs: a binary layer may not take them for 1."""
    graph, weight = Graph([("n", 4)]), np.array([[1.0, -2, 0, 3]]).T
    graph.node("MatMul", graph.node("Sign", "x0"), np.sign(weight))
    x = np.array([[0.0, -0.0, 5, 0], [-1e-30, 1e-30, 0, -0.0]], np.float32)
    np.testing.assert_array_equal(run(graph, {"x0": x}), [[0], [-2]])


def test_a_half_is_rounded_to_even(run):
    graph = Graph([("n", 6)])
    graph.node("Round", graph.node("Div", "x0", np.array(2.0)))
    x = np.array([[1, 3, 5, -1, -3, 0]], np.float32)
    np.testing.assert_array_equal(run(graph, {"x0": x}), [[0, 2, 2, 0, -2, 0]])


def test_intervals_of_splines_are_half_open(run, rng):
    """A place on a knot belongs to the interval after it, and places outside of the grid to none."""
    knots = np.array([-1.0, -0.5, 0, 0.5, 1])
    graph = Graph([("n", 3)])
    wide = graph.node("Unsqueeze", "x0", np.array([-1]))
    inside = graph.node("And", graph.node("GreaterOrEqual", wide, knots[:-1]), graph.node("Less", wide, knots[1:]))
    flat = graph.node("Reshape", graph.node("Cast", inside, to=1), np.array([0, 12]))
    weight = rng.standard_normal((12, 2))
    graph.node("MatMul", flat, weight)
    x = np.array([[-1, -0.5, 0], [0.5, 1, 1.5], [-0.0, -1.5, np.nextafter(np.float32(1), 0)]], np.float32)
    basis = (x[..., None] >= knots[:-1]) & (x[..., None] < knots[1:])
    assert not basis[1, 1:].any() and basis[2, 0, 2]
    np.testing.assert_allclose(run(graph, {"x0": x}), basis.reshape(3, 12) @ weight, rtol=1e-5, atol=1e-6)


def test_every_number_of_stages_has_its_bias(run, rng):
    """A table of cumulative biases: the last row is not the bias of a shorter prefix."""
    stages, width = 4, 3
    graph = Graph([("n", 7), ()])
    graph.inputs[1].type.tensor_type.elem_type = onnx.TensorProto.INT64
    inner, outer = rng.standard_normal((7, 12)), rng.standard_normal((12, 2))
    table = rng.standard_normal((stages + 1, 2)).cumsum(0)
    keep = graph.node("Less", np.arange(12), graph.node("Mul", "x1", np.array(width)))
    hidden = graph.node("Mul", graph.node("Sigmoid", graph.node("MatMul", "x0", inner)), graph.node("Cast", keep, to=1))
    graph.node("Add", graph.node("MatMul", hidden, outer), graph.node("Gather", table, "x1"))
    x = np.float32(rng.standard_normal((5, 7)))
    for used in range(stages + 1):
        y = run(graph, {"x0": x, "x1": np.array(used)})
        n = used * width
        wanted = 1 / (1 + np.exp(-np.float64(x) @ inner[:, :n])) @ outer[:n] + table[used]
        np.testing.assert_allclose(y, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("duplicates", [False, True], ids=["unique", "twice"])
def test_a_scatter_is_no_sum(duplicates, run, rng):
    """ScatterElements without a reduction, then Add: where an index occurs twice, ONNX keeps one update."""
    graph, places = Graph([(4, 3), (6, 3)]), np.array([0, 2, 5, 3])
    zeros = np.zeros((6, 3))
    index = graph.node("Expand", places[:, None], np.array([4, 3]))
    graph.node("Add", "x1", graph.node("ScatterElements", zeros, index, "x0", axis=0))
    x, before = (np.float32(rng.standard_normal(shape)) for shape in ((4, 3), (6, 3)))
    if duplicates:
        x[1] = x[0]  # either of them may be kept
        graph.constants[1 if graph.constants[0].dims == [6, 3] else 0].CopyFrom(
            onnx.numpy_helper.from_array(np.array([[0], [0], [5], [3]]), graph.nodes[0].input[0])
        )
        places = np.array([0, 0, 5, 3])
    wanted = np.float64(before)
    wanted[np.unique(places)] += [x[list(places).index(p)] for p in np.unique(places)]
    np.testing.assert_allclose(run(graph, {"x0": x, "x1": before}), wanted, rtol=1e-5)


def test_arithmetic_on_a_large_weight_is_done_once(run, rng, strut_run, tmp_path):
    """Above 8192 elements the newer exporter leaves it in the graph, where each run would repeat it."""
    weight, scale = rng.standard_normal((96, 128)), rng.uniform(0.5, 2, 128)
    graph = Graph([("n", 96)])
    centred = graph.node("Sub", weight, graph.node("ReduceMean", weight, np.array([0])))
    graph.node("MatMul", "x0", graph.node("Mul", graph.node("Sign", centred), scale))
    x = np.float32(rng.standard_normal((3, 96)))
    wanted = np.float64(x) @ (np.sign(weight - weight.mean(0)) * scale)
    np.testing.assert_allclose(run(graph, {"x0": x}), wanted, rtol=1e-4, atol=1e-3)
    strut_run("compile", tmp_path / "model.onnx", "--emit", "mlir-layer", "-o", tmp_path / "layer.mlir")
    text = (tmp_path / "layer.mlir").read_text()
    assert "layer.linear" in text and "onnx.Sign" not in text and "onnx.ReduceMean" not in text


def test_a_shared_weight_is_stored_once(run, rng, tmp_path):
    """What would be folded into one of its readers would have to stand beside the other's."""
    graph, weight = Graph([("n", 8)]), rng.standard_normal((8, 8))
    shared = graph.constant(weight)
    first = graph.node("MatMul", "x0", shared)
    graph.node("MatMul", graph.node("Relu", graph.node("Mul", first, rng.standard_normal(8))), shared)
    x = np.float32(rng.standard_normal((3, 8)))
    y = run(graph, {"x0": x})
    exact = ReferenceEvaluator(graph.model(y=2)).run(None, {"x0": x})[0]
    np.testing.assert_allclose(y, exact, rtol=1e-3, atol=1e-3)
    assert "absorb-affine" not in fired(tmp_path)


def test_a_negative_permutation_is_refused_by_name(strut_run, tmp_path):
    """The older exporter writes perm=[0, -1, 1] for moveaxis, which the standard does not have."""
    graph = Graph([(2, 3, 4)])
    graph.node("Transpose", "x0", perm=[0, 2, 1])
    graph.nodes[-1].output[0], graph.nodes[-1].name = "y", "turned"
    model = graph.model(y=3)
    model.graph.node[0].attribute[0].ints[:] = [0, -1, 1]
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    done = strut_run("compile", tmp_path / "model.onnx", "-o", tmp_path / "model.so", code=1)
    assert "turned" in done.stderr and "perm" in done.stderr
