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
        list(map(str, command)), capture_output=True, text=True, timeout=240, **options
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


def test_project_compiles_a_model_into_its_programs(prefix, tmp_path):
    weight = numpy.array([[1, 0], [0, 10], [100, 0]], numpy.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"], "scale")],
        "scale",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 2])],
        [numpy_helper.from_array(weight, "w")],
    )
    onnx.save(helper.make_model(graph), tmp_path / "scale.onnx")
    shell(
        "cmake", "-S", CONSUMER, "-B", tmp_path / "build", "-G", "Ninja",
        f"-DCMAKE_PREFIX_PATH={prefix}", f"-DMODEL={tmp_path / 'scale.onnx'}",
    )  # fmt: skip
    shell("cmake", "--build", tmp_path / "build")
    for program in ("uses-model-c", "uses-model-cpp"):
        assert shell(tmp_path / "build" / program) == "301 20\n604 50\n", program
