"""Strut beside the packages that bring an ONNX, a protobuf or an LLVM of their own, imported in
any order in one process."""

import importlib.util
import itertools
import os
import subprocess
import sys

import pytest

from examples import cache

PACKAGES = ["strut", "onnx", "onnxruntime"]


def python_with_torch():
    """An interpreter that has torch: this one, or that of an environment of torch's own."""
    if importlib.util.find_spec("torch"):
        return sys.executable
    own = cache.folder().parent / "torch" / "bin" / "python"
    found = "import importlib.util as u, sys; sys.exit(not (u.find_spec('torch') and sys.argv[1:] == [str(sys.version_info[:2])]))"
    if own.exists() and not subprocess.run([own, "-c", found, str(sys.version_info[:2])]).returncode:
        return own
    pytest.skip(f"torch is not installed, neither here nor in {own.parents[1]}")


def orders_with_torch():
    """Orders of four in which each stands before each other one somewhere, and in every place."""
    for names in (PACKAGES, PACKAGES[::-1]):
        names = [*names, "torch"]
        for first in range(4):
            yield (*names[first:], *names[:first])


PROGRAM = """
import sys
import numpy as np

packages = sys.argv[1].split(",")
for name in packages:
    __import__(name)
    if name == "strut":  # the compiler too, not the package alone
        import strut._compiler
        strut._compiler.version()
import onnx, onnxruntime, strut
from onnx import TensorProto, helper, numpy_helper

w = np.arange(12, dtype=np.float32).reshape(4, 3) / 7
graph = helper.make_graph(
    [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Relu", ["h"], ["y"])],
    "g",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])],
    [numpy_helper.from_array(w, "w")],
)
proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
x = np.random.default_rng(0).standard_normal((6, 4), np.float32)
for _ in range(2):
    onnx.checker.check_model(proto, full_check=True)
    (theirs,) = onnxruntime.InferenceSession(
        proto.SerializeToString(), providers=["CPUExecutionProvider"]
    ).run(None, {"x": x})
    ours = strut.compile(proto)(x)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    if "torch" in packages:
        import torch
        y = strut.compile(proto)(torch.from_numpy(x))
        np.testing.assert_array_equal(torch.from_numpy(y).relu().numpy(), ours)
onnx.shape_inference.infer_shapes(proto)
print("done")
"""


def check_order(python, order):
    import strut

    package = os.path.dirname(os.path.dirname(strut.__file__))
    path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [python, "-c", PROGRAM, ",".join(order)],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0 and done.stdout == "done\n", done.stderr


@pytest.mark.parametrize("order", list(itertools.permutations(PACKAGES)), ids="-".join)
def test_import_order(order):
    check_order(sys.executable, order)


@pytest.mark.parametrize("order", list(orders_with_torch()), ids="-".join)
def test_import_order_with_torch(order):
    check_order(python_with_torch(), order)


def test_running_needs_no_compiler(tmp_path):
    """A model is loaded and run without libStrut or any other Python package than numpy."""
    import strut

    program = """
import sys
import strut
sys.modules["onnx"] = None
try:
    strut.load("absent.so")
except FileNotFoundError:
    maps = open("/proc/self/maps").read()
    print([name for name in ("libStrut", "libLLVM", "libMLIR", "libprotobuf") if name in maps])
"""
    package = os.path.dirname(os.path.dirname(strut.__file__))
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": package},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.stdout == "[]\n", done.stdout + done.stderr
