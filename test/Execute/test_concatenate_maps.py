"""Maps of one value that become one: which do, and that no bit changes."""

import json

import numpy as np

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


def test_explained(rng, compile_model, strut_run, tmp_path):
    model, _ = attention(rng, 2, 1, 8, (True, False, True), 1.0)
    compile_model(model)
    out = strut_run("explain", tmp_path / "model.onnx", "--json", *flags(tmp_path, 1e-2)).stdout
    rewrites = {rewrite["name"]: rewrite for rewrite in json.loads(out)["rewrites"]}
    assert rewrites["concatenate-maps"]["fired"] == 1
