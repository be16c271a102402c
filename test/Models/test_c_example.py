"""examples/c against an installed Strut, as a project elsewhere would use it."""

import subprocess

import pytest

from examples.digits import classify

DRAWN_SEVEN = """\
 ++++++
 +####+
     #+
    +#
  +###+
   ##
  +#
  ##
"""


def call(*command, **options):
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=300, **options
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def built(build, root, strut, tmp_path_factory):
    """The folder with the example's two programs."""
    work = tmp_path_factory.mktemp("c")
    model, _ = classify.onnx_file(report=lambda line: None)
    call("cmake", "--install", build, "--prefix", work / "prefix")
    call(
        *("cmake", "-S", root / "examples" / "c", "-B", work / "build", "-G", "Ninja"),
        *("-DCMAKE_C_COMPILER=clang-22", "-DCMAKE_CXX_COMPILER=clang++-22"),
        *(f"-DCMAKE_PREFIX_PATH={work / 'prefix'}", f"-DDIGITS_MODEL={model}"),
    )
    call("cmake", "--build", work / "build")
    return work / "build"


def test_reads_its_own_digit(built):
    assert call(built / "read_digit").startswith("7 (")


def test_reads_what_is_drawn(built):
    assert call(built / "read_digit", "-", input=DRAWN_SEVEN).startswith("7 (")


def test_threads_have_their_own_contexts(built):
    assert call(built / "read_many").strip() == "72 images on 4 threads, 0 failures"
