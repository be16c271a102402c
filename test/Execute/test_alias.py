"""Outputs in the memory of inputs: a cache that runs update in place."""

import subprocess

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from Execute.abi import Context, Session

SHAPE = (6, 32)


def tensor(name, shape=SHAPE):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def save(path, nodes, inputs, outputs):
    made = helper.make_graph(
        [helper.make_node(op, reads, writes, name=f"n{i}") for i, (op, reads, writes) in enumerate(nodes)],
        "cache",
        list(map(tensor, inputs)),
        list(map(tensor, outputs)),
    )
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)


@pytest.fixture
def build(compile_file, tmp_path):
    """build(nodes, inputs, outputs, aliases): a context of the compiled model."""
    opened = []

    def make(nodes, inputs, outputs, aliases):
        save(tmp_path / "cache.onnx", nodes, inputs, outputs)
        flags = [f"--alias={out}={into}" for out, into in aliases.items()]
        session = Session(compile_file(tmp_path / "cache.onnx", tmp_path / "cache.so", *flags))
        opened.append((session, Context(session)))
        return opened[-1][1]

    yield make
    for session, context in opened:
        context.destroy()
        session.close()


def arrays(count):
    random = np.random.default_rng(3)
    return [random.standard_normal(SHAPE, np.float32) for _ in range(count)]


def test_a_cache_takes_a_row_in_each_run(build):
    # next = cache + where · row, the sums of rows of the old cache beside it
    nodes = [
        ("Mul", ["where", "row"], ["placed"]),
        ("Add", ["cache", "placed"], ["next"]),
        ("Neg", ["cache"], ["old"]),
    ]
    context = build(nodes, ["cache", "where", "row"], ["next", "old"], {"next": "cache"})
    cache, row = np.zeros(SHAPE, np.float32), arrays(1)[0]
    for step in range(SHAPE[0]):
        where = np.zeros(SHAPE, np.float32)
        where[step] = 1
        before = cache.copy()
        following, old = context.run(cache, where, row, outputs=2)
        np.testing.assert_array_equal(cache, before + where * row)
        np.testing.assert_array_equal(following, cache)
        np.testing.assert_array_equal(old, -before)
    np.testing.assert_array_equal(cache, row)


def test_what_reads_the_old_value_sees_it(build):
    # The update is the first node; a transposed product reads all of the cache after it.
    nodes = [
        ("Add", ["cache", "x"], ["next"]),
        ("Transpose", ["cache"], ["turned"]),
        ("MatMul", ["turned", "next"], ["product"]),
        ("MatMul", ["x", "product"], ["y"]),
    ]
    context = build(nodes, ["cache", "x"], ["next", "y"], {"next": "cache"})
    cache, x = arrays(2)
    for _ in range(3):
        before = np.float64(cache)
        following, y = context.run(cache, x, outputs=2)
        np.testing.assert_allclose(cache, before + x, rtol=1e-6)
        np.testing.assert_allclose(y, x @ (before.T @ (before + x)), rtol=1e-4, atol=1e-3)


def test_two_caches_change_places(build):
    nodes = [("Identity", ["a"], ["c"]), ("Identity", ["b"], ["d"])]
    context = build(nodes, ["a", "b"], ["d", "c"], {"d": "a", "c": "b"})
    a, b = arrays(2)
    first, second = a.copy(), b.copy()
    for _ in range(3):
        context.run(a, b, outputs=2)
        first, second = second, first
        np.testing.assert_array_equal(a, first)
        np.testing.assert_array_equal(b, second)


def test_memory_of_its_own_leaves_the_input(build):
    nodes = [("Mul", ["cache", "x"], ["product"]), ("Tanh", ["product"], ["next"])]
    context = build(nodes, ["cache", "x"], ["next"], {"next": "cache"})
    cache, x, own = arrays(3)
    before = cache.copy()
    expected = np.tanh(np.float64(before) * x)
    context.run_into([cache, x], [own])
    np.testing.assert_allclose(own, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(cache, before)
    context.run(cache, x)
    np.testing.assert_array_equal(cache, own)


def test_a_cache_that_does_not_change(build):
    context = build([("Identity", ["cache"], ["next"])], ["cache"], ["next"], {"next": "cache"})
    cache, own = arrays(2)
    before = cache.copy()
    context.run_into([cache], [own])
    np.testing.assert_array_equal(own, before)
    (following,) = context.run(cache)
    np.testing.assert_array_equal(following, before)
    np.testing.assert_array_equal(cache, before)


@pytest.mark.parametrize(
    "alias,message",
    [
        ("none=cache", "the model has no output 'none'"),
        ("next=none", "the model has no input 'none'"),
        ("next", "expected output=input"),
    ],
)
def test_a_wrong_alias_is_refused(strut, tmp_path, alias, message):
    save(tmp_path / "cache.onnx", [("Neg", ["cache"], ["next"])], ["cache"], ["next"])
    command = [strut, "compile", tmp_path / "cache.onnx", "-o", tmp_path / "c.so", "--alias", alias]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1 and message in done.stderr
    assert not (tmp_path / "c.so").exists()
