"""Feed-forward nets that rewrites make smaller, and what nets are called."""

import numpy as np
import pytest
from onnx import TensorProto
from onnx.reference import ReferenceEvaluator

from mutations import MUTATIONS, Graph, doubled, mutated

FUNCTIONS = ["Relu", "Gelu", "Tanh"]


def linear(graph, value, weight, bias=None):
    product = graph.node("MatMul", value, weight)
    return product if bias is None else graph.node("Add", product, bias)


def normal(rng, *shape):
    return rng.standard_normal(shape) * 10.0 ** rng.integers(-2, 2)


def pruned(rng, gated):
    """A net of which some channels come to nothing; the model and how many should stay."""
    d, h = int(rng.integers(1, 20)), int(rng.integers(2, 70))
    unread, zero = rng.random((2, h)) < 0.3
    inner, outer = normal(rng, d, h), normal(rng, h, d)
    bias = normal(rng, h)
    inner[:, zero], bias[zero], outer[unread] = 0, 0, 0
    graph = Graph([("n", d)])
    hidden = graph.node(FUNCTIONS[rng.integers(3)], linear(graph, "x0", inner, bias))
    if gated:
        hidden = graph.node("Mul", linear(graph, "x0", normal(rng, d, h)), hidden)
    result = linear(graph, hidden, outer, normal(rng, d))
    graph.nodes[-1].output[0] = "y"
    alive = max(1, int((~(unread | zero)).sum()))
    unit = min(h & -h, 16)
    return graph.model(y=2), d, -(-alive // unit) * unit


def staged(rng, stages):
    """mult * (F0 + sum of rho_t (V_t f(U_t x + u_t) + v_t)), and the hidden channels in all."""
    d, n = int(rng.integers(1, 20)), int(rng.integers(1, 5))
    function = FUNCTIONS[rng.integers(3)]
    graph = Graph([("n", d)])
    sum, channels = graph.constant(normal(rng, n)), 0
    for stage in range(stages):
        j = int(rng.integers(1, 9))
        channels += j
        hidden = graph.node(function, linear(graph, "x0", normal(rng, d, j), normal(rng, j)))
        term = linear(graph, hidden, normal(rng, j, n), normal(rng, n))
        sum = graph.node("Add", sum, graph.node("Mul", np.array(0.9 / (stage + 1)), term))
    graph.node("Mul", sum, np.array(2.0))
    graph.nodes[-1].output[0] = "y"
    return graph.model(y=2), d, channels


def check(model, mutation, rng, compile_model, strut_run, tmp_path, assert_close, d):
    """Compares with the definition in float64; returns the layers."""
    import strut

    loaded = strut.load(str(compile_model(mutated(model, mutation, rng))), threads=2)
    strut_run("compile", tmp_path / "model.onnx", "--emit", "mlir-layer", "-o", tmp_path / "layer.mlir")
    exact = ReferenceEvaluator(doubled(model))
    for rows in (5, 1, 0, 67):
        x = rng.standard_normal((rows, d), np.float32)
        expected = exact.run(None, {"x0": np.float64(x)})[0]
        assert_close(loaded.run({"x0": x})["y"], expected)
    return (tmp_path / "layer.mlir").read_text()


@pytest.mark.parametrize("mutation", MUTATIONS)
@pytest.mark.parametrize("gated", [False, True], ids=["plain", "gated"])
def test_pruned(gated, mutation, rng, compile_model, strut_run, tmp_path, assert_close):
    model, d, stay = pruned(rng, gated)
    layer = check(model, mutation, rng, compile_model, strut_run, tmp_path, assert_close, d)
    assert f"tensor<{stay}x{d}xf32>" in layer


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_stages(mutation, rng, compile_model, strut_run, tmp_path, assert_close):
    stages = int(rng.integers(2, 6))
    model, d, channels = staged(rng, stages)
    layer = check(model, mutation, rng, compile_model, strut_run, tmp_path, assert_close, d)
    assert layer.count("layer.linear") == 2 and f"tensor<{d}x{channels}xf32>" in layer
    assert "onnx.Add(" not in layer and "onnx.Mul(" not in layer


def swiglu(graph, rng):
    up = linear(graph, "x0", normal(rng, 24, 40))
    gate = linear(graph, "x0", normal(rng, 24, 40), normal(rng, 40))
    product = graph.node("Mul", up, graph.node("Mul", gate, graph.node("Sigmoid", gate)))
    return linear(graph, product, normal(rng, 40, 24))


def geglu(graph, rng):
    both = linear(graph, "x0", normal(rng, 24, 80), normal(rng, 80))
    graph.node("Split", both, axis=-1, num_outputs=2)
    first = graph.nodes[-1].output[0]
    graph.nodes[-1].output.append(first + "b")
    return linear(graph, graph.node("Mul", first, graph.node("Gelu", first + "b")), normal(rng, 40, 24))


def activator(graph, rng):
    halves = [linear(graph, "x0", normal(rng, 24, 40), normal(rng, 40)) for _ in range(2)]
    halves[0] = graph.node("Gelu", halves[0])
    halves = [graph.node("LayerNormalization", half, normal(rng, 40), normal(rng, 40)) for half in halves]
    return graph.node("Add", linear(graph, graph.node("Mul", *halves), normal(rng, 40, 24)), "x0")


def dual(graph, rng):
    net = linear(graph, graph.node("Gelu", linear(graph, "x0", normal(rng, 24, 9))), normal(rng, 9, 24))
    return graph.node("Add", linear(graph, "x0", normal(rng, 24, 24), normal(rng, 24)), net)


def prefix(graph, rng):
    graph.inputs[1].type.tensor_type.elem_type = 7  # int64
    below = graph.node("Less", np.arange(12), graph.node("Mul", "x1", np.array(3)))
    hidden = graph.node("Sigmoid", linear(graph, "x0", normal(rng, 24, 12), normal(rng, 12)))
    return linear(graph, graph.node("Mul", hidden, graph.node("Cast", below, to=1)), normal(rng, 12, 2))


def random_feature(graph, rng):
    features = graph.node("Relu", graph.node("MatMul", "x0", rng.standard_normal((24, 7))))
    return linear(graph, graph.node("Mul", features, np.array(7**-0.5)), normal(rng, 7, 24), normal(rng, 24))


def waves(graph, rng):
    t = graph.node("MatMul", "x0", rng.standard_normal((24, 7)))
    norm = graph.node("ReduceSum", graph.node("Mul", "x0", "x0"), np.array([-1]), keepdims=1)
    phase = graph.node("Sub", t, graph.node("Div", norm, np.array(2.0)))
    size = graph.node("Exp", t)
    parts = [graph.node("Mul", size, graph.node(wave, phase)) for wave in ("Cos", "Sin")]
    return linear(graph, graph.node("Concat", *parts, axis=-1), normal(rng, 14, 10), normal(rng, 10))


def fourier_head(graph, rng):
    both = linear(graph, linear(graph, "x0", normal(rng, 24, 12), normal(rng, 12)), normal(rng, 12, 36))
    graph.node("Split", both, axis=-1, num_outputs=2)
    first = graph.nodes[-1].output[0]
    graph.nodes[-1].output.append(first + "b")
    bins = graph.node("Add", graph.node("Mul", first, first), graph.node("Mul", first + "b", first + "b"))
    share = graph.node("Div", bins, graph.node("ReduceSum", bins, np.array([-1]), keepdims=1))
    return graph.node("Log", graph.node("Add", share, np.array(1e-5)))


def kan(graph, rng):
    """Hats as a basis: one level of the recursion."""
    wide = graph.node("Unsqueeze", "x0", np.array([-1]))
    knots = np.linspace(-1, 1, 6)
    inside = graph.node("And", graph.node("GreaterOrEqual", wide, knots[:-1]), graph.node("Less", wide, knots[1:]))
    boxes = graph.node("Cast", inside, to=1)
    left = graph.node("Mul", graph.node("Sub", wide, knots[:-1]), boxes)
    flat = graph.node("Reshape", left, np.array([0, 24 * 5]))
    base = linear(graph, graph.node("Mul", "x0", graph.node("Sigmoid", "x0")), normal(rng, 24, 10))
    return graph.node("Add", base, linear(graph, flat, normal(rng, 120, 10)))


def lora(graph, rng):
    update = linear(graph, linear(graph, "x0", normal(rng, 24, 3)), normal(rng, 3, 10))
    return graph.node("Add", linear(graph, "x0", normal(rng, 24, 10), normal(rng, 10)), graph.node("Mul", update, np.array(2.0)))


def routed_lora(graph, rng):
    weights = graph.node("Softmax", linear(graph, "x0", normal(rng, 24, 2)))
    sum = linear(graph, "x0", normal(rng, 24, 10), normal(rng, 10))
    for i in range(2):
        gate = graph.node("Slice", weights, np.array([i]), np.array([i + 1]), np.array([-1]))
        update = linear(graph, linear(graph, "x0", normal(rng, 24, 3)), normal(rng, 3, 10))
        sum = graph.node("Add", sum, graph.node("Mul", gate, update))
    return sum


KINDS = {
    "gated": [swiglu, geglu, activator],
    "dual": [dual],
    "prefix": [prefix],
    "random_feature": [random_feature, waves],
    "fourier_head": [fourier_head],
    "kan": [kan],
    "lora": [lora, routed_lora],
}


@pytest.mark.parametrize("mutation", MUTATIONS)
@pytest.mark.parametrize("kind, net", [(kind, net) for kind, nets in KINDS.items() for net in nets])
def test_names(kind, net, mutation, rng, tmp_path):
    import strut

    graph = Graph([("n", 24), *([()] if net is prefix else [])])
    net(graph, rng)
    graph.nodes[-1].output[0] = "y"
    path = tmp_path / "model.onnx"
    path.write_bytes(mutated(graph.model(y=2), mutation, rng).SerializeToString())
    blocks = strut.explain(str(path))["blocks"]
    assert [block["kind"] for block in blocks].count(kind) == 1, blocks


def cut_off(rng, d, stages, units, outputs, wide):
    """A net of stages that is cut off behind x1 of them, with the bias of these; and its parts."""
    channels = stages * units
    first, addend = normal(rng, d, channels) / np.sqrt(d), normal(rng, channels)
    second, table = normal(rng, channels, outputs), normal(rng, stages + 1, outputs)
    graph = Graph([("n", d), ()])
    graph.inputs[1].type.tensor_type.elem_type = TensorProto.INT64
    if wide:  # as Gemm has it
        hidden = graph.node("Gemm", "x0", first.T, addend, transB=1)
    else:
        hidden = linear(graph, "x0", first, addend)
    below = graph.node("Less", np.arange(channels), graph.node("Mul", "x1", np.array(units)))
    hidden = graph.node("Mul", graph.node("Sigmoid", hidden), graph.node("Cast", below, to=1))
    result = graph.node("MatMul", hidden, second)
    graph.node("Add", result, graph.node("Gather", table, "x1", axis=0))
    graph.nodes[-1].output[0] = "y"
    parts = [np.float64(np.float32(part)) for part in (first, addend, second, table)]
    return graph.model(y=2), parts


@pytest.mark.parametrize("wide", [False, True], ids=["MatMul", "Gemm"])
def test_cut_off(wide, rng, compile_model, strut_run, tmp_path, assert_close):
    """Every number of stages, 0 and all of them included, in one artefact."""
    import strut

    d, units, outputs = int(rng.integers(1, 40)), int(rng.integers(1, 40)), int(rng.integers(1, 90))
    stages = 600 // units + 1 if wide else int(rng.integers(1, 7))  # more than a block of terms
    model, (first, addend, second, table) = cut_off(rng, d, stages, units, outputs, wide)
    loaded = strut.load(str(compile_model(model)), threads=2)
    strut_run("compile", tmp_path / "model.onnx", "--emit", "mlir-layer", "-o", tmp_path / "layer.mlir")
    text = (tmp_path / "layer.mlir").read_text()
    assert '"narrow-prefixes"' in text and "onnx.Less" not in text
    for count in sorted({0, 1, stages // 2, stages - 1, stages}):
        for rows in (1, 0, 23):
            x = rng.standard_normal((rows, d), np.float32)
            n = count * units
            hidden = 1 / (1 + np.exp(-(np.float64(x) @ first[:, :n] + addend[:n])))
            actual = loaded.run({"x0": x, "x1": np.array(count, np.int64)})["y"]
            assert_close(actual, hidden @ second[:n] + table[count], what=f"{count} stages, {rows} rows")
    with pytest.raises(ValueError, match="x1"):
        loaded.run({"x0": np.zeros((1, d), np.float32), "x1": np.array(-1, np.int64)})


@pytest.mark.parametrize("on_product", [False, True], ids=["factor", "product"])
def test_gated_net_cut_off(on_product, rng, compile_model, strut_run, tmp_path, assert_close):
    """A gated net of which an input says how many channels are used."""
    import strut

    d, channels, outputs = int(rng.integers(1, 40)), int(rng.integers(2, 90)), int(rng.integers(1, 50))
    gate, up, down = normal(rng, d, channels) / np.sqrt(d), normal(rng, d, channels), normal(rng, channels, outputs)
    addend = normal(rng, channels)
    graph = Graph([("n", d), ()])
    graph.inputs[1].type.tensor_type.elem_type = TensorProto.INT64
    mask = graph.node("Cast", graph.node("Less", np.arange(channels), "x1"), to=1)
    g, u = graph.node("Sigmoid", linear(graph, "x0", gate, addend)), linear(graph, "x0", up)
    if on_product:
        hidden = graph.node("Mul", mask, graph.node("Mul", g, u))
    else:
        hidden = graph.node("Mul", graph.node("Mul", g, mask), u)
    y = graph.node("MatMul", hidden, down)
    loaded = strut.load(str(compile_model(graph.model(**{y: 2}))), threads=2)
    strut_run("compile", tmp_path / "model.onnx", "--emit", "mlir-layer", "-o", tmp_path / "layer.mlir")
    text = (tmp_path / "layer.mlir").read_text()
    assert '"narrow-prefixes"' in text and "onnx.Less" not in text
    gate, up, down, addend = (np.float64(np.float32(part)) for part in (gate, up, down, addend))
    for n in sorted({0, 1, channels // 2, channels}):
        for rows in (1, 0, 23):
            x = rng.standard_normal((rows, d), np.float32)
            hidden = (x @ up[:, :n]) / (1 + np.exp(-(x @ gate[:, :n] + addend[:n])))
            (actual,) = loaded.run({"x0": x, "x1": np.array(n, np.int64)}).values()
            assert_close(actual, hidden @ down[:n], what=f"{n} channels, {rows} rows")


def test_a_plain_net_has_no_name(rng, tmp_path):
    import strut

    graph = Graph([("n", 24)])
    # A bottleneck without biases, with weights as trained ones are spread.
    hidden = graph.node("Relu", graph.node("MatMul", "x0", rng.standard_normal((24, 7)) * 0.2))
    graph.node("Add", graph.node("MatMul", hidden, rng.standard_normal((7, 24))), "x0")
    graph.nodes[-1].output[0] = "y"
    path = tmp_path / "model.onnx"
    path.write_bytes(graph.model(y=2).SerializeToString())
    assert {block["kind"] for block in strut.explain(str(path))["blocks"]} == {"dense"}
