"""An installed Strut, used by a project of its own through find_package."""

import pathlib
import subprocess

import numpy
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

CONSUMER = pathlib.Path(__file__).parent / "Inputs"


def shell(*command, **options):
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=3000, **options
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def prefix(strut, build, tmp_path_factory):
    path = tmp_path_factory.mktemp("installed") / "strut"
    shell("cmake", "--install", build, "--prefix", path)
    return path


def test_tools_run_from_where_they_were_installed(prefix):
    assert "strut" in shell(prefix / "bin" / "strut", "--version")


def test_headers_and_license_are_there(prefix):
    assert (prefix / "include/strut/Runtime/strut.h").is_file()
    assert any(prefix.glob("share/doc/*/LICENSE"))


@pytest.fixture(scope="module")
def consumer(prefix, tmp_path_factory):
    """The build folder of a project that uses the installation; its model is ../scale.onnx."""
    folder = tmp_path_factory.mktemp("consumer")
    weight = numpy.array([[1, 0], [0, 10], [100, 0]], numpy.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"], "scale")],
        "scale",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 2])],
        [numpy_helper.from_array(weight, "w")],
    )
    onnx.save(helper.make_model(graph), folder / "scale.onnx")
    shell(
        "cmake", "-S", CONSUMER, "-B", folder / "build", "-G", "Ninja",
        f"-DCMAKE_PREFIX_PATH={prefix}", f"-DMODEL={folder / 'scale.onnx'}",
    )  # fmt: skip
    shell("cmake", "--build", folder / "build")
    return folder / "build"


@pytest.mark.parametrize("language", ["c", "cpp"])
def test_programs_run_the_model_they_carry(consumer, language):
    assert shell(consumer / f"uses-model-{language}") == "301 20\n604 50\n"


def test_program_compiles_a_model(consumer, tmp_path):
    shell(consumer / "uses-compiler", consumer.parent / "scale.onnx", tmp_path / "scale.so")
    assert (tmp_path / "scale.so").stat().st_size > 0
    refused = subprocess.run(
        [consumer / "uses-compiler", tmp_path / "missing.onnx", tmp_path / "missing.so"],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert refused.returncode == 1 and "missing.onnx" in refused.stderr
    assert not (tmp_path / "missing.so").exists()
