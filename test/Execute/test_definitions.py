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


def tf_idf(rows, grams, columns, size, skips, mode, weights):
    y = np.zeros((len(rows), size))
    for n, row in enumerate(rows):
        for gram, column in zip(grams, columns):
            for distance in range(1, 2 if len(gram) == 1 else skips + 2):
                for start in range(len(row) - (len(gram) - 1) * distance):
                    y[n, column] += [row[start + i * distance] for i in range(len(gram))] == list(gram)
    return y if mode == "TF" else (y > 0) * weights if mode == "IDF" else y * weights


@pytest.mark.parametrize("mode", ["TF", "IDF", "TFIDF"])
@pytest.mark.parametrize("shape", [(12,), (3, 12), (2, 3), (0, 7)])
def test_counts_of_n_grams(compile_model, run_model, assert_close, rng, mode, shape):
    x = rng.integers(0, 4, shape)
    grams = [(0,), (2,), (0, 1), (3, 3), (2, 1), (1, 0, 2)]
    columns, weights = [4, 0, 5, 1, 3, 7], rng.uniform(0.5, 2, 8).astype(np.float32)
    node = helper.make_node(
        "TfIdfVectorizer", ["x"], ["y"], mode=mode, min_gram_length=1, max_gram_length=3, max_skip_count=2,
        pool_int64s=[v for gram in grams for v in gram], ngram_counts=[0, 2, 8], ngram_indexes=columns,
        weights=weights.tolist(),
    )  # fmt: skip
    rows = ["n"] * (len(shape) - 1)
    model = model_of([node], [("x", "int64", [*rows, shape[-1]])], [("y", "float32", [*rows, 8])])
    got = run_model(compile_model(model), {"x": x})["y"]
    expected = tf_idf(x.reshape(-1, shape[-1]).tolist(), grams, columns, 8, 2, mode, weights)
    assert_close(got, expected.reshape(*shape[:-1], 8))
