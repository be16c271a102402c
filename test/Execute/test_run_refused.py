"""A compiled model refuses what it cannot run: one message, an exit code of 1, nothing written."""

import os
import shutil

import numpy
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from bench import models


@pytest.fixture(scope="module")
def pair(compile_file, tmp_path_factory):
    """y[M, 4] = a[M, 4] + b[M, 4]: both inputs have the same dimension."""
    folder = tmp_path_factory.mktemp("pair")
    node = helper.make_node("Add", ["a", "b"], ["y"], "/Add")
    model = models.model([node], [("a", ["M", 4]), ("b", ["M", 4])], [("y", ["M", 4])], [], 17)
    onnx.save(model, folder / "pair.onnx")
    return compile_file(folder / "pair.onnx", folder / "pair.so")


def large_weight():
    """68 MB whose sums are exact, and in which there is no structure that a compiler could store instead."""
    return numpy.random.default_rng(1).integers(-1, 2, (4352, 4096)).astype(numpy.float32)


@pytest.fixture(scope="module")
def large(compile_file, tmp_path_factory):
    """A model of 68 MB, whose weights lie in a file beside the library."""
    folder = tmp_path_factory.mktemp("large")
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"], "/MatMul")]
    constants = [numpy_helper.from_array(large_weight(), "w")]
    onnx.save(models.model(nodes, [("x", ["M", 4352])], [("y", ["M", 4096])], constants, 17), folder / "m.onnx")
    return compile_file(folder / "m.onnx", folder / "large.so")


@pytest.fixture
def refused(strut_run, tmp_path):
    """refused(library, {input: array}, ..., text): `strut run` says `text` and leaves no output."""

    def run(library, inputs, text, output=None, flags=()):
        arguments = []
        for number, (name, array) in enumerate(inputs.items()):
            numpy.save(tmp_path / f"{number}.npy", array)
            arguments += ["--input", f"{name}={tmp_path / f'{number}.npy'}"]
        target = output or tmp_path / "out.npz"
        before = sorted(tmp_path.iterdir())
        done = strut_run("run", library, *arguments, "-o", target, *flags, code=1)
        assert text in done.stderr, done.stderr
        assert done.stderr.count("error:") == 1 and len(done.stderr.splitlines()) <= 3, done.stderr
        assert sorted(tmp_path.iterdir()) == before, "something was left behind"

    return run


def array(*shape, dtype=numpy.float32):
    return numpy.ones(shape, dtype)


@pytest.mark.parametrize(
    "inputs, text",
    [
        ({"a": array(2, 4)}, "input 'b' is missing"),
        ({"a": array(2, 4), "c": array(2, 4)}, "no input 'c'"),
        ({"a": array(2, 4), "b": array(2, 4, dtype=numpy.float64)}, "'b' has dtype float64, the model's is float32"),
        ({"a": array(2, 4, dtype=numpy.int32), "b": array(2, 4)}, "'a' has dtype int32"),
        ({"a": array(2, 4), "b": array(8)}, "rank 1 instead of 2"),
        ({"a": array(2, 4, 1), "b": array(2, 4)}, "rank 3 instead of 2"),
        ({"a": array(2, 5), "b": array(2, 4)}, "'a' has shape [2, 5], the model's is [M, 4]"),
    ],
)
def test_inputs(pair, refused, inputs, text):
    refused(pair, inputs, text)


def test_dimensions_that_disagree(pair, refused):
    text = "input 'b' has M = 3 but input 'a' has M = 2"
    refused(pair, {"a": array(2, 4), "b": array(3, 4)}, text)


def test_a_dimension_beyond_memory(pair, strut_run):
    done = strut_run("run", pair, "--random", "--dim", f"M={2**61}", code=1)
    assert done.stderr.count("error:") == 1


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"not a library" * 400])
def test_no_library(strut_run, tmp_path, content):
    file = tmp_path / "model.so"
    file.write_bytes(content)
    done = strut_run("run", file, "--random", code=1)
    assert "model.so" in done.stderr and done.stderr.count("error:") == 1


