"""model.py FILE: writes y = x W + b + b with x[rows, 4]."""

import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

nodes = [
    helper.make_node("MatMul", ["x", "w"], ["xw"], name="product"),
    helper.make_node("Add", ["xw", "b"], ["sum"], name="first"),
    helper.make_node("Add", ["sum", "b"], ["y"], name="second"),
]
random = np.random.default_rng(0)
weights = {"w": random.standard_normal((4, 512), np.float32), "b": np.ones(512, np.float32)}
graph = helper.make_graph(
    nodes,
    "graph",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 4])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 512])],
    [numpy_helper.from_array(array, name) for name, array in weights.items()],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
helper.set_model_props(model, {"author": "somebody"})
onnx.save(model, sys.argv[1])
