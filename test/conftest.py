"""Fixtures shared by all pytest tests. They test the build in $STRUT_BUILD, which is
build/release unless set."""

import json
import os
import pathlib
import random
import subprocess
import sys

import numpy
import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("STRUT_BUILD", ROOT / "build" / "release"))

# The Python module as built, where it has been.
if (BUILD / "python").is_dir():
    sys.path.insert(0, str(BUILD / "python"))

# One number for the whole run, so that a failure is repeated by setting it.
SEED = int(os.environ.get("STRUT_TEST_SEED") or random.randrange(2**32))
os.environ["STRUT_TEST_SEED"] = str(SEED)  # inherited by parallel workers


def pytest_report_header(config):
    return f"strut: build {BUILD}, STRUT_TEST_SEED={SEED}"


def _tool(name):
    path = BUILD / "bin" / name
    if not path.exists():
        pytest.fail(f"{path} is not there: run scripts/build, or set STRUT_BUILD")
    return path


@pytest.fixture(scope="session")
def root():
    """The source tree."""
    return ROOT


@pytest.fixture(scope="session")
def build():
    """The build folder."""
    return BUILD


@pytest.fixture(scope="session")
def strut():
    """Path of the driver."""
    return _tool("strut")


@pytest.fixture(scope="session")
def strut_opt():
    """Path of strut-opt."""
    return _tool("strut-opt")


@pytest.fixture
def rng(request):
    """A numpy generator that depends on the run's seed and the test's name alone."""
    print(f"STRUT_TEST_SEED={SEED}")  # shown with the output of a failing test
    return numpy.random.default_rng([SEED, *request.node.nodeid.encode()])


@pytest.fixture
def strut_run(strut):
    """strut_run(*arguments, code=0, timeout=300): runs the driver and returns the finished
    process, whose exit code must be as said (None: any)."""

    def run(*arguments, code=0, timeout=300, **options):
        command = [str(strut), *map(str, arguments)]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL, **options
        )
        assert code is None or done.returncode == code, (
            f"{' '.join(command)}\nended with {done.returncode}, not {code}\n{done.stdout}{done.stderr}"
        )
        return done

    return run


@pytest.fixture
def compile_model(strut_run, tmp_path):
    """compile_model(model, *flags, output="model.so"): compiles an onnx.ModelProto, or a
    model file, into tmp_path and returns the path of the artefact."""

    def compile(model, *flags, output="model.so", timeout=300):
        if not isinstance(model, (str, os.PathLike)):
            source = tmp_path / pathlib.Path(output).with_suffix(".onnx").name
            source.write_bytes(model.SerializeToString())
            model = source
        strut_run("compile", model, "-o", tmp_path / output, *flags, timeout=timeout)
        return tmp_path / output

    return compile


@pytest.fixture
def run_model(strut_run, tmp_path):
    """run_model(artefact, {name: array}, *flags): runs an artefact by `strut run` and
    returns its outputs by name."""

    def run(artefact, inputs, *flags):
        arguments = []
        for index, (name, array) in enumerate(inputs.items()):
            file = tmp_path / f"input{index}.npy"
            numpy.save(file, array)
            arguments += ["--input", f"{name}={file}"]
        output = tmp_path / "outputs.npz"
        strut_run("run", artefact, *arguments, "--output", output, *flags)
        with numpy.load(output) as archive:
            return dict(archive)

    return run


@pytest.fixture
def fewest_flops(tmp_path):
    """Flags that describe a machine on which the form with the fewest operations is fastest, so
    that a test of another pass sees the factors of small layers too."""
    machine = {
        "format": "strut.machine", "version": 1, "name": "operations", "targets": [], "threads": 1,
        "peak": {"f32": 1e9}, "efficiency": [[1, 1]],
        "memory": [{"name": "memory", "bandwidth": 1e18}], "launch": [[1, 1e-15]],
    }  # fmt: skip
    (tmp_path / "machine.json").write_text(json.dumps(machine))
    return "--machine", tmp_path / "machine.json"


# How far a result may be from the reference: of the reference's root mean square, and of
# the element itself. bf16 and f16 hold 8 and 11 bits; the values are those of one rounding
# of the result on top of float32's bound.
TOLERANCE = {
    "float64": (1e-12, 1e-11),
    "float32": (1e-5, 1e-4),
    "float16": (1e-3, 2e-3),
    "bfloat16": (8e-3, 1.6e-2),
}


def _assert_close(actual, reference64, dtype="float32", what="result", beyond=0.0, magnitude=None):
    """`beyond` is the share of elements that may be up to twice as far off as is allowed.
    `magnitude` is the size that the elements have where their terms do not cancel: of a
    result of one element, the reference alone does not tell."""
    actual, reference = numpy.asarray(actual), numpy.asarray(reference64)
    assert actual.shape == reference.shape, f"{what}: shape {actual.shape}, expected {reference.shape}"
    if actual.size == 0:
        return
    if numpy.dtype(reference.dtype).kind in "biu":
        numpy.testing.assert_array_equal(actual, reference, err_msg=what)
        return
    actual, reference = actual.astype(numpy.float64), reference.astype(numpy.float64)
    finite = numpy.isfinite(reference)
    # Infinities and NaNs must be in the same places.
    numpy.testing.assert_array_equal(actual[~finite], reference[~finite], err_msg=what)
    actual, reference = actual[finite], reference[finite]
    if actual.size == 0:
        return
    of_rms, of_element = TOLERANCE[str(dtype)]
    rms = numpy.sqrt(numpy.mean(reference**2))
    if magnitude is not None:
        rms = max(rms, numpy.sqrt(numpy.mean(numpy.asarray(magnitude, numpy.float64)[finite] ** 2)))
    allowed = of_rms * rms + of_element * numpy.abs(reference)
    distance = numpy.abs(actual - reference)
    bad = ~(distance <= allowed)  # also where the distance is NaN
    if bad.sum() > beyond * bad.size or not (distance <= 2 * allowed).all():
        worst = int(numpy.argmax(numpy.where(numpy.isnan(distance), numpy.inf, distance - allowed)))
        pytest.fail(
            f"{what}: {bad.sum()} of {bad.size} elements differ; element {worst} of the finite ones is "
            f"{actual[worst]!r}, expected {reference[worst]!r}, allowed distance {allowed[worst]:.3g}"
        )


@pytest.fixture(scope="session")
def assert_close():
    """assert_close(actual, reference64, dtype="float32", what="result"): every element within
    1e-5 of the reference's root mean square plus 1e-4 of itself (float32); integers equal."""
    return _assert_close
