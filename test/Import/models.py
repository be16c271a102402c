"""Small ONNX models that the tests of this folder import, or damage first."""

import numpy
from onnx import TensorProto, helper, numpy_helper

OPSET = [helper.make_opsetid("", 18)]


def info(name, shape, dtype=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, dtype, shape)


def weight(name, shape, dtype=numpy.float32):
    values = numpy.arange(numpy.prod(shape), dtype=numpy.float64).reshape(shape)
    return numpy_helper.from_array(values.astype(dtype), name)


def model(nodes, inputs, outputs, initializers=(), opset=OPSET, functions=(), **fields):
    graph = helper.make_graph(nodes, "test", inputs, outputs, initializers)
    return helper.make_model(
        graph,
        opset_imports=opset,
        functions=functions,
        ir_version=8,
        producer_name="test",
        **fields,
    )


def relu(x="x", y="y", **fields):
    return helper.make_node("Relu", [x], [y], name="act", **fields)


def one(node, *more, initializers=(), inputs=None, outputs=None, **fields):
    """A model of the node and what else it needs."""
    return model(
        [node, *more],
        inputs or [info("x", [2, 3])],
        outputs or [info("y", None)],
        initializers,
        **fields,
    )


def mlp():
    """Two layers with weights that stay in the file, and one unnamed node."""
    nodes = [
        helper.make_node("MatMul", ["x", "w1"], ["h"], name="first"),
        helper.make_node("Add", ["h", "b1"], ["hb"]),
        helper.make_node("Relu", ["hb"], ["r"], name="act"),
        helper.make_node("MatMul", ["r", "w2"], ["y"], name="second"),
    ]
    weights = [weight("w1", (32, 64)), weight("b1", (64,)), weight("w2", (64, 8))]
    return model(nodes, [info("x", ["rows", 32])], [info("y", ["rows", 8])], weights)


def cnn():
    """Convolution, pooling, a shape computed from a shape."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], name="conv", pads=[1, 1, 1, 1], strides=[1, 1]),
        helper.make_node("MaxPool", ["c"], ["p"], name="pool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Shape", ["p"], ["s"], name="shape"),
        helper.make_node("Gather", ["s", "zero"], ["n"], name="batch"),
        helper.make_node("Concat", ["n", "rest"], ["ns"], name="flat", axis=0),
        helper.make_node("Reshape", ["p", "ns"], ["f"], name="reshape"),
        helper.make_node("Softmax", ["f"], ["y"], name="softmax", axis=-1),
    ]
    weights = [
        weight("w", (16, 3, 3, 3)),
        numpy_helper.from_array(numpy.array([0]), "zero"),
        numpy_helper.from_array(numpy.array([-1]), "rest"),
    ]
    return model(nodes, [info("x", [None, 3, 8, 8])], [info("y", None)], weights)


def control_flow():
    """If and Loop, whose bodies capture values."""
    then = helper.make_graph(
        [helper.make_node("Neg", ["x"], ["t"], name="neg")], "then", [], [info("t", [4])]
    )
    other = helper.make_graph([helper.make_node("Abs", ["x"], ["e"])], "else", [], [info("e", [4])])
    body = helper.make_graph(
        [
            helper.make_node("Add", ["acc", "branch"], ["next"], name="step"),
            helper.make_node("Identity", ["go"], ["on"], name="on"),
        ],
        "body",
        [info("i", [], TensorProto.INT64), info("go", [], TensorProto.BOOL), info("acc", [4])],
        [info("on", [], TensorProto.BOOL), info("next", [4])],
    )
    nodes = [
        helper.make_node(
            "If", ["cond"], ["branch"], name="choose", then_branch=then, else_branch=other
        ),
        helper.make_node("Loop", ["trips", "cond", "x"], ["y"], name="loop", body=body),
    ]
    inputs = [
        info("x", [4]),
        info("cond", [], TensorProto.BOOL),
        info("trips", [], TensorProto.INT64),
    ]
    return model(nodes, inputs, [info("y", [4])])


def functions():
    """A function that calls a function, each called twice."""
    inner = helper.make_function(
        "local",
        "Scale",
        ["a"],
        ["b"],
        [
            helper.make_node("Constant", [], ["k"], value_float=2.0),
            helper.make_node("Mul", ["a", "k"], ["b"], name="mul"),
        ],
        OPSET,
    )
    outer = helper.make_function(
        "local",
        "Twice",
        ["a"],
        ["b"],
        [
            helper.make_node("Scale", ["a"], ["m"], name="one", domain="local"),
            helper.make_node("Scale", ["m"], ["b"], name="two", domain="local"),
        ],
        [*OPSET, helper.make_opsetid("local", 1)],
    )
    nodes = [
        helper.make_node("Twice", ["x"], ["h"], name="front", domain="local"),
        helper.make_node("Twice", ["h"], ["y"], name="back", domain="local"),
    ]
    opset = [*OPSET, helper.make_opsetid("local", 1)]
    return model(
        nodes, [info("x", ["n"])], [info("y", ["n"])], opset=opset, functions=[inner, outer]
    )


def attention():
    """Normalisation, a transposed product, optional operands left out."""
    nodes = [
        helper.make_node("LayerNormalization", ["x", "g"], ["ln"], name="norm", axis=-1),
        helper.make_node("Transpose", ["ln"], ["t"], name="transpose", perm=[0, 2, 1]),
        helper.make_node("MatMul", ["ln", "t"], ["scores"], name="scores"),
        helper.make_node("Clip", ["scores", "", "max"], ["clipped"], name="clip"),
        helper.make_node("Softmax", ["clipped"], ["p"], name="softmax"),
        helper.make_node("Cast", ["p"], ["half"], name="half", to=TensorProto.FLOAT16),
        helper.make_node("Cast", ["half"], ["full"], name="full", to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["full", "ln"], ["y"], name="mix"),
    ]
    weights = [weight("g", (24,)), numpy_helper.from_array(numpy.float32(9), "max")]
    return model(nodes, [info("x", ["batch", "seq", 24])], [info("y", None)], weights)


GOOD = {
    "mlp": mlp,
    "cnn": cnn,
    "control_flow": control_flow,
    "functions": functions,
    "attention": attention,
}
