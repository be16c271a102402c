"""Small ONNX models whose kernels take every way through the GPU's generators."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from bench import models


def _graph(nodes, inputs, outputs, constants, integers=(), opset=20):
    """`inputs` and `outputs` map names to shapes; f32 but for those named in `integers`."""

    def info(name, shape):
        dtype = TensorProto.INT64 if name in integers else TensorProto.FLOAT
        return helper.make_tensor_value_info(name, dtype, list(shape))

    graph = helper.make_graph(
        nodes,
        "network",
        [info(*entry) for entry in inputs.items()],
        [info(*entry) for entry in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=10)


def network(nodes, inputs, outputs, constants, dtype=TensorProto.FLOAT):
    """`inputs` and `outputs` map names to shapes, all of `dtype`."""

    def info(name, shape):
        return helper.make_tensor_value_info(name, dtype, shape)

    graph = helper.make_graph(
        nodes,
        "g",
        [info(*entry) for entry in inputs.items()],
        [info(*entry) for entry in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def _weights(rng, **shapes):
    return {
        name: (rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]) or 1)).astype(np.float32)
        for name, shape in shapes.items()
    }


def mlp(rng):
    """Products with every tail: 96 -> 160 -> 7, GELU and a residual."""
    w = _weights(rng, w1=(96, 160), b1=(160,), w2=(160, 96), w3=(96, 7))
    nodes = [
        helper.make_node("MatMul", ["x", "w1"], ["p"]),
        helper.make_node("Add", ["p", "b1"], ["q"]),
        helper.make_node("Gelu", ["q"], ["g"]),
        helper.make_node("MatMul", ["g", "w2"], ["r"]),
        helper.make_node("Add", ["r", "x"], ["s"]),
        helper.make_node("MatMul", ["s", "w3"], ["t"]),
        helper.make_node("Softmax", ["t"], ["y"], axis=-1),
    ]
    return _graph(nodes, {"x": ("M", 96)}, {"y": ("M", 7)}, w)


def cnn(rng):
    """Windows: a strided convolution, a depthwise one, both poolings, a classifier."""
    w = _weights(rng, c1=(8, 3, 3, 3), b1=(8,), c2=(8, 1, 3, 3), c3=(12, 8, 1, 1), w=(12, 10))
    nodes = [
        helper.make_node("Conv", ["x", "c1", "b1"], ["p"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["p"], ["q"]),
        helper.make_node("Conv", ["q", "c2"], ["r"], group=8, pads=[1, 1, 1, 1]),
        helper.make_node("MaxPool", ["r"], ["s"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["s", "c3"], ["t"]),
        helper.make_node("Tanh", ["t"], ["u"]),
        helper.make_node("GlobalAveragePool", ["u"], ["v"]),
        helper.make_node("Flatten", ["v"], ["f"]),
        helper.make_node("MatMul", ["f", "w"], ["y"]),
    ]
    return _graph(nodes, {"x": ("N", 3, 13, 13)}, {"y": ("N", 10)}, w)


def norms(rng):
    """Rows: long ones by a block, strided ones by a thread, several combines, a maximum."""
    w = _weights(rng, scale=(300,), bias=(300,))
    nodes = [
        helper.make_node("LayerNormalization", ["x", "scale", "bias"], ["n"], axis=-1),
        helper.make_node("Softmax", ["n"], ["soft"], axis=-1),
        helper.make_node("ReduceMax", ["soft", "one"], ["most"], keepdims=0),
        helper.make_node("ReduceMean", ["n", "zero"], ["mean"], keepdims=0),
        helper.make_node("LogSoftmax", ["n"], ["logs"], axis=0),
    ]
    w |= {"one": np.array([1]), "zero": np.array([0])}
    outputs = {"soft": ("M", 300), "most": ("M",), "mean": (300,), "logs": ("M", 300)}
    return _graph(nodes, {"x": ("M", 300)}, outputs, w)


def moves(rng):
    """Data movement and integers: a lookup, a transposition, a comparison, a concatenation."""
    w = _weights(rng, table=(31, 12))
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["e"]),
        helper.make_node("Transpose", ["e"], ["t"], perm=[0, 2, 1]),
        helper.make_node("Greater", ["t", "limit"], ["big"]),
        helper.make_node("Where", ["big", "t", "limit"], ["w"]),
        helper.make_node("Concat", ["w", "t"], ["y"], axis=1),
        helper.make_node("ReduceSum", ["ids", "last"], ["sums"], keepdims=0),
    ]
    w |= {"limit": np.float32(0.1), "last": np.array([1])}
    outputs = {"y": ("N", 24, 5), "sums": ("N",)}
    return _graph(nodes, {"ids": ("N", 5)}, outputs, w, integers=("ids", "sums"))


def functions(rng):
    """Elementary functions, which are arithmetic on every target."""
    kinds = ["Exp", "Tanh", "Erf", "Sigmoid", "Sin", "Atan", "Sqrt", "Floor", "Round", "Ceil", "Abs", "Softplus"]
    nodes = [helper.make_node(kind, ["x"], [kind.lower()]) for kind in kinds]
    return _graph(nodes, {"x": ("M", 3)}, {kind.lower(): ("M", 3) for kind in kinds}, {})


def attention(rng):
    """Keys of two tiles, with a bias; a key head for two heads of 24, values of 136 in two blocks."""
    w = _weights(rng, past=(1, 70, 96), q=(96, 96), k=(96, 48), v=(96, 272), past_bias=(1, 70))
    nodes = [
        helper.make_node("Unsqueeze", ["x", "zero"], ["now"]),
        helper.make_node("Concat", ["past", "now"], ["all"], axis=1),
        helper.make_node("MatMul", ["now", "q"], ["queries"]),
        helper.make_node("MatMul", ["all", "k"], ["keys"]),
        helper.make_node("MatMul", ["all", "v"], ["values"]),
        helper.make_node("ReduceMean", ["now", "two"], ["mean"], keepdims=0),
        helper.make_node("Concat", ["past_bias", "mean"], ["bias"], axis=1),
        helper.make_node("Expand", ["bias", "shape"], ["mask"]),
        helper.make_node(
            "Attention", ["queries", "keys", "values", "mask"], ["y"], q_num_heads=4, kv_num_heads=2, softcap=3.0
        ),
    ]
    w |= {"zero": np.array([0]), "two": np.array([2]), "shape": np.array([1, 1, 1, 1])}
    return _graph(nodes, {"x": ("M", 96)}, {"y": (1, "M", 544)}, w, opset=23)


def gated(rng):
    """A contraction with two sums, and one of two products into one sum."""
    w = _weights(rng, gate=(33, 70), up=(33, 70), down=(70, 33), skip=(33, 33), bias=(70,))
    nodes = [
        helper.make_node("MatMul", ["x", "gate"], ["p"]),
        helper.make_node("Add", ["p", "bias"], ["q"]),
        helper.make_node("Gelu", ["q"], ["g"]),
        helper.make_node("MatMul", ["x", "up"], ["u"]),
        helper.make_node("Mul", ["g", "u"], ["h"]),
        helper.make_node("MatMul", ["h", "down"], ["d"]),
        helper.make_node("MatMul", ["x", "skip"], ["s"]),
        helper.make_node("Add", ["d", "s"], ["y"]),
    ]
    return _graph(nodes, {"x": ("M", 33)}, {"y": ("M", 33)}, w)


def regions(rng):
    """What one thread does: a sort, scatters, a running sum."""
    w = {"three": np.array([3]), "axis": np.array(1), "places": np.array([[0]])}
    w["row"] = rng.standard_normal((1, 9)).astype(np.float32)
    nodes = [
        helper.make_node("TopK", ["x", "three"], ["most", "order"], axis=-1),
        helper.make_node("ScatterElements", ["x", "order", "most"], ["packed"], axis=1),
        helper.make_node("CumSum", ["x", "axis"], ["running"]),
        helper.make_node("ScatterND", ["x", "places", "row"], ["replaced"]),
    ]
    rows = ("M", 9)
    outputs = {"most": ("M", 3), "order": ("M", 3), "packed": rows, "running": rows, "replaced": rows}
    return _graph(nodes, {"x": rows}, outputs, w, integers=("order",))


def experts(rng):
    """Rows that choose 2 of 5 matrices: some of them get no rows, some more than a block has."""
    w = _weights(rng, w1=(5, 37, 24), b1=(5, 37), w2=(5, 24, 37), b2=(5, 24), router=(24, 5))
    w["router"][:, 1] = 1  # chosen by all rows, for they are positive
    w["router"][:, 3] = -1
    options = {"domain": "com.microsoft", "k": 2, "activation_type": "gelu", "normalize_routing_weights": 1}
    nodes = [
        helper.make_node("MatMul", ["x", "router"], ["logits"]),
        helper.make_node("MoE", ["x", "logits", "w1", "b1", "w2", "b2"], ["y"], name="experts", **options),
    ]
    return _graph(nodes, {"x": ("M", 24)}, {"y": ("M", 24)}, w)


def found(rng):
    """Results whose extents a run counts."""
    nodes = [
        helper.make_node("Greater", ["x", "half"], ["big"]),
        helper.make_node("NonZero", ["big"], ["places"]),
        helper.make_node("Transpose", ["places"], ["rows"]),
        helper.make_node("Cast", ["rows"], ["values"], to=TensorProto.FLOAT),
        helper.make_node("Neg", ["values"], ["y"]),
    ]
    w = {"half": np.float32(0.5)}
    outputs = {"places": (2, "found"), "y": ("found", 2)}
    return _graph(nodes, {"x": ("M", 6)}, outputs, w, integers=("places",))


def ffn(rng):
    """The bench's perceptron, two layers."""
    return models.mlp(32, 48, layers=2, seed=int(rng.integers(1 << 30)))


ALL = {f.__name__: f for f in (mlp, cnn, norms, moves, functions, attention, gated, regions, experts, found, ffn)}
