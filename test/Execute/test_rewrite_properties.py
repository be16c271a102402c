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


def adapted(rng):
    """A layer, updates of low rank with factors of their own, and the input itself, in any order."""
    d, rank = sizes(rng, 2, 8, 24)
    graph = Graph([("n", d)])
    terms = ["x0", linear(graph, rng, "x0", d, d)]
    for _ in range(int(rng.integers(1, 3))):
        down = graph.node("MatMul", "x0", drawn(rng, d, rank // 4))
        up = graph.node("MatMul", down, drawn(rng, rank // 4, d))
        terms.append(graph.node("Mul", up, drawn(rng, 1)))
    graph.node("Sum", *(terms[i] for i in rng.permutation(len(terms))))
    return graph, "merge-sums", (d,), 2


def branched(rng):
    """Windows of several sizes, a normalisation and the image itself, beside a value per channel."""
    c, extent = sizes(rng, 2, 3, 9)
    graph = Graph([("n", c, extent, extent + 1)])
    terms = ["x0", graph.node("ReduceMean", "x0", np.array([2, 3]))]
    for taps in (3, 1, 5)[: int(rng.integers(2, 4))]:
        bias = [drawn(rng, c)] if rng.random() < 0.5 else []
        terms.append(graph.node("Conv", "x0", drawn(rng, c, c, taps, taps), *bias, pads=[taps // 2] * 4))
    statistics = (drawn(rng, c), drawn(rng, c), drawn(rng, c), np.abs(drawn(rng, c)) + 0.1)
    terms.append(graph.node("BatchNormalization", "x0", *statistics))
    graph.node("Sum", *(terms[i] for i in rng.permutation(len(terms))))
    return graph, "merge-convolutions", (c, extent, extent + 1), 4


def boosted(rng):
    """Small nets of one input that are added."""
    d, n = sizes(rng, 2)
    graph, kind = Graph([("n", d)]), ("Relu", "Gelu", "Tanh")[rng.integers(3)]
    terms = []
    for h in sizes(rng, int(rng.integers(2, 5)), 1, 9):
        terms.append(linear(graph, rng, graph.node(kind, linear(graph, rng, "x0", d, h)), h, n))
    graph.node("Sum", *terms)
    return graph, "stack-nets", (d,), 2


def pruned(rng):
    """Channels whose rows are 0, and channels that are 0 for every input."""
    d, n = sizes(rng, 2)
    h = 2 * sizes(rng, 1)[0] + 1
    graph = Graph([("n", d)])
    dead = rng.permutation(h)[: 2 + h // 2]
    first, bias, second = drawn(rng, d, h), drawn(rng, h), drawn(rng, h, n)
    first[:, dead[::2]] = bias[dead[::2]] = 0.0
    second[dead[1::2]] = -0.0
    u = graph.node("Add", graph.node("MatMul", "x0", first), bias)
    graph.node("MatMul", graph.node(("Relu", "Gelu", "Tanh")[rng.integers(3)], u), second)
    return graph, "remove-dead-channels", (d,), 2


def cut(rng):
    """As many hidden channels as an input tells: none, some, all, more than there are."""
    d, h, n = sizes(rng, 3)
    graph = Graph([("n", d)])
    graph.inputs.append(onnx.helper.make_tensor_value_info("k", onnx.TensorProto.INT64, []))
    u = graph.node("HardSigmoid", linear(graph, rng, "x0", d, h))
    kept = graph.node("Less", np.arange(h), "k")
    linear(graph, rng, graph.node("Where", kept, u, np.zeros(1)), h, n)
    counts = [0, 1, int(rng.integers(1, h)), h, h + 3]
    return graph, "narrow-prefixes", (d,), 2, [{"k": np.array(count)} for count in counts]


def chained(rng):
    """Matrices one after the other, an order of features between them."""
    d, m, n = sizes(rng, 3)
    graph = Graph([("n", d)])
    middle = graph.node("Gather", linear(graph, rng, "x0", d, m), rng.permutation(m), axis=-1)
    linear(graph, rng, linear(graph, rng, middle, m, m), m, n)
    return graph, "choose-forms", (d,), 2


def attended(rng):
    """Products of maps of one value."""
    d, h = sizes(rng, 2)
    graph = Graph([("n", 5, d)])
    query, key, value = (linear(graph, rng, "x0", d, h) for _ in range(3))
    scores = graph.node("MatMul", query, graph.node("Transpose", key, perm=[0, 2, 1]))
    graph.node("MatMul", scores, value)
    return graph, "concatenate-maps", (5, d), 3


def separable(rng):
    """A matrix that is a product of two."""
    a, b = (int(size) for size in 8 * rng.integers(2, 5, 2))
    graph = Graph([(64, "n", a * b)])
    weight = np.kron(drawn(rng, a, a), drawn(rng, b, b))
    graph.node("MatMul", "x0", weight)
    return graph, "factor-transforms", (a * b,), 3


def filtered(rng):
    """A spectrum times numbers, each part by one of them, and back."""
    length = sizes(rng, 1)[0]
    graph = Graph([("n", length, 1)])
    spectrum = graph.node("DFT", graph.node("Mul", "x0", drawn(rng, 1, magnitude=3.0) + 1))
    turned = graph.node("Mul", spectrum, drawn(rng, length, 2))
    parts = [graph.node("Gather", turned, np.array([part]), axis=-1) for part in (0, 1)]
    graph.node("Sub", graph.node("Mul", parts[0], parts[0]), graph.node("Mul", parts[1], parts[1]))
    return graph, "split-parts", (length, 1), 3


FAMILIES = [
    hoisted, gated, ordered, scaled, idle, adapted, branched, boosted, pruned, cut, chained, attended,
    separable, filtered,
]  # fmt: skip


@pytest.mark.parametrize("rows", [0, 1, 17])
@pytest.mark.parametrize("family", FAMILIES)
def test_property(family, rows, rng, compile_model, tmp_path, assert_close):
    import strut

    graph, names, shape, rank, *others = family(rng)
    graph.nodes[-1].output[0] = "y"
    model = graph.model(y=rank)
    loaded = strut.load(str(compile_model(model)), threads=2)
    fired = {rewrite["name"] for rewrite in strut.explain(str(tmp_path / "model.onnx"))["rewrites"]}
    assert fired & ({names} if isinstance(names, str) else set(names)), fired
    exact = ReferenceEvaluator(doubled(model))
    for magnitude in (1e-4, 1.0, 1e4):
        before = [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim if dim.dim_value]
        x = np.float32(drawn(rng, *before[: rank - 1 - len(shape)], rows, *shape, magnitude=magnitude))
        for more in others[0] if others else [{}]:
            expected = exact.run(None, {"x0": np.float64(x), **more})[0]
            what = f"inputs times {magnitude} {more}"
            assert_close(loaded.run({"x0": x, **more})["y"], expected, what=what)
