"""Formulas that are lifted to one operator, and their neighbours that are not: same values."""

import json
import subprocess

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper


def model(nodes, inputs, output, constants):
    """A float32 model of nodes (op, operands, result, attributes), dimensions given by input."""
    graph = helper.make_graph(
        [helper.make_node(op, reads, [writes], **attributes) for op, reads, writes, attributes in nodes],
        "idiom",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name, dims in inputs.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, output)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(made)
    return made


@pytest.fixture
def run(compile_model):
    """run(model, feed): the output of the compiled model."""
    import strut

    return lambda made, **feed: strut.load(str(compile_model(made)), threads=2).run(feed)["y"]


@pytest.mark.parametrize("inside", [True, False], ids=["inside the root", "after the root"])
@pytest.mark.parametrize("reciprocal", ["Reciprocal", "Div"])
@pytest.mark.parametrize("width", [5, 64])
def test_rms_normalization(run, rng, assert_close, width, reciprocal, inside):
    epsilon = np.float32(0.03)  # large enough to see where it stands
    gamma = rng.standard_normal(width, np.float32)
    root = [("Add", ["m", "eps"], "e", {}), ("Sqrt", ["e"], "r", {})]
    if not inside:
        root = [("Sqrt", ["m"], "e", {}), ("Add", ["e", "eps"], "r", {})]
    made = model(
        [
            ("Pow", ["x", "two"], "s", {}),
            ("ReduceMean", ["s", "axis"], "m", {}),
            *root,
            (reciprocal, ["r"] if reciprocal == "Reciprocal" else ["one", "r"], "i", {}),
            ("Mul", ["x", "i"], "n", {}),
            ("Mul", ["gamma", "n"], "y", {}),
        ],
        {"x": ["batch", "seq", width]},
        ["batch", "seq", width],
        {
            "two": np.float32(2),
            "one": np.float32(1),
            "eps": epsilon,
            "axis": np.int64([-1]),
            "gamma": gamma,
        },
    )
    x = 0.1 * rng.standard_normal((2, 7, width), np.float32)
    exact = x.astype(np.float64)
    mean = (exact**2).mean(-1, keepdims=True)
    scale = np.sqrt(mean + epsilon) if inside else np.sqrt(mean) + epsilon
    assert_close(run(made, x=x), gamma * exact / scale)


@pytest.mark.parametrize("low", [-np.inf, np.finfo(np.float32).min], ids=["infinite", "finite"])
def test_attention_of_rows_that_see_nothing(run, rng, assert_close, low):
    """All scores -inf: zeros. All the same finite number: the mean of the values."""
    made = model(
        [
            ("Mul", ["q", "root"], "qs", {}),
            ("Transpose", ["k"], "kt", {"perm": [0, 1, 3, 2]}),
            ("Mul", ["kt", "root"], "ks", {}),
            ("MatMul", ["qs", "ks"], "s", {}),
            ("Add", ["s", "mask"], "m", {}),
            ("Softmax", ["m"], "p", {"axis": -1}),
            ("IsNaN", ["p"], "n", {}),
            ("Where", ["n", "zero", "p"], "w", {}),
            ("MatMul", ["w", "v"], "y", {}),
        ],
        {name: ["batch", 4, name, 16] for name in "qk"}
        | {"v": ["batch", 4, "k", 16], "mask": ["batch", 1, "q", "k"]},
        ["batch", 4, "q", 16],
        {"root": np.float32(0.5), "zero": np.float32(0)},
    )
    q, k, v = (rng.standard_normal((2, 4, n, 16), np.float32) for n in (5, 9, 9))
    mask = np.where(rng.random((2, 1, 5, 9)) < 0.5, np.float32(low), np.float32(0))
    mask[:, :, 1] = low
    scores = 0.25 * q.astype(np.float64) @ k.swapaxes(2, 3).astype(np.float64) + mask
    highest = scores.max(-1, keepdims=True)
    weights = np.exp(scores - np.where(np.isfinite(highest), highest, 0))
    total = weights.sum(-1, keepdims=True)
    expected = weights / np.where(total > 0, total, 1) @ v
    if np.isfinite(low):  # in float32 what is added to it is lost
        expected[:, :, 1] = v.astype(np.float64).mean(2)
    assert_close(run(made, q=q, k=k, v=v, mask=mask), expected)


