"""Determinants and the matrix of mel weights, against their definitions in float64."""

import numpy as np
import pytest
from onnx import helper

from Execute.narrow import model_of


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [0, 1, 2, 5, 17])
def test_determinants(compile_model, run_model, assert_close, rng, dtype, size):
    """Of a batch with a singular matrix, one whose diagonal is 0, and a permutation."""
    x = rng.standard_normal((2, 3, size, size)).astype(dtype)
    if size > 1:
        x[0, 0, 1] = 2 * x[0, 0, 0]
        x[0, 1, range(size), range(size)] = 0
        x[1, 1] = np.eye(size)[rng.permutation(size)]
    node = helper.make_node("Det", ["x"], ["y"])
    model = model_of([node], [("x", dtype, ["a", "b", "n", "n"])], [("y", dtype, ["a", "b"])])
    got = run_model(compile_model(model), {"x": x})["y"]
    assert_close(got, np.linalg.det(x.astype(np.float64)), dtype)


def test_determinant_of_one_matrix(compile_model, run_model, assert_close, rng):
    x = rng.standard_normal((6, 6)).astype(np.float32)
    model = model_of([helper.make_node("Det", ["x"], ["y"])], [("x", "float32", [6, 6])], [("y", "float32", [])])
    assert_close(run_model(compile_model(model), {"x": x})["y"], np.linalg.det(x.astype(np.float64)))


def test_matrices_that_are_not_square_are_refused(compile_model, load, assert_close, rng):
    node = helper.make_node("Det", ["x"], ["y"], "det")
    library = load(compile_model(model_of([node], [("x", "float32", ["n", "m"])], [("y", "float32", [])])))
    x = rng.standard_normal((5, 5)).astype(np.float32)
    assert_close(library.run({"x": x})["y"], np.linalg.det(x.astype(np.float64)))
    with pytest.raises(ValueError, match="'det': extents that have to be equal are not, which depend on n, m"):
        library.run({"x": x[:4]})


def mel_matrix(bands, samples, rate, low, high):
    """By the standard's text: triangles between the bins of equal steps on the mel scale."""
    least, most = (2595 * np.log10(1 + edge / 700) for edge in (low, high))
    edges = least + np.arange(bands + 2) * (most - least) / (bands + 2)
    bins = np.floor((samples + 1) * 700 * (10 ** (edges / 2595) - 1) / rate).astype(int)
    y = np.zeros((samples // 2 + 1, bands))
    for i, (left, centre, right) in enumerate(zip(bins, bins[1:], bins[2:])):
        y[centre, i] = 1
        y[left:centre, i] = (np.arange(left, centre) - left) / max(centre - left, 1)
        y[centre:right, i] = (right - np.arange(centre, right)) / max(right - centre, 1)
    return y


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("sizes", [(8, 16, 8192, 0.0, 4096.0), (13, 257, 16000, 125.0, 7600.0), (1, 1, 8000, 20.0, 300.0)])
def test_mel_weights(compile_model, run_model, assert_close, known, sizes):
    """Numbers of the run need a declared shape."""
    names = ("bands", "samples", "rate", "low", "high")
    values = [np.array(v, np.float32 if isinstance(v, float) else np.int64) for v in sizes]
    expected = mel_matrix(*sizes)
    inputs = [(name, value.dtype.name, []) for name, value in zip(names, values)]
    node = helper.make_node("MelWeightMatrix", names, ["y"])
    given = dict(zip(names, values))
    held = names[:4] if known else ()
    model = model_of(
        [node], [entry for entry in inputs if entry[0] not in held],
        [("y", "float32", [None, None] if known else expected.shape)], [(name, given.pop(name)) for name in held],
    )  # fmt: skip
    assert_close(run_model(compile_model(model), given)["y"], expected)
