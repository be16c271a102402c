"""What is folded has the values that numpy gets in float64."""

import numpy
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper


def softmax(x):
    weights = numpy.exp(x - x.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


# (nodes from the constants a[67, 129] and b[67, 91] to "folded", and the same in numpy)
FORMULAS = {
    "product": (
        [("Transpose", ["a"], ["t"], {}), ("MatMul", ["t", "b"], ["folded"], {})],
        lambda a, b: a.T @ b,
    ),
    "pointwise": (
        [
            ("Tanh", ["a"], ["t"], {}),
            ("ReduceMean", ["b", "axes"], ["m"], {"keepdims": 1}),
            ("Mul", ["t", "m"], ["p"], {}),
            ("Exp", ["p"], ["folded"], {}),
        ],
        lambda a, b: numpy.exp(numpy.tanh(a) * b.mean(1, keepdims=True)),
    ),
    "attention": (
        [
            ("Transpose", ["a"], ["t"], {}),
            ("MatMul", ["t", "b"], ["s"], {}),
            ("Softmax", ["s"], ["w"], {"axis": -1}),
            ("Transpose", ["b"], ["u"], {}),
            ("MatMul", ["w", "u"], ["folded"], {}),
        ],
        lambda a, b: softmax(a.T @ b) @ b.T,
    ),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_values(compile_model, run_model, strut_run, rng, assert_close, tmp_path, name):
    formula, reference = FORMULAS[name]
    a, b = (rng.standard_normal((67, size), numpy.float32) for size in (129, 91))
    expected = reference(a.astype(numpy.float64), b.astype(numpy.float64))
    x = rng.standard_normal(expected.shape, numpy.float32)
    nodes = [
        helper.make_node(op, reads, writes, name=f"{op}{index}", **attributes)
        for index, (op, reads, writes, attributes) in enumerate(formula)
    ]
    nodes.append(helper.make_node("Add", ["x", "folded"], ["y"], name="last"))
    graph = helper.make_graph(
        nodes,
        "folding",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, x.shape)],
        [
            numpy_helper.from_array(a, "a"),
            numpy_helper.from_array(b, "b"),
            numpy_helper.from_array(numpy.array([1]), "axes"),
        ],
    )
    opset = [helper.make_opsetid("", 21)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=10)
    onnx.save(model, tmp_path / "m.onnx")
    stage = tmp_path / "m.mlir"
    strut_run("compile", tmp_path / "m.onnx", "--emit", "mlir-layer", "-o", stage)
    # One addition is left of all nodes.
    left = [line.split("onnx.")[1].split("(")[0] for line in stage.read_text().splitlines() if " = onnx." in line]
    assert sorted(left) == ["Add", "Constant"]
    y = run_model(compile_model(model), {"x": x})["y"]
    assert_close(y, x + expected)
    # The same weight, computed by every run.
    model.graph.initializer.pop(0)
    model.graph.input.append(helper.make_tensor_value_info("a", TensorProto.FLOAT, a.shape))
    unfolded = run_model(compile_model(model, output="unfolded.so"), {"x": x, "a": a})["y"]
    assert_close(unfolded, x + expected)
