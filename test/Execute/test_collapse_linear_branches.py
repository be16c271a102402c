"""Hidden channels that pass no activation: that they leave the net, and the results stay."""

import numpy as np
import pytest
from onnx.reference import ReferenceEvaluator

from Execute.graphs import Graph
from mutations import MUTATIONS, mutated

SPELLINGS = ["split", "mask", "scatter"]


def net(rng, d, hidden, active, spelling):
    """x + (f(x W1 + b1) W2 + b2), f the GELU of the first channels; weights of any magnitude."""
    graph = Graph(rng, ["n", "s", d])
    graph.then("MatMul", graph.constant((d, hidden), magnitude=10.0 ** rng.integers(-2, 2)))
    graph.then("Add", graph.constant(hidden))
    u = graph.last
    if spelling == "mask":
        graph.constants["mask"] = (np.arange(hidden) < active)[None, None]
        graph.then("Gelu")
        graph.nodes.append(("Where", ["mask", graph.last, u], "v", {}))
    elif spelling == "split":
        graph.nodes.append(("Split", [u, graph.integers(active, hidden - active)], ("a", "i"), {"axis": 2}))
        graph.nodes.append(("Gelu", ["a"], "g", {}))
        graph.nodes.append(("Concat", ["g", "i"], "v", {"axis": -1}))
    else:
        bounds = [graph.integers(number) for number in (0, active, 2)]
        graph.constants["places"] = np.arange(active)[:, None]
        graph.nodes.append(("Slice", [u, *bounds], "a", {}))
        graph.nodes.append(("Gelu", ["a"], "g", {}))
        graph.nodes.append(("Transpose", ["g"], "gt", {"perm": [2, 1, 0]}))
        graph.nodes.append(("Transpose", [u], "ut", {"perm": [2, 1, 0]}))
        graph.nodes.append(("ScatterND", ["ut", "places", "gt"], "vt", {}))
        graph.nodes.append(("Transpose", ["vt"], "v", {"perm": [2, 1, 0]}))
    graph.last = "v"
    graph.then("MatMul", graph.constant((hidden, d)))
    graph.then("Add", graph.constant(d), first=False)
    graph.then("Add", "x")
    return graph


@pytest.mark.parametrize("mutation", MUTATIONS)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_idle_channels(spelling, mutation, rng, compile_model, strut_run, tmp_path, assert_close):
    import strut

    d = int(rng.integers(3, 40))
    hidden = int(rng.integers(2 * d, 5 * d))
    # a < h - d / 2, at its largest in one of two runs.
    most = int(np.ceil(hidden - d / 2)) - 1
    active = most if rng.random() < 0.5 else int(rng.integers(1, most + 1))
    graph = net(rng, d, hidden, active, spelling)
    changed = mutated(graph.model(np.float32), mutation, rng)
    model = strut.load(str(compile_model(changed)), threads=2)
    strut_run("compile", tmp_path / "model.onnx", "--emit", "mlir-layer", "-o", tmp_path / "layer.mlir")
    layer = (tmp_path / "layer.mlir").read_text()
    for shape in (f"{d}x{d}", f"{d}x{active}", f"{active}x{d}"):
        assert f"tensor<{shape}xf32>" in layer, (d, hidden, active)
    assert layer.count("layer.linear") == 3 and layer.count("onnx.Add(") == 1
    exact = ReferenceEvaluator(graph.model(np.float64))
    for n, s in [(2, 5), (1, 1), (0, 3), (3, 67)]:
        x = rng.standard_normal((n, s, d), np.float32)
        expected = exact.run(None, {"x": np.float64(x)})[0]
        assert_close(model.run({"x": x})["y"], expected)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_too_few_idle_channels(spelling, rng, compile_model, strut_run, tmp_path, assert_close):
    """a = h - d / 2: as many products either way, and the net stays."""
    import strut

    graph = net(rng, 8, 32, 28, spelling)
    model = strut.load(str(compile_model(graph.model(np.float32))), threads=2)
    strut_run("compile", tmp_path / "model.onnx", "--emit", "mlir-layer", "-o", tmp_path / "layer.mlir")
    layer = (tmp_path / "layer.mlir").read_text()
    assert layer.count("layer.linear") == 2 and "onnx.ScatterND(" not in layer
    x = rng.standard_normal((2, 5, 8), np.float32)
    expected = ReferenceEvaluator(graph.model(np.float64)).run(None, {"x": np.float64(x)})[0]
    assert_close(model.run({"x": x})["y"], expected)
