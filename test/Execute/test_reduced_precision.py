"""Rewrites of f16 that lose bits: refused, and done on request, by all of the compiler's fronts."""

import json

import numpy as np
import pytest

from mutations import Graph, with_elements

K, M, RANK = 40, 48, 3


@pytest.fixture(scope="module")
def layer(tmp_path_factory):
    """relu((x W + b + x A B) s) of f16 as a model's path, and what it is in float64."""
    rng = np.random.default_rng(7)

    def draw(*shape):  # what float16 holds
        return np.float16(rng.standard_normal(shape) / np.sqrt(shape[0]))

    weight, bias, down, up, scale = draw(K, M), draw(M), draw(K, RANK), draw(RANK, M), draw(M)
    graph = Graph([("n", K)])
    base = graph.node("Add", graph.node("MatMul", "x0", weight), bias)
    update = graph.node("MatMul", graph.node("MatMul", "x0", down), up)
    y = graph.node("Relu", graph.node("Mul", graph.node("Add", base, update), scale))
    path = tmp_path_factory.mktemp("reduced") / "model.onnx"
    path.write_bytes(with_elements(graph.model(**{y: 2}), np.float16).SerializeToString())
    w, b, a, u, s = map(np.float64, (weight, bias, down, up, scale))
    return path, lambda x: np.maximum((np.float64(x) @ (w + a @ u) + b) * s, 0)


@pytest.mark.parametrize("reduced", [False, True])
def test_layer_is_merged_on_request(layer, reduced, rng):
    import strut

    path, reference = layer
    rewrites = {r["name"]: r["fired"] for r in strut.explain(path, reduced_precision=reduced)["rewrites"]}
    assert rewrites == ({"merge-sums": 1, "absorb-affine": 1} if reduced else {})
    model = strut.compile(path, reduced_precision=reduced)
    for rows in (0, 1, 5, 33):
        x = np.float16(rng.standard_normal((rows, K)))
        (y,) = model.run({"x0": x}).values()
        # Weights or intermediate values are rounded to 11 bits.
        assert y.shape == (rows, M) and y.dtype == np.float16
        expected = reference(x)
        assert np.linalg.norm(y - expected) <= 1e-3 * np.linalg.norm(expected)


def test_command_line_takes_the_option(layer, strut_run, tmp_path):
    path, _ = layer
    counts = []
    for flags in ([], ["--reduced-precision"]):
        strut_run("compile", path, "--emit", "mlir-layer", "-o", tmp_path / "layer.mlir", *flags)
        counts.append((tmp_path / "layer.mlir").read_text().count("= layer.linear"))
        told = json.loads(strut_run("explain", path, "--json", *flags).stdout)
        assert bool(told["rewrites"]) == bool(flags)
    assert counts == [3, 1]
