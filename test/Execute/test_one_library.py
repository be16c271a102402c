"""One library in one process: any size after any other, contexts side by side, threads, forks,
executors. The bits of a result depend on nothing of this."""

import os
import subprocess
import sys
import threading

import numpy
import onnx
import pytest
from onnx import helper
from scipy.special import erf

from bench import models
from examples.digits import classify
from Execute import abi

SIZES = [7, 512, 1, 0, 33]  # in this order
ACTIVATIONS = ["erf", "op-tanh"]


def reference(model, act, x):
    weight, bias = (numpy.frombuffer(t.raw_data, numpy.float32) for t in model.graph.initializer[:2])
    y = x.astype(numpy.float64) @ weight.reshape(96, -1).astype(numpy.float64) + bias
    if act == "op-tanh":
        return 0.5 * y * (1 + numpy.tanh(numpy.sqrt(2 / numpy.pi) * (y + 0.044715 * y**3)))
    return 0.5 * y * (1 + erf(y / numpy.sqrt(2)))


def rows(rng, count):
    return rng.normal(0, 2, (count, 96)).astype(numpy.float32)


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_any_size_after_any_other(contraction, load, rng, assert_close, act):
    onnx_model, path = contraction(act)
    model = load(path)
    for size in SIZES:
        for _ in range(2):
            x = rows(rng, size)
            assert_close(model.run({"x": x})["y"], reference(onnx_model, act, x), what=f"{size} rows")


def test_contexts_side_by_side(contraction, rng):
    """Each context keeps its sizes and its results while the other runs."""
    _, path = contraction("erf")
    session = abi.Session(path, threads=2)
    first, second = abi.Context(session), abi.Context(session)
    whole = rows(rng, 512)
    (expected,) = first.run(whole)
    for one, other in zip(SIZES, reversed(SIZES)):
        numpy.testing.assert_array_equal(first.run(whole[:one])[0], expected[:one])
        numpy.testing.assert_array_equal(second.run(whole[:other])[0], expected[:other])
        numpy.testing.assert_array_equal(first.run(whole[-one:])[0], expected[-one:])
    first.destroy()
    session.close()  # what it holds lives as long as its last context
    numpy.testing.assert_array_equal(second.run(whole[:9])[0], expected[:9])
    second.destroy()


