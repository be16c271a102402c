"""`strut compile --compress`: smaller weights with a stated error, and a report of it."""

import re

import numpy as np
import onnx
import pytest
import strut
from onnx import TensorProto, helper, numpy_helper


def layers(weights):
    """x through one weight after the other, with a Tanh between them."""
    nodes, value = [], "x"
    for i in range(len(weights)):
        nodes.append(helper.make_node("MatMul", [value, f"w{i}"], [f"h{i}"], name=f"layer{i}"))
        value = f"h{i}"
        if i + 1 < len(weights):
            nodes.append(helper.make_node("Tanh", [value], [f"a{i}"]))
            value = f"a{i}"
    graph = helper.make_graph(
        nodes,
        "layers",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", weights[0].shape[0]])],
        [helper.make_tensor_value_info(value, TensorProto.FLOAT, ["rows", weights[-1].shape[1]])],
        [numpy_helper.from_array(weight, f"w{i}") for i, weight in enumerate(weights)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])


def of_rank(rng, inputs, outputs, rank, noise):
    exact = rng.standard_normal((inputs, rank)) @ rng.standard_normal((rank, outputs))
    noisy = exact / np.sqrt(rank) + noise * rng.standard_normal((inputs, outputs))
    return noisy.astype(np.float32)


def monarch(rng, inputs, outputs, blocks, noise):
    """Pieces of rank 1 each; the whole has rank `blocks` squared or less."""
    row, col = inputs // blocks, outputs // blocks
    pieces = [[of_rank(rng, row, col, 1, noise) for _ in range(blocks)] for _ in range(blocks)]
    return np.block(pieces)


@pytest.mark.parametrize("rows", [0, 1, 7, 65])
def test_error_is_as_stated(rng, strut_run, tmp_path, rows):
    tolerance = 0.05
    weights = [of_rank(rng, 96, 136, 9, 0.01), monarch(rng, 136, 64, 8, 0.01)]
    model = tmp_path / "layers.onnx"
    onnx.save(layers(weights), model)
    done = strut_run("compile", model, "-o", tmp_path / "layers.so", "--compress", tolerance)
    said = dict(re.findall(r"node '(layer\d)': weight of (.*)", done.stderr))
    assert said["layer0"].startswith("96 x 136 became low rank 9: 16.0 % of the parameters")
    assert said["layer1"].startswith("136 x 64 became 8 x 8 blocks of rank 1: 18.4 %")
    x = rng.standard_normal((rows, 96)).astype(np.float32)
    (compressed,) = strut.load(tmp_path / "layers.so").run({"x": x}).values()
    hidden = np.tanh(x.astype(np.float64) @ weights[0])
    exact = hidden @ weights[1]
    # Tanh does not stretch; so the first layer's error goes through the second's norm.
    norms = [np.linalg.norm(weight.astype(np.float64)) for weight in weights]
    bound = tolerance * (
        np.linalg.norm(x, axis=1) * norms[0] * norms[1] + np.linalg.norm(hidden, axis=1) * norms[1]
    )
    assert (np.linalg.norm(compressed - exact, axis=1) <= bound).all()
    if rows:
        assert not np.allclose(compressed, exact, rtol=1e-4), "nothing was approximated"


def test_dense_weights_stay(rng, strut_run, tmp_path):
    weight = rng.standard_normal((40, 24)).astype(np.float32)
    model = tmp_path / "dense.onnx"
    onnx.save(layers([weight]), model)
    plain = strut_run("compile", model, "-o", tmp_path / "plain.so")
    done = strut_run("compile", model, "-o", tmp_path / "same.so", "--compress", 0.05)
    assert "node 'layer0': weight of 40 x 24 stays dense: no factors within the tolerance" in done.stderr
    assert plain.stderr == ""
    x = rng.standard_normal((3, 40)).astype(np.float32)
    first, second = (strut.load(tmp_path / name).run({"x": x})["h0"] for name in ("plain.so", "same.so"))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("error", ["1", "-0.1", "nan"])
def test_impossible_errors(rng, strut_run, tmp_path, error):
    model = tmp_path / "m.onnx"
    onnx.save(layers([rng.standard_normal((4, 4)).astype(np.float32)]), model)
    done = strut_run("compile", model, "-o", tmp_path / "m.so", f"--compress={error}", code=1)
    assert "at least 0 and less than 1" in done.stderr
    assert not (tmp_path / "m.so").exists()


def test_from_python(rng):
    weight = of_rank(rng, 64, 64, 3, 0)
    x = rng.standard_normal((5, 64)).astype(np.float32)
    result = strut.compile(layers([weight]), compress=1e-3).run({"x": x})["h0"]
    np.testing.assert_allclose(result, x.astype(np.float64) @ weight, rtol=1e-3, atol=1e-2)
