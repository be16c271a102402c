"""Maps of one value that become one: which do, and that no bit changes."""

import json

import numpy as np
import pytest

from mutations import Graph, mutated


def flags(tmp_path, launch):
    """A machine on which a kernel costs so many seconds before it computes, and reading nothing."""
    machine = {
        "format": "strut.machine", "version": 1, "name": "launches", "targets": [], "threads": 1,
        "peak": {"f32": 1e11}, "efficiency": [[1, 1]],
        "memory": [{"name": "memory", "bandwidth": 1e18}], "launch": [[1, launch]],
    }  # fmt: skip
    path = tmp_path / f"{launch}.json"
    path.write_text(json.dumps(machine))
    return "--machine", path


def attention(rng, heads, groups, size, biased, magnitude):
    """Queries of `heads` heads, keys and values of `groups`, each with a bias or without."""
    d = heads * size
    graph = Graph([("b", "s", d)], opset=23)
    parts = []
    for columns, has_bias in zip((d, groups * size, groups * size), biased):
        weight = magnitude * rng.standard_normal((d, columns)) / np.sqrt(d)
        parts.append(graph.node("MatMul", "x0", weight))
        if has_bias:
            parts[-1] = graph.node("Add", magnitude * rng.standard_normal(columns), parts[-1])
    y = graph.node("Attention", *parts, q_num_heads=heads, kv_num_heads=groups)
    return graph.model(**{y: 3}), d


def test_queries_keys_and_values(rng, compile_model, strut_run, tmp_path):
    import strut

    groups = int(rng.integers(1, 4))
    heads, size = groups * int(rng.integers(1, 4)), int(rng.integers(16, 40))
    magnitude = 10.0 ** rng.integers(-4, 5)
    model, d = attention(rng, heads, groups, size, rng.random(3) < 0.5, magnitude)
    model = mutated(model, "swapped", rng)
    results, layers = [], []
    for launch in (1e-2, 1e-15):
        machine = flags(tmp_path, launch)
        library = strut.load(str(compile_model(model, *machine, output=f"m{launch}.so")), threads=2)
        layer = tmp_path / "layer.mlir"
        strut_run("compile", tmp_path / f"m{launch}.onnx", "--emit", "mlir-layer", "-o", layer, *machine)
        layers.append(layer.read_text())
        draws = np.random.default_rng(d)
        inputs = [draws.standard_normal(shape, np.float32) for shape in ((2, 9, d), (1, 1, d), (0, 3, d))]
        results.append([next(iter(library.run({"x0": x}).values())).copy() for x in inputs])
    assert layers[0].count("layer.linear") == 1 and "onnx.Split" in layers[0]
    assert layers[1].count("layer.linear") == 3 and "onnx.Split" not in layers[1]
    for one, three in zip(*results):
        assert one.tobytes() == three.tobytes()


def computed_factor(graph, query, how):
    """The factor of scores as a model finds it when it runs, from the extent of a head."""
    extent = graph.node("Slice", graph.node("Shape", query), np.array([-1]), np.array([2**63 - 1]))
    extent = graph.node("Cast", extent, to=1)
    if how == "power":
        return graph.node("Pow", extent, np.float32([-0.5]))
    return graph.node("Div", np.float32([1.0]), graph.node("Sqrt", extent))


def heads_of(graph, value, heads, size, perm):
    parts = [graph.node("Shape", "x0", start=i, end=i + 1) for i in range(2)]
    shape = graph.node("Concat", *parts, np.array([heads]), np.array([size]), axis=0)
    return graph.node("Transpose", graph.node("Reshape", value, shape), perm=perm)


@pytest.mark.parametrize("mutation", [None, "all"])
@pytest.mark.parametrize("how", ["power", "scores", "halves"])
def test_factors_that_the_model_computes(
    how, mutation, rng, compile_model, strut_run, tmp_path, assert_close
):
    """Attention in plain operators, with 1 / sqrt(d) at the scores, or its root at either operand."""
    import strut

    heads, size = 3, 16
    d = heads * size
    graph = Graph([("b", "s", d)])
    weights = [np.float32(rng.standard_normal((d, d)) / np.sqrt(d)) for _ in range(3)]
    orders = ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3])
    query, key, value = (
        heads_of(graph, graph.node("MatMul", "x0", weight), heads, size, order)
        for weight, order in zip(weights, orders)
    )
    factor = computed_factor(graph, query, how)
    if how == "halves":
        root = graph.node("Sqrt", factor)
        scores = graph.node("MatMul", graph.node("Mul", query, root), graph.node("Mul", key, root))
    else:
        scores = graph.node("Mul", graph.node("MatMul", query, key), factor)
    y = graph.node("MatMul", graph.node("Softmax", scores, axis=-1), value)
    model = graph.model(**{graph.node("Transpose", y, perm=[0, 2, 1, 3]): 4})
    if mutation:
        model = mutated(model, mutation, rng)
    machine = flags(tmp_path, 1e-2)
    library = strut.load(str(compile_model(model, *machine)), threads=2)
    layer = tmp_path / "layer.mlir"
    strut_run("compile", tmp_path / "model.onnx", "--emit", "mlir-layer", "-o", layer, *machine)
    text = layer.read_text()
    assert text.count("layer.linear") == 1 and text.count("onnx.Attention(") == 1
    x = rng.standard_normal((2, 7, d), np.float32)
    (actual,) = library.run({"x0": x}).values()
    q, k, v = (
        (np.float64(x) @ weight).reshape(2, 7, heads, size).transpose(0, 2, 1, 3) for weight in weights
    )
    weight = np.exp(q @ k.swapaxes(2, 3) / np.sqrt(size))
    expected = (weight / weight.sum(-1, keepdims=True)) @ v
    assert_close(actual, expected.transpose(0, 2, 1, 3))


def test_explained(rng, compile_model, strut_run, tmp_path):
    model, _ = attention(rng, 2, 1, 8, (True, False, True), 1.0)
    compile_model(model)
    out = strut_run("explain", tmp_path / "model.onnx", "--json", *flags(tmp_path, 1e-2)).stdout
    answer = json.loads(out)
    rewrites = {rewrite["name"]: rewrite for rewrite in answer["rewrites"]}
    assert rewrites["concatenate-maps"]["fired"] == 1
    (block,) = [block for block in answer["blocks"] if block["kind"] == "dense"]
    assert block["exactness"] == "bit-exact"
