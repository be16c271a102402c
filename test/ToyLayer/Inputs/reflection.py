"""reflection.py FOLDER: writes a model y = x - (x v) w and an input. reflection.py FOLDER RESULT: compares
the result with the formula in float64."""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

folder = Path(sys.argv[1])
rng = np.random.default_rng(0)
x = rng.standard_normal((5, 24)).astype(np.float32)
v = rng.standard_normal((24, 1)).astype(np.float32)
w = (2 * v.T / (v * v).sum()).astype(np.float32)

if len(sys.argv) > 2:
    (y,) = np.load(sys.argv[2]).values()
    exact = np.float64(x) - np.float64(x) @ np.float64(v) @ np.float64(w)
    np.testing.assert_allclose(y, exact, rtol=1e-4, atol=1e-5)
    sys.exit()

graph = helper.make_graph(
    [
        helper.make_node("MatMul", ["x", "v"], ["a"], "along"),
        helper.make_node("MatMul", ["a", "w"], ["b"], "part"),
        helper.make_node("Sub", ["x", "b"], ["y"], "mirror"),
    ],
    "reflection",
    [helper.make_tensor_value_info("x", 1, ["rows", 24])],
    [helper.make_tensor_value_info("y", 1, ["rows", 24])],
    [numpy_helper.from_array(v, "v"), numpy_helper.from_array(w, "w")],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
onnx.save(model, folder / "model.onnx")
np.save(folder / "x.npy", x)
