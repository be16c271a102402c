"""Loading and calling a compiled model from Python."""

import gc
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Driver"))
import artifact  # noqa: E402
import strut  # noqa: E402

X = np.array([[1, -2, 3], [4, 5, -6]], np.float32)
Y = 2 * np.maximum(X, 0)


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return artifact.build("twice.c", tmp_path_factory.mktemp("model") / "twice.so")


@pytest.fixture(scope="module")
def model(library):
    return strut.load(library, threads=2)


def test_description(model):
    assert model.name == "twice"
    assert model.dims == ["batch"]
    assert [tuple(i) for i in model.inputs] == [
        ("x", "float32", ("batch", 3), None),
        ("n", "int64", (), None),
    ]
    assert [o.name for o in model.outputs] == ["y", "count"]
    assert "x: float32[batch, 3]" in repr(model)


def test_call(model):
    for y, count in (model(X, np.int64(4)), model(X, n=4), model(x=X.tolist(), n=np.array(4))):
        np.testing.assert_array_equal(y, Y)
        assert y.dtype == np.float32 and count.dtype == np.int64
        assert count.shape == () and count == 5
    assert list(model.run({"n": 1, "x": X})) == ["y", "count"]


@pytest.mark.parametrize("rows", [7, 512, 1, 0, 33])
def test_sizes(model, rows):
    x = np.random.default_rng(rows).standard_normal((rows, 3), np.float32)
    y, _ = model(x, 0)
    assert y.shape == (rows, 3)
    np.testing.assert_array_equal(y, 2 * np.maximum(x, 0))


def test_layouts(model):
    for x in (np.asfortranarray(X), X[::-1], X.astype(">f4"), np.broadcast_to(X[0], (4, 3))):
        np.testing.assert_array_equal(model(x, 0)[0], 2 * np.maximum(x.astype(np.float32), 0))
    fixed = X.copy()
    fixed.flags.writeable = False
    np.testing.assert_array_equal(model(fixed, 0)[0], Y)


class Foreign:
    """A tensor of another package: DLPack and nothing else."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **arguments):
        return self.array.__dlpack__(**arguments)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


def test_dlpack(model):
    y, _ = model(Foreign(X), Foreign(np.array(3)))
    np.testing.assert_array_equal(y, Y)
    np.testing.assert_array_equal(np.from_dlpack(y), Y)


def test_views(model):
    first = model.run({"x": X, "n": 1}, copy=False)
    second = model.run({"x": 2 * X, "n": 2}, copy=False)
    gc.collect()
    np.testing.assert_array_equal(first["y"], Y)
    np.testing.assert_array_equal(second["y"], 2 * Y)
    copied = model.run({"x": X, "n": 1})["y"]
    model.run({"x": 3 * X, "n": 1})
    np.testing.assert_array_equal(copied, Y)


@pytest.mark.parametrize(
    "feed, text",
    [
        ({"x": X}, "'n' is missing"),
        ({"x": X, "n": 1, "z": X}, "no input 'z'"),
        ({"x": X.astype(np.float64), "n": 1}, "'x' has dtype float64, the model's is float32"),
        ({"x": X[0], "n": 1}, "rank 1 instead of 2"),
        ({"x": X[:, :2], "n": 1}, r"has shape \[2, 2\], the model's is \[batch, 3\]"),
        ({"x": X, "n": [1, 2]}, "'n' has shape"),
        ({"x": np.array(["a"]), "n": 1}, "'x' has dtype <U1"),
        ({"x": "a", "n": 1}, "'x' cannot be read as float32"),
    ],
)
def test_refused(model, feed, text):
    with pytest.raises(ValueError, match=text):
        model.run(feed)
    np.testing.assert_array_equal(model(X, 0)[0], Y)


def test_too_many(model):
    with pytest.raises(ValueError, match="3 inputs are given"):
        model(X, 1, 2)
    with pytest.raises(ValueError, match="'x' is given twice"):
        model(X, x=X)


def test_load_refuses(tmp_path, library):
    with pytest.raises(FileNotFoundError, match="no such file"):
        strut.load(tmp_path / "absent.so")
    with pytest.raises(RuntimeError, match="not a file"):
        strut.load(tmp_path)
    cut = tmp_path / "cut.so"
    for size in (0, 3, 100, 5000):
        cut.write_bytes(library.read_bytes()[:size])
        with pytest.raises(RuntimeError, match="cannot load"):
            strut.load(cut)
    with pytest.raises(RuntimeError, match="no symbol 'strut_model'"):
        strut.load(strut._runtime.__file__)
    with pytest.raises(RuntimeError, match="threads is negative"):
        strut.load(library, threads=-1)


def test_replaced_file(tmp_path):
    """A library compiled again to the same path is the new one, and the old one lives on."""
    path = tmp_path / "model.so"
    old = strut.load(artifact.build("twice.c", path))
    source = artifact.ROOT / "test/Driver/Inputs/twice.c"
    changed = tmp_path / "thrice.c"
    changed.write_text(source.read_text().replace("2 * x[i]", "3 * x[i]"))
    path.unlink()
    new = strut.load(artifact.build(str(changed), path))
    again = strut.load(path)
    np.testing.assert_array_equal(old(X, 0)[0], Y)
    for model in (new, again):
        np.testing.assert_array_equal(model(X, 0)[0], 1.5 * Y)


def test_threads(model):
    wrong = []

    def work(seed):
        random = np.random.default_rng(seed)
        for rows in random.integers(0, 40, 100):
            x = random.standard_normal((rows, 3), np.float32)
            if not np.array_equal(model(x, 0)[0], 2 * np.maximum(x, 0)):
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
