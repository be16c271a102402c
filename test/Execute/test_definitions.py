"""Operators that become others, against their definitions in float64."""

import numpy as np
import pytest
from onnx import helper

from Execute.narrow import model_of


def lrn(x, size, alpha, beta, bias):
    x = x.astype(np.float64)
    before, channels = (size - 1) // 2, x.shape[1]
    sums = np.zeros_like(x)
    for c in range(channels):
        sums[:, c] = (x[:, max(0, c - before) : c - before + size] ** 2).sum(1)
    return x / (bias + alpha / size * sums) ** beta


@pytest.mark.parametrize("shape", [(2, 7, 5, 3), (1, 3, 1, 1), (3, 17), (2, 5, 13), (1, 4, 2, 3, 5)])
@pytest.mark.parametrize("size", [1, 2, 5, 9])
def test_lrn(compile_model, run_model, assert_close, rng, shape, size):
    x = (rng.standard_normal(shape) * 3).astype(np.float32)
    node = helper.make_node("LRN", ["x"], ["y"], size=size, alpha=0.7, beta=0.6, bias=1.5)
    open_shape = ["n", shape[1], *(f"d{i}" for i in range(len(shape) - 2))]
    model = model_of([node], [("x", "float32", open_shape)], [("y", "float32", open_shape)])
    assert_close(run_model(compile_model(model), {"x": x})["y"], lrn(x, size, 0.7, 0.6, 1.5))


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_lrn_of_other_floats(compile_model, run_model, assert_close, rng, dtype):
    x = rng.standard_normal((2, 6, 5, 4)).astype(dtype)
    node = helper.make_node("LRN", ["x"], ["y"], size=3)
    shape = ["n", "c", "h", "w"]
    model = model_of([node], [("x", dtype, shape)], [("y", dtype, shape)])
    got = run_model(compile_model(model), {"x": x})["y"]
    assert_close(got, lrn(x, 3, float(np.float32(0.0001)), 0.75, 1), dtype)


def ml_model(node, inputs, outputs):
    model = model_of([node], inputs, outputs)
    model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 5))
    return model


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int32"])
def test_binarizer(compile_model, run_model, rng, dtype):
    x = (rng.standard_normal((3, 37)) * 4).astype(dtype)
    node = helper.make_node("Binarizer", ["x"], ["y"], domain="ai.onnx.ml", threshold=1.0)
    model = ml_model(node, [("x", dtype, ["n", "m"])], [("y", dtype, ["n", "m"])])
    got = run_model(compile_model(model), {"x": x})["y"]
    assert got.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(got, (x > 1).astype(dtype))


@pytest.mark.parametrize("shape", [(9,), (5, 9), (2, 3, 9)])
def test_features(compile_model, run_model, rng, shape):
    x, y = rng.standard_normal(shape).astype(np.float32), np.array([[8, 0, 3, 3]])
    node = helper.make_node("ArrayFeatureExtractor", ["x", "y"], ["z"], domain="ai.onnx.ml")
    names = [f"d{i}" for i in range(len(shape))]
    inputs = [("x", "float32", names), ("y", "int64", [1, "k"])]
    outputs = [("z", "float32", [*names[:-1], "k"] if len(shape) > 1 else [1, "k"])]
    got = run_model(compile_model(ml_model(node, inputs, outputs)), {"x": x, "y": y})["z"]
    np.testing.assert_array_equal(got, x.reshape(1, -1)[:, y[0]] if len(shape) == 1 else x[..., y[0]])
