"""act(x · w + b), the one op that everything else is made of, with a dynamic number of rows."""

import numpy
import pytest
from scipy.special import erf

from bench import models
from examples import engines

ROWS = [7, 512, 1, 0, 33]  # in this order on one library
# Tails of every kind: below one vector, one past a tile, sizes of real networks.
SIZES = [(1, 1), (3, 5), (17, 63), (64, 64), (65, 129), (384, 1536), (768, 768)]


def reference(model, act, x):
    """The model in float64."""
    weight, bias = (numpy.frombuffer(t.raw_data, numpy.float32) for t in model.graph.initializer[:2])
    k = x.shape[1]
    y = x.astype(numpy.float64) @ weight.reshape(k, -1).astype(numpy.float64) + bias
    if act in ("tanh", "op-tanh"):
        return 0.5 * y * (1 + numpy.tanh(numpy.sqrt(2 / numpy.pi) * (y + 0.044715 * y**3)))
    return y if act == "none" else 0.5 * y * (1 + erf(y / numpy.sqrt(2)))


@pytest.fixture
def loaded(compile_model):
    """loaded(model): compiles it and loads the library on two threads."""
    return lambda model: engines.Strut(compile_model(model), 2)


@pytest.mark.parametrize("k,n", SIZES, ids=[f"{k}x{n}" for k, n in SIZES])
def test_sizes(loaded, rng, assert_close, k, n):
    model = models.contraction(k, n)
    compiled = loaded(model)
    for rows in ROWS:
        x = rng.standard_normal((rows, k)).astype(numpy.float32)
        assert_close(compiled.run({"x": x})["y"], reference(model, "erf", x), what=f"{rows} rows")


@pytest.mark.parametrize("act", models.GELU_SPELLINGS)
def test_spellings(loaded, rng, assert_close, act):
    model = models.contraction(96, 160, act)
    compiled = loaded(model)
    for rows in ROWS:
        x = rng.normal(0, 2, (rows, 96)).astype(numpy.float32)
        assert_close(compiled.run({"x": x})["y"], reference(model, act, x), what=f"{rows} rows")


def test_onnxruntime_reads_all_spellings(rng, assert_close, tmp_path):
    """The generator is right: its spellings mean what this file says they mean."""
    x = rng.normal(0, 2, (9, 96)).astype(numpy.float32)
    for act in models.GELU_SPELLINGS:
        model = models.contraction(96, 160, act)
        (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
        actual = engines.OnnxRuntime(tmp_path / "model.onnx", 1).run({"x": x})["y"]
        assert_close(actual, reference(model, act, x), what=act)


def test_rows_do_not_know_each_other(loaded, rng):
    compiled = loaded(models.contraction(100, 200))
    x = rng.standard_normal((29, 100)).astype(numpy.float32)
    together = compiled.run({"x": x})["y"].copy()
    for begin in range(29):
        alone = compiled.run({"x": x[begin : begin + 1]})["y"]
        numpy.testing.assert_array_equal(alone[0], together[begin])


def test_non_finite_values_stay_in_their_row(loaded, rng):
    compiled = loaded(models.contraction(40, 50, "none"))
    x = rng.standard_normal((8, 40)).astype(numpy.float32)
    clean = compiled.run({"x": x})["y"].copy()
    x[3, 5], x[4, 6] = numpy.nan, numpy.inf
    dirty = compiled.run({"x": x})["y"]
    assert not numpy.isfinite(dirty[3:5]).any()
    others = [0, 1, 2, 5, 6, 7]
    numpy.testing.assert_array_equal(dirty[others], clean[others])


def test_layers_follow_each_other(loaded, rng, tmp_path):
    model = models.mlp(128, 512, 3)
    compiled = loaded(model)
    (tmp_path / "peer.onnx").write_bytes(model.SerializeToString())
    peer = engines.OnnxRuntime(tmp_path / "peer.onnx", 1)
    for rows in ROWS:
        x = rng.standard_normal((rows, 128)).astype(numpy.float32)
        actual = compiled.run({"x": x})["y"]
        numpy.testing.assert_allclose(actual, peer.run({"x": x})["y"], rtol=1e-4, atol=1e-5)
