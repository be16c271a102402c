"""Random operators: the words are Philox2x32-10's, by place and key, so every number here is the
same in every run, and no bound can be missed by chance."""

import numpy as np
import onnx
import pytest


def words(key, count):
    """Random words by the definition of the generator, in numpy."""
    first, second = np.arange(count, dtype=np.uint64), np.zeros(count, np.uint64)
    mask = np.uint64(0xFFFFFFFF)
    for _ in range(10):
        product = first * np.uint64(0xD256D193)
        first, second = ((product >> np.uint64(32)) ^ np.uint64(key) ^ second) & mask, product & mask
        key = (key + 0x9E3779B9) & 0xFFFFFFFF
    return first, second


def key_of(seed):
    return int(np.float32(seed).view(np.uint32))


def test_words():
    """The known answer for the counter 0 and the key 0."""
    first, second = words(0, 1)
    assert (int(first[0]), int(second[0])) == (0xFF1DAE59, 0x6CD10DF2)


@pytest.fixture(scope="module")
def results(compile_file, load, tmp_path_factory):
    """All kinds of nodes in one model, run at two sizes on one and two threads."""
    folder = tmp_path_factory.mktemp("random")
    text = """
    <ir_version: 9, opset_import: ["" : 22]>
    g (float[n, m] x, double[n, m] p, float[b, c] chances) => (
        float[41, 3, 7] uniform, double[1000] wide, float16[300] narrow, float[n, m] like, float[n, m] again,
        float[n, m] other, float[50000] normal, double[n, m] normal_like, int32[n, m] coins,
        bool[n, m] fixed, int64[b, 4000] drawn, float[n, m] moved) {
      uniform = RandomUniform <shape = [41, 3, 7], seed = 2.5> ()
      wide = RandomUniform <shape = [1000], dtype = 11, low = -3.0, high = 5.0, seed = 1.0> ()
      narrow = RandomUniform <shape = [300], dtype = 10> ()
      like = RandomUniformLike <seed = 7.0> (x)
      again = RandomUniformLike <seed = 7.0> (x)
      other = RandomUniformLike (x)
      normal = RandomNormal <shape = [50000], mean = 2.0, scale = 3.0> ()
      normal_like = RandomNormalLike (p)
      coins = Bernoulli <dtype = 6> (p)
      fixed = Bernoulli <dtype = 9, seed = 7.0> (p)
      drawn = Multinomial <sample_size = 4000, dtype = 7> (chances)
      noise = RandomUniformLike <seed = 7.0> (x)
      moved = Add (x, noise)
    }
    """
    (folder / "model.onnx").write_bytes(onnx.parser.parse_model(text).SerializeToString())
    library = compile_file(folder / "model.onnx", folder / "model.so")
    numbers = np.random.default_rng(5)  # of the inputs, which decide how the draws are judged
    made = []
    for n, m, b, c in [(211, 37, 5, 7), (3, 0, 2, 1), (1, 13, 0, 3)]:
        feed = {
            "x": np.float32(numbers.standard_normal((n, m))),
            "p": np.full((n, m), 0.3),
            "chances": np.float32(numbers.standard_normal((b, c))),
        }
        one, two = load(library, 1).run(feed), load(library, 2).run(feed)
        for name in one:
            np.testing.assert_array_equal(one[name], two[name], err_msg=name)
        made.append((feed, one))
    return made


def test_uniform(results):
    feed, got = results[0]
    first, second = words(key_of(2.5), 41 * 3 * 7)
    np.testing.assert_array_equal(got["uniform"].ravel(), np.float32((first >> np.uint64(8)) * 2.0**-24))
    first, second = words(key_of(1.0), 1000)
    fraction = first * 2.0**-32 + (second >> np.uint64(11)) * 2.0**-53
    np.testing.assert_allclose(got["wide"], 8 * fraction - 3, rtol=0, atol=1e-14)
    assert got["narrow"].dtype == np.float16 and 0 <= got["narrow"].min() and got["narrow"].max() <= 1
    np.testing.assert_array_equal(got["like"], got["again"])
    assert abs(np.corrcoef(got["like"].ravel(), got["other"].ravel())[0, 1]) < 0.05
    # Drawn on the way, it is what it is alone.
    np.testing.assert_array_equal(got["moved"], feed["x"] + got["like"])


def test_normal(results):
    z = (results[0][1]["normal"].astype(np.float64) - 2) / 3
    assert abs(z.mean()) < 0.02 and abs(z.std() - 1) < 0.02
    assert abs((z**3).mean()) < 0.05 and abs((z**4).mean() - 3) < 0.15
    for bound, share in [(1, 0.6827), (2, 0.9545), (3, 0.9973)]:
        assert abs((abs(z) < bound).mean() - share) < 0.01
    other = results[0][1]["normal_like"]
    assert abs(other.mean()) < 0.05 and abs(other.std() - 1) < 0.05


def test_bernoulli(results):
    for feed, got in results:
        coins = got["coins"]
        assert coins.dtype == np.int32 and coins.shape == feed["x"].shape and np.isin(coins, [0, 1]).all()
    got = results[0][1]
    assert abs(got["coins"].mean() - 0.3) < 0.03
    first, second = words(key_of(7.0), got["fixed"].size)
    fraction = first * 2.0**-32 + (second >> np.uint64(11)) * 2.0**-53
    np.testing.assert_array_equal(got["fixed"].ravel(), fraction < 0.3)


def test_multinomial(results):
    for feed, got in results:
        drawn, chances = got["drawn"], np.exp(feed["chances"].astype(np.float64))
        assert drawn.dtype == np.int64 and drawn.shape == (len(chances), 4000)
        for row, weights in zip(drawn, chances):
            share = np.bincount(row, minlength=len(weights)) / 4000
            np.testing.assert_allclose(share, weights / weights.sum(), rtol=0, atol=0.04)
