"""Networks in which no rewrite fires: the same bits as without recognition and rewrites."""

import subprocess

import numpy as np
import pytest

from mutations import Graph

# What is left of the road to layers: products with constants get their one form.
AS_WRITTEN = ["--strut-normalize-pipeline", "--strut-recognize-linear", "--canonicalize", "--cse"]


def linear(graph, rng, value, k, n):
    return graph.node("Add", graph.node("MatMul", value, rng.standard_normal((k, n))), rng.standard_normal(n))


def encoder(rng):
    """A block with a norm, a net and a shortcut, then a classifier."""
    graph = Graph([("b", "s", 24)])
    norm = graph.node("LayerNormalization", "x0", rng.standard_normal(24), rng.standard_normal(24))
    hidden = graph.node("Gelu", linear(graph, rng, norm, 24, 40))
    block = graph.node("Add", linear(graph, rng, hidden, 40, 24), "x0")
    return graph, graph.node("Softmax", linear(graph, rng, block, 24, 7), axis=-1)


def heads(rng):
    """Attention of three heads, of maps of three inputs: those of one may become one map."""
    graph, parts = Graph([("b", "s", 24)]), []
    for value in ("x0", graph.node("Relu", "x0"), graph.node("Tanh", "x0")):
        split = graph.node("Reshape", linear(graph, rng, value, 24, 24), np.array([0, 0, 3, 8]))
        parts.append(graph.node("Transpose", split, perm=[0, 2, 1, 3]))
    keys = graph.node("Transpose", parts[1], perm=[0, 1, 3, 2])
    scores = graph.node("Softmax", graph.node("Mul", graph.node("MatMul", parts[0], keys), np.array(8**-0.5)))
    together = graph.node("Transpose", graph.node("MatMul", scores, parts[2]), perm=[0, 2, 1, 3])
    return graph, linear(graph, rng, graph.node("Reshape", together, np.array([0, 0, 24])), 24, 24)


def images(rng):
    """Convolutions of an image, and its mean."""
    graph = Graph([("b", 3, "h", "w")])
    first = graph.node("Conv", "x0", rng.standard_normal((8, 3, 3, 3)), rng.standard_normal(8), pads=[1] * 4)
    second = graph.node("Conv", graph.node("Relu", first), rng.standard_normal((8, 1, 3, 3)), group=8, pads=[1] * 4)
    both = graph.node("Add", first, graph.node("HardSwish", second))
    pooled = graph.node("MaxPool", both, kernel_shape=[2, 2], strides=[2, 2])
    return graph, graph.node("GlobalAveragePool", pooled)


SIZES = {"b": (1, 3), "s": (1, 17), "h": (5, 8), "w": (6, 9), 3: (3, 3), 24: (24, 24)}
NETWORKS = {"encoder": (encoder, 3), "heads": (heads, 3), "images": (images, 4)}


def drawn(rng, axes, which):
    """Numbers of magnitudes from 1e-4 to 1e4, some of them equal, some 0 and some -0."""
    x = rng.standard_normal([SIZES[axis][which] for axis in axes]) * 10.0 ** rng.uniform(-4, 4)
    x[rng.random(x.shape) < 0.1] = x.flat[0]
    x[rng.random(x.shape) < 0.1] = 0.0
    x[rng.random(x.shape) < 0.1] = -0.0
    return np.float32(x)


@pytest.mark.parametrize("name", NETWORKS)
def test_same_bits(name, rng, compile_model, strut_run, strut_opt, tmp_path):
    import strut

    make, rank = NETWORKS[name]
    graph, _ = make(rng)
    graph.nodes[-1].output[0] = "y"
    model = graph.model(y=rank)
    whole = strut.load(str(compile_model(model)), threads=2)
    fired = {rewrite["name"] for rewrite in strut.explain(str(tmp_path / "model.onnx"))["rewrites"]}
    # Normalisation knows attention by its formula, in both.
    assert fired == ({"lift-idioms"} if name == "heads" else set())

    strut_run("compile", tmp_path / "model.onnx", "--emit", "mlir-onnx", "-o", tmp_path / "onnx.mlir")
    command = [strut_opt, tmp_path / "onnx.mlir", *AS_WRITTEN]
    written = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout
    (tmp_path / "layer.mlir").write_text(written.replace("module attributes {", "module attributes {strut.layer_stage, ", 1))
    strut_run("compile", tmp_path / "layer.mlir", "-o", tmp_path / "written.so")
    plain = strut.load(str(tmp_path / "written.so"), threads=2)

    axes = [dim.dim_value or dim.dim_param for dim in model.graph.input[0].type.tensor_type.shape.dim]
    for which in (0, 1):
        for _ in range(3):
            x = drawn(rng, axes, which)
            ours, theirs = (np.asarray(each.run({"x0": x})["y"]) for each in (whole, plain))
            np.testing.assert_array_equal(ours.view(np.int32), theirs.view(np.int32))