def test_four_threads_with_two_contexts_each(contraction, rng):
    _, path = contraction("erf")
    session = abi.Session(path, threads=2)
    whole = rows(rng, 512)
    once = abi.Context(session)
    (expected,) = once.run(whole)
    once.destroy()
    wrong = []

    def caller(seed):
        sizes = numpy.random.default_rng(seed).integers(0, 512, 40)
        contexts = [abi.Context(session), abi.Context(session)]
        for turn, size in enumerate(sizes):
            (y,) = contexts[turn % 2].run(whole[:size])
            if not numpy.array_equal(y, expected[:size]):
                wrong.append((seed, turn, size))
        for context in contexts:
            context.destroy()

    threads = [threading.Thread(target=caller, args=(seed,)) for seed in rng.integers(2**32, size=4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    session.close()
    assert not wrong


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_bits_depend_on_the_row_alone(contraction, load, rng, act):
    _, path = contraction(act)
    one, two = load(path, 1), load(path, 2)
    x = rows(rng, 100)
    whole = two.run({"x": x})["y"]
    numpy.testing.assert_array_equal(one.run({"x": x})["y"], whole)
    for begin, end in [(0, 1), (99, 100), (3, 10), (1, 100), (50, 83)]:
        part = two.run({"x": x[begin:end]})["y"]
        numpy.testing.assert_array_equal(part, whole[begin:end], err_msg=f"{begin}:{end}")


@pytest.fixture(scope="module")
def softmax(compile_file, tmp_path_factory):
    folder = tmp_path_factory.mktemp("softmax")
    nodes = [helper.make_node("Softmax", ["x"], ["y"], "/Softmax", axis=-1)]
    onnx.save(models.model(nodes, [("x", ["M", 77])], [("y", ["M", 77])], [], 17), folder / "softmax.onnx")
    return compile_file(folder / "softmax.onnx", folder / "softmax.so")


def test_softmax_of_a_row_alone(softmax, load, rng, assert_close):
    one, two = load(softmax, 1), load(softmax, 2)
    x = rng.normal(0, 5, (600, 77)).astype(numpy.float32)
    whole = two.run({"x": x})["y"]
    weights = numpy.exp(x.astype(numpy.float64) - x.max(-1, keepdims=True))
    assert_close(whole, weights / weights.sum(-1, keepdims=True))
    numpy.testing.assert_array_equal(one.run({"x": x})["y"], whole)
    for begin, end in [(0, 1), (599, 600), (3, 20), (1, 600)]:
        numpy.testing.assert_array_equal(two.run({"x": x[begin:end]})["y"], whole[begin:end])


def test_digits_alone_and_together(load, compile_file, tmp_path, rng):
    """A whole network: convolutions, pooling, softmax."""
    source = classify.onnx_file(report=lambda line: None)[0]
    path = compile_file(source, tmp_path / "digits.so")
    one, two = load(path, 1), load(path, 2)
    (name,) = (info.name for info in one.inputs)
    images = rng.random((50, 1, 8, 8), numpy.float32)
    whole = two.run({name: images})
    for output, value in one.run({name: images}).items():
        numpy.testing.assert_array_equal(value, whole[output], err_msg=output)
    for begin, end in [(0, 1), (49, 50), (7, 30)]:
        for output, value in two.run({name: images[begin:end]}).items():
            numpy.testing.assert_array_equal(value, whole[output][begin:end], err_msg=f"{output} {begin}:{end}")


def test_fork_after_open(contraction, rng):
    _, path = contraction("erf")
    session = abi.Session(path, threads=2)
    context = abi.Context(session)
    x = rows(rng, 300)
    (expected,) = context.run(x)
    child = os.fork()
    if child == 0:
        # The pool's threads are not there: it is made anew, or the child hangs.
        code = 1
        try:
            same = all(numpy.array_equal(context.run(x)[0], expected) for _ in range(3))
            code = 0 if same else 2
        finally:
            os._exit(code)
    numpy.testing.assert_array_equal(context.run(x)[0], expected)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    context.destroy()
    session.close()


def test_executor_of_the_caller(contraction, rng):
    _, path = contraction("erf")
    pooled = abi.Session(path, threads=2)
    context = abi.Context(pooled)
    x = rows(rng, 200)
    (expected,) = context.run(x)
    calls = []

    def parallel_for(_, body, argument, tasks):
        calls.append(tasks)
        for task in reversed(range(tasks)):  # any order of disjoint ranges is right
            body(argument, task, task + 1)

    executor = abi.Executor(None, 3, abi.ParallelFor(parallel_for))
    own = abi.Session(path, executor=executor)
    other = abi.Context(own)
    numpy.testing.assert_array_equal(other.run(x)[0], expected)
    assert calls and max(calls) > 1
    for made, session in ((context, pooled), (other, own)):
        made.destroy()
        session.close()


SHARE = """
import pathlib, sys
sys.path.insert(0, sys.argv[1])
import numpy
from Execute import abi

def threads():
    return len(list(pathlib.Path("/proc/self/task").iterdir()))

x = numpy.ones((500, 96), numpy.float32)
before = threads()
contexts = [abi.Context(abi.Session(path, threads=2)) for path in sys.argv[2:]]
seen = []
for context in contexts * 2:
    context.run(x)
    seen.append(threads() - before)
print(*seen)
"""


def test_two_artefacts_share_the_pool(contraction, root):
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("one processor: the pool has no threads")
    paths = [str(contraction(act)[1]) for act in ACTIVATIONS]
    done = subprocess.run(
        [sys.executable, "-c", SHARE, str(root / "test"), *paths], capture_output=True, text=True, timeout=300
    )
    assert done.stdout.split() == ["1"] * 4, done.stdout + done.stderr


@pytest.fixture(scope="module")
def run_files(clang, root, tmp_path_factory):
    program = tmp_path_factory.mktemp("harness") / "run_files"
    source = root / "test" / "Execute" / "Inputs" / "run_files.c"
    subprocess.run(
        [clang, "-O1", "-rdynamic", f"-I{root / 'include'}", source, "-ldl", "-o", program], check=True
    )
    return program


@pytest.mark.parametrize("size", SIZES)
def test_second_run_allocates_nothing(contraction, run_files, rng, tmp_path, assert_close, size):
    onnx_model, path = contraction("erf")
    x = rows(rng, size)
    x.tofile(tmp_path / "x.bin")
    done = subprocess.run(
        [run_files, path, tmp_path / "y", "3", f"{tmp_path / 'x.bin'}:{size},96"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    y = numpy.fromfile(tmp_path / "y0.bin", numpy.float32).reshape(size, 160)
    assert_close(y, reference(onnx_model, "erf", x))
