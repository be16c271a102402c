"""Small models that are built for any element type, so that the reference of the onnx package
evaluates in float64 what is compiled for float32."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper


class Graph:
    """A chain of nodes on x; constants keep their float32 values in any type."""

    def __init__(self, rng, shape):
        self.rng, self.shape, self.nodes, self.constants, self.last = rng, shape, [], {}, "x"
        self.rank = len(shape)  # of the result

    def constant(self, shape, low=None, magnitude=1.0):
        value = self.rng.standard_normal(shape) if low is None else self.rng.uniform(low, 2, shape)
        self.constants[f"c{len(self.constants)}"] = np.float32(magnitude * value)
        return f"c{len(self.constants) - 1}"

    def then(self, kind, *operands, first=True, **attributes):
        reads = [self.last, *operands] if first else [*operands, self.last]
        self.last = f"t{len(self.nodes)}"
        self.nodes.append((kind, reads, self.last, attributes))

    def integers(self, *values):
        self.constants[f"c{len(self.constants)}"] = np.array(values, np.int64)
        return f"c{len(self.constants) - 1}"

    def normalise(self, channels):
        statistics = [self.constant(channels) for _ in range(3)] + [self.constant(channels, low=0.2)]
        self.then("BatchNormalization", *statistics, epsilon=1e-3)

    def model(self, dtype):
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        constants = [
            numpy_helper.from_array(c.astype(dtype) if c.dtype.kind == "f" else c, name)
            for name, c in self.constants.items()
        ]
        nodes = [
            helper.make_node(kind, reads, [to] if isinstance(to, str) else to, **attrs)
            for kind, reads, to, attrs in self.nodes
        ]
        nodes[-1].output[0] = "y"
        graph = helper.make_graph(
            nodes, "chain",
            [helper.make_tensor_value_info("x", kind, self.shape)],
            [helper.make_tensor_value_info("y", kind, [None] * self.rank)],
            constants,
        )  # fmt: skip
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def in_float64(model):
    """The same model on doubles."""
    wide = type(model)()
    wide.CopyFrom(model)
    for value in [*wide.graph.input, *wide.graph.output]:
        value.type.tensor_type.elem_type = TensorProto.DOUBLE
    for constant in wide.graph.initializer:
        values = numpy_helper.to_array(constant).astype(np.float64)
        constant.CopyFrom(numpy_helper.from_array(values, constant.name))
    del wide.graph.value_info[:]
    return wide
