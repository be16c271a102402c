"""What a wheel holds is laid down by CMake's component `python`: it works from anywhere."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import numpy
import pytest


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


@pytest.mark.full
@pytest.mark.timeout(7200)
def test_pip_installs_the_tree(root, rng, tmp_path):
    """`pip install` of the tree, into an environment that has numpy and nothing else."""
    wheels = tmp_path / "wheels"
    launcher = {"CMAKE_CXX_COMPILER_LAUNCHER": "ccache"} if shutil.which("ccache") else {}
    command = [sys.executable, "-m", "pip", "wheel", root, "--no-build-isolation", "--no-deps", "-w", wheels]
    made = subprocess.run(command, env=os.environ | launcher, capture_output=True, text=True)
    assert made.returncode == 0, made.stdout[-4000:] + made.stderr[-4000:]
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    (wheel,) = wheels.glob("*.whl")
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-index", "--no-deps", wheel], check=True)
    (site,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    packages = Path(numpy.__file__).parents[1]
    for part in ("numpy", "numpy.libs"):
        if (packages / part).exists():
            (site / part).symlink_to(packages / part)

    from onnx import TensorProto, helper, numpy_helper

    w, x = rng.standard_normal((5, 7), numpy.float32), rng.standard_normal((4, 5), numpy.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 5])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 7])],
        [numpy_helper.from_array(w, "w")],
    )
    (tmp_path / "m.onnx").write_bytes(helper.make_model(graph).SerializeToString())
    numpy.save(tmp_path / "x.npy", x)
    program = """
import numpy, strut
numpy.save("y.npy", strut.compile("m.onnx")(numpy.load("x.npy")))
print(strut.__file__, strut._compiler.library_path())
"""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "STRUT"))}
    done = subprocess.run(
        [python, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    assert all(place.startswith(str(tmp_path / "venv")) for place in done.stdout.split()), done.stdout
    numpy.testing.assert_allclose(numpy.load(tmp_path / "y.npy"), x @ w, rtol=1e-5, atol=1e-5)


def test_one_version(root):
    """pip and CMake give the same version."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    cmake = re.search(r"project\(Strut VERSION (\S+)", (root / "CMakeLists.txt").read_text())
    assert project == cmake.group(1)
