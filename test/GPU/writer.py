"""Writes ONNX models node by node."""

import numpy as np
from onnx import helper, numpy_helper


class Writer:
    """Nodes one after another; `add` gives the name of a result."""

    def __init__(self, rng, dtype=np.float32):
        self.rng, self.dtype = rng, np.dtype(dtype)
        self.nodes, self.constants = [], {}

    def add(self, kind, *operands, outputs=1, **attributes):
        names = [f"{kind}_{len(self.nodes)}_{number}" for number in range(outputs)]
        self.nodes.append(helper.make_node(kind, [self.operand(o) for o in operands], names, **attributes))
        return names[0] if outputs == 1 else names

    def operand(self, value):
        """The name of a tensor; a constant is made of anything but a name."""
        if isinstance(value, str):
            return value
        value = np.asarray(value)
        if value.dtype == np.float64:
            value = value.astype(self.dtype)
        name = f"constant_{len(self.constants)}"
        self.constants[name] = value
        return name

    def linear(self, x, inner, outer):
        w = self.rng.standard_normal((inner, outer)) / np.sqrt(inner)
        return self.add("Add", self.add("MatMul", x, w), self.rng.standard_normal(outer) / 4)

    def extent(self, x, axis):
        return self.add("Shape", x, start=axis, end=axis + 1)

    def reshape(self, x, *shape):
        """`shape` holds numbers and names of extents."""
        parts = [part if isinstance(part, str) else np.int64([part]) for part in shape]
        return self.add("Reshape", x, self.add("Concat", *parts, axis=0))

    def model(self, y, inputs, shape):
        """`inputs` maps names to (shape, dtype or none for that of the weights), `shape` is that of y."""

        def info(name, shape, dtype=None):
            kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype or self.dtype))
            return helper.make_tensor_value_info(name, kind, shape)

        self.nodes.append(helper.make_node("Identity", [y], ["y"]))
        constants = [numpy_helper.from_array(value, name) for name, value in self.constants.items()]
        inputs = [info(name, *what) for name, what in inputs.items()]
        graph = helper.make_graph(self.nodes, "network", inputs, [info("y", shape)], constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