def test_a_library_of_someone_else(strut_run):
    libm = next(
        line.split()[-1] for line in open("/proc/self/maps") if "libm.so" in line or "libc.so" in line
    )
    done = strut_run("run", libm, "--random", code=1)
    assert "not a compiled model" in done.stderr


def test_a_library_cut_short(pair, strut_run, tmp_path):
    whole = pair.read_bytes()
    for part in (0.2, 0.5, 0.8):
        file = tmp_path / "cut.so"
        file.write_bytes(whole[: int(len(whole) * part)])
        done = strut_run("run", file, "--random", code=1)
        assert "cut.so" in done.stderr


def test_weights_beside_the_library(large, strut_run, tmp_path):
    """The file is found where it was written, or beside a library that has been moved; a wrong
    one is refused by name."""
    weights = large.with_name(large.name + ".weights")
    assert weights.stat().st_size > 64 << 20
    x = tmp_path / "x.npy"
    numpy.save(x, array(3, 4352))
    run = ["--input", f"x={x}", "-o", tmp_path / "y.npz"]

    def refuse(library, *texts):
        done = strut_run("run", library, *run, code=1)
        assert done.stderr.count("error:") == 1 and library.name in done.stderr, done.stderr
        for text in texts:
            assert text in done.stderr, done.stderr
        assert not (tmp_path / "y.npz").exists()

    aside = weights.with_suffix(".aside")
    weights.rename(aside)  # or the library would find the file where it was written
    try:
        moved = tmp_path / large.name
        shutil.copy(large, moved)
        beside = tmp_path / weights.name
        refuse(moved, weights.name)
        beside.touch()
        refuse(moved, weights.name)
        with open(aside, "rb") as whole, open(beside, "wb") as part:
            part.write(whole.read(1 << 20))
        refuse(moved, weights.name)
        # Of another model: its header says another hash.
        shutil.copyfile(aside, beside)
        with open(beside, "r+b") as file:
            file.seek(24)
            file.write(b"\xff" * 8)
        refuse(moved, weights.name)
        with open(beside, "r+b") as file:
            file.write(b"NOSTRUT\0")
        refuse(moved, weights.name)
        beside.unlink()
        os.symlink(aside, beside)
        strut_run("run", moved, *run)
        with numpy.load(tmp_path / "y.npz") as outputs:
            numpy.testing.assert_array_equal(outputs["y"], numpy.tile(large_weight().sum(0), (3, 1)))
    finally:
        aside.rename(weights)


@pytest.mark.parametrize("suffix", [".npz", ".npy"])
def test_outputs_that_cannot_be_written(pair, refused, tmp_path, suffix):
    inputs = {"a": array(2, 4), "b": array(2, 4)}
    refused(pair, inputs, "absent", tmp_path / "absent" / f"out{suffix}")
    refused(pair, inputs, "full", _full_disk(tmp_path, suffix))


def _full_disk(folder, suffix):
    """A name that leads to a device on which every write fails."""
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    link = folder / f"full{suffix}"
    link.symlink_to("/dev/full")
    return link


def test_compiler_outputs_that_cannot_be_written(pair, strut_run, tmp_path):
    source = pair.with_suffix(".onnx")
    done = strut_run("compile", source, "-o", tmp_path / "absent" / "m.so", code=1)
    assert "absent" in done.stderr and done.stderr.count("error:") == 1
    for stage in ("mlir-kernel", "llvm", "asm"):
        done = strut_run("compile", source, "--emit", stage, "-o", "/dev/full", code=1)
        assert "/dev/full" in done.stderr and done.stderr.count("error:") == 1, done.stderr
    done = strut_run("compile", source, "-o", tmp_path, code=1)
    assert done.stderr.count("error:") == 1
    assert list(tmp_path.iterdir()) == []
