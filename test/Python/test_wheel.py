"""What a wheel holds is laid down by CMake's component `python`: it works from anywhere."""

import os
import re
import subprocess
import sys
import tomllib


def test_installed_package(build, root, tmp_path):
    command = ["cmake", "--install", build, "--component", "python", "--prefix", tmp_path / "site"]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    program = """
import numpy as np, onnx, strut, strut._compiler, sys
from onnx import TensorProto, helper
model = helper.make_model(helper.make_graph(
    [helper.make_node("Relu", ["x"], ["y"])], "g",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])]))
print(strut.compile(model)(np.array([-1, 2], np.float32)).tolist())
print(strut._compiler.library_path())
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    library = tmp_path / "site" / "strut" / "lib" / "libStrut.so"
    assert done.stdout == f"[0.0, 2.0]\n{library}\n", done.stderr


def test_one_version(root):
    """pip and CMake give the same version."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    cmake = re.search(r"project\(Strut VERSION (\S+)", (root / "CMakeLists.txt").read_text())
    assert project == cmake.group(1)
