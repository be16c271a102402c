"""Rewrites on drawn shapes, and numbers of all magnitudes with ties and both zeros: each fires, and
gives what the model in float64 does."""

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from mutations import Graph, doubled


def drawn(rng, *shape, magnitude=None):
    """Of one magnitude between 1e-4 and 1e4; some equal, some 0, some -0."""
    x = rng.standard_normal(shape) * (10.0 ** rng.uniform(-4, 4) if magnitude is None else magnitude)
    if x.size:
        x[rng.random(shape) < 0.1] = x.flat[0]
    x[rng.random(shape) < 0.1] = 0.0
    x[rng.random(shape) < 0.1] = -0.0
    return x


def linear(graph, rng, value, k, n):
    product = graph.node("MatMul", value, drawn(rng, k, n))
    return graph.node("Add", product, drawn(rng, n)) if rng.random() < 0.7 else product


def sizes(rng, count, low=4, high=40):
    """Results have several features: a single sum may cancel until its rounding counts."""
    return [int(size) for size in rng.integers(low, high, count)]


def hoisted(rng):
    """Rows that are repeated before a net."""
    d, h, n, repeats = sizes(rng, 4)
    graph = Graph([("n", 1, d)])
    wide = graph.node("Expand", "x0", np.array([1, repeats, 1]))
    hidden = graph.node(("Relu", "Gelu", "Tanh")[rng.integers(3)], linear(graph, rng, wide, d, h))
    linear(graph, rng, hidden, h, n)
    return graph, "hoist-broadcasts", (1, d), 3


def gated(rng):
    """The halves of one map, in either order, taken by Split, by slices or by a Gather."""
    d, h, n = sizes(rng, 3)
    graph = Graph([("n", d)])
    both = linear(graph, rng, "x0", d, 2 * h)
    how = rng.integers(3)
    if how == 0:
        first = graph.node("Split", both, axis=-1, num_outputs=2)
        graph.nodes[-1].output.append(first + "b")
        halves = [first, first + "b"]
    elif how == 1:
        ends = [np.array([end]) for end in (0, h, 2 * h)]
        halves = [graph.node("Slice", both, ends[i], ends[i + 1], np.array([-1])) for i in (0, 1)]
    else:
        order = rng.permutation(2 * h)
        halves = [graph.node("Gather", both, part, axis=-1) for part in (order[:h], order[h:])]
    swapped = rng.integers(2)
    gate = graph.node(("Sigmoid", "Gelu", "Relu")[rng.integers(3)], halves[swapped])
    linear(graph, rng, graph.node("Mul", gate, halves[1 - swapped]), h, n)
    return graph, "split-gates", (d,), 2


def ordered(rng):
    """An order of features before a layer, and some of them after it."""
    d, n = sizes(rng, 2)
    graph = Graph([("n", d)])
    before = graph.node("Gather", "x0", rng.permutation(d), axis=-1)
    graph.node("Gather", linear(graph, rng, before, d, n), rng.permutation(n)[: int(rng.integers(4, n + 1))], axis=-1)
    return graph, ("absorb-selections", "recognize-maps"), (d,), 2


def scaled(rng):
    """Factors and addends on both sides of a layer, and data movement between."""
    d, n = sizes(rng, 2)
    graph = Graph([("n", d)])
    x = graph.node("Add", graph.node("Mul", "x0", drawn(rng, d)), drawn(rng, d))
    y = graph.node("Unsqueeze", linear(graph, rng, x, d, n), np.array([1]))
    y = graph.node("Sub", drawn(rng, n), graph.node("Mul", drawn(rng, 1), y))
    graph.node("Squeeze", y, np.array([1]))
    return graph, ("absorb-affine", "recognize-maps"), (d,), 2


def idle(rng):
    """A function of some hidden channels, chosen by a constant mask of any pattern."""
    d, n = sizes(rng, 2, 4, 24)
    h = 4 * max(d, n)
    graph, mask = Graph([("n", d)]), np.zeros(h, bool)
    mask[rng.permutation(h)[: int(rng.integers(1, h // 4))]] = True
    graph.constants.append(onnx.numpy_helper.from_array(mask, "mask"))
    u = linear(graph, rng, "x0", d, h)
    linear(graph, rng, graph.node("Where", "mask", graph.node("Gelu", u), u), h, n)
    return graph, "collapse-linear-branches", (d,), 2


@pytest.mark.parametrize("rows", [0, 1, 17])
@pytest.mark.parametrize("family", [hoisted, gated, ordered, scaled, idle])
def test_property(family, rows, rng, compile_model, tmp_path, assert_close):
    import strut

    graph, names, shape, rank = family(rng)
    graph.nodes[-1].output[0] = "y"
    model = graph.model(y=rank)
    loaded = strut.load(str(compile_model(model)), threads=2)
    fired = {rewrite["name"] for rewrite in strut.explain(str(tmp_path / "model.onnx"))["rewrites"]}
    assert fired & ({names} if isinstance(names, str) else set(names)), fired
    exact = ReferenceEvaluator(doubled(model))
    for magnitude in (1e-4, 1.0, 1e4):
        x = np.float32(drawn(rng, rows, *shape, magnitude=magnitude))
        expected = exact.run(None, {"x0": np.float64(x)})[0]
        assert_close(loaded.run({"x0": x})["y"], expected, what=f"inputs times {magnitude}")
