"""Formulas that look like an operator, with shapes that it does not have, or along another axis:
each gives what the reference gives."""

import numpy as np
import pytest
from onnx.reference import ReferenceEvaluator

from mutations import Graph


@pytest.fixture
def check(compile_model, rng):
    """check(graph, rank): the output of the last node, for random inputs, against the reference."""
    import strut

    def check(graph, rank):
        graph.nodes[-1].output[0] = "y"
        model = graph.model(y=rank)
        inputs = {
            value.name: np.float32(rng.standard_normal([d.dim_value for d in value.type.tensor_type.shape.dim]))
            for value in model.graph.input
        }
        wanted = ReferenceEvaluator(model).run(None, inputs)[0]
        y = np.asarray(strut.load(str(compile_model(model)), threads=2).run(inputs)["y"])
        assert y.shape == wanted.shape
        np.testing.assert_allclose(y, wanted, rtol=1e-3, atol=1e-4 * np.abs(wanted).max())

    return check


@pytest.mark.parametrize(
    "query, key, value, mask, factor",
    [
        ((1, 3, 5, 4), (2, 3, 4, 6), (2, 3, 6, 4), (6,), ()),
        ((2, 3, 5, 4), (1, 3, 4, 6), (1, 3, 6, 4), (5, 6), ()),
        ((2, 3, 5, 4), (2, 3, 4, 6), (2, 1, 6, 4), (5, 6), ()),
        ((2, 3, 5, 4), (2, 1, 4, 6), (2, 1, 6, 4), (5, 6), ()),
        ((2, 1, 5, 4), (2, 3, 4, 6), (2, 3, 6, 4), (5, 6), ()),
        ((1, 3, 5, 4), (1, 3, 4, 6), (1, 3, 6, 4), (2, 3, 5, 6), ()),
        ((2, 3, 1, 4), (2, 3, 4, 6), (2, 3, 6, 4), (5, 6), ()),
        ((2, 3, 5, 4), (2, 3, 4, 1), (2, 3, 6, 4), (5, 6), ()),
        ((2, 3, 5, 4), (2, 3, 4, 6), (2, 3, 6, 4), (5, 6), (1, 1, 1, 1, 1)),
    ],
)
def test_attention_that_broadcasts(query, key, value, mask, factor, check):
    graph = Graph([query, key, value, mask])
    scores = graph.node("Mul", graph.node("MatMul", "x0", "x1"), np.full(factor, 0.5))
    weights = graph.node("Softmax", graph.node("Add", scores, "x3"), axis=-1)
    graph.node("MatMul", weights, "x2")
    check(graph, max(4, len(factor)))


@pytest.mark.parametrize("kind", ["diagonal", "narrow bias", "more outer", "one weight"])
def test_gathered_experts_that_are_none(kind, check, rng):
    count, width, hidden, rows = 3, 6, 6, 5
    graph = Graph([(rows, width), (rows, count), (1, 2)])
    graph.node("TopK", "x1", np.array([2]), axis=-1)
    graph.nodes[-1].output.append("experts")
    weights = "x2" if kind == "one weight" else graph.node("Softmax", graph.nodes[-1].output[0], axis=-1)

    def chosen(*shape):
        return graph.node("Gather", rng.standard_normal(shape), "experts")

    first = "mkii,mi->mki" if kind == "diagonal" else "mkij,mi->mkj"
    inner = graph.node("Einsum", chosen(count, width, hidden), "x0", equation=first)
    inner = graph.node("Add", inner, chosen(count, 1 if kind == "narrow bias" else hidden))
    outer = chosen(count + (kind == "more outer"), hidden, 7)
    net = graph.node("Einsum", outer, graph.node("Relu", inner), equation="mkij,mki->mkj")
    product = graph.node("Mul", net, graph.node("Unsqueeze", weights, np.array([-1])))
    graph.node("ReduceSum", product, np.array([1]), keepdims=0)
    check(graph, 2)


@pytest.mark.parametrize("kind", ["rounded", "reshaped"])
def test_weights_of_a_loop_stay_as_they_are(kind, check, rng):
    rows, count = 5, 3
    graph = Graph([(rows, 8), (rows, count), (2, 5) if kind == "reshaped" else (5, 2), (rows, 7)])
    graph.node("TopK", "x1", np.array([2]), axis=-1)
    graph.nodes[-1].output.append("experts")
    if kind == "rounded":
        weights = graph.node("Cast", graph.node("Cast", graph.node("Mul", "x2", np.array(3.0)), to=7), to=1)
    else:
        weights = graph.node("Reshape", "x2", np.array([5, 2]))
    result = "x3"
    for expert in range(count):
        found = graph.node("NonZero", graph.node("Equal", "experts", np.array(expert)))
        row, choice = (graph.node("Gather", found, np.array(i)) for i in range(2))
        column, other = (graph.node("Unsqueeze", i, np.array([1])) for i in (row, choice))
        net = graph.node("Tanh", graph.node("MatMul", graph.node("Gather", "x0", row), rng.standard_normal((8, 7))))
        weight = graph.node("GatherND", weights, graph.node("Concat", column, other, axis=-1))
        added = graph.node("Mul", net, graph.node("Unsqueeze", weight, np.array([-1])))
        result = graph.node("ScatterND", result, column, added, reduction="add")
    check(graph, 2)


@pytest.mark.parametrize("batch", [(), (2,)], ids=["matrix", "batch"])
def test_rows_of_a_table_beside_a_product(batch, check, rng):
    graph = Graph([(*batch, 5, 6), (*batch, 6, 4)])
    rows = graph.node("ArgMax", "x0", axis=-1, keepdims=0)
    graph.node("Add", graph.node("MatMul", "x0", "x1"), graph.node("Gather", rng.standard_normal((6, 4)), rows))
    check(graph, 2 + len(batch))