@pytest.mark.parametrize("masks", ["one after the other", "expanded"])
def test_attention_in_windows(compile_model, rng, assert_close, strut, masks):
    """A bias for each head and a mask for each of four windows of a picture."""
    windows, heads, n, size = 4, 3, 5, 8
    whole = [-1, heads, n, size]
    nodes = [("Reshape", [name, "whole"], f"{name}4", {}) for name in "qkv"]
    nodes += [("Transpose", ["k4"], "kt", {"perm": [0, 1, 3, 2]}), ("MatMul", ["q4", "kt"], "s", {})]
    if masks == "expanded":
        nodes += [
            ("Shape", ["q"], "extents", {"end": 1}),
            ("Concat", ["extents", "inner"], "all", {"axis": 0}),
            ("Expand", ["mask", "all"], "m5", {}),
            ("Reshape", ["m5", "join"], "m4", {}),
            ("Add", ["bias", "m4"], "m", {}),
            ("Add", ["s", "m"], "a", {}),
        ]
    else:
        nodes += [
            ("Add", ["s", "bias"], "b", {}),
            ("Reshape", ["b", "split"], "b5", {}),
            ("Add", ["b5", "mask"], "a5", {}),
            ("Reshape", ["a5", "join"], "a", {}),
        ]
    nodes += [("Softmax", ["a"], "p", {"axis": -1}), ("MatMul", ["p", "v4"], "y", {})]
    bias = rng.standard_normal((heads, n, n), np.float32)
    mask = np.where(rng.random((1, windows, 1, n, n)) < 0.3, np.float32(-100), np.float32(0))
    constants = {
        "whole": np.int64(whole),
        "split": np.int64([-1, windows, heads, n, n]),
        "join": np.int64([-1, heads, n, n]),
        "inner": np.int64([windows, heads, n, n]),
        "bias": bias,
        "mask": mask,
    }
    inputs = {name: ["batch", windows, heads, n, size] for name in "qkv"}
    library = compile_model(model(nodes, inputs, [None, heads, n, size], constants))
    listed = subprocess.run([strut, "inspect", library, "--json"], capture_output=True, check=True, text=True)
    kinds = {kind["kind"] for kind in json.loads(listed.stdout)["lowering"]}
    assert "attention" in kinds and not kinds & {"contract", "rows"}
    from strut import load

    compiled = load(str(library), threads=2)
    for batch in (2, 1, 3, 0):
        q, k, v = rng.standard_normal((3, batch, windows, heads, n, size), np.float32)
        scores = q.astype(np.float64) @ k.swapaxes(3, 4).astype(np.float64) + bias + mask
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        expected = weights / weights.sum(-1, keepdims=True) @ v
        y = compiled.run({"q": q, "k": k, "v": v})["y"]
        assert_close(y, expected.reshape(-1, heads, n, size), what=f"batch {batch}")


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def ramp(x):
    return np.clip(x / 6 + 0.5, 0, 1)


RELU6 = [("Add", ["x", "three"], "a", {}), ("Clip", ["a", "zero", "six"], "c", {})]
ACTIVATIONS = {
    "swish": (
        [("Mul", ["x", "quick"], "a", {}), ("Sigmoid", ["a"], "s", {}), ("Mul", ["s", "x"], "y", {})],
        lambda x: x * sigmoid(np.float32(1.702) * x),
    ),
    "mish": (
        [("Softplus", ["x"], "s", {}), ("Tanh", ["s"], "t", {}), ("Mul", ["x", "t"], "y", {})],
        lambda x: x * np.tanh(np.logaddexp(0, x)),
    ),
    "hard sigmoid": ([*RELU6, ("Div", ["c", "six"], "y", {})], ramp),
    "hard swish": ([*RELU6, ("Mul", ["c", "x"], "m", {}), ("Div", ["m", "six"], "y", {})], lambda x: x * ramp(x)),
    "other ramp": ([*RELU6, ("Mul", ["c", "x"], "m", {}), ("Div", ["m", "three"], "y", {})], lambda x: 2 * x * ramp(x)),
}  # fmt: skip


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(run, rng, assert_close, name):
    nodes, formula = ACTIVATIONS[name]
    constants = {
        "zero": np.float32(0),
        "three": np.float32(3),
        "six": np.float32(6),
        "quick": np.float32(1.702),
    }
    made = model(nodes, {"x": ["batch", 37]}, ["batch", 37], constants)
    x = 4 * rng.standard_normal((3, 37), np.float32)
    assert_close(run(made, x=x), formula(x.astype(np.float64)))
