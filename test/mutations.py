"""Graphs that mean the same and are written otherwise.

A recogniser may depend on nothing that these change: names, the order of nodes, operators
without effect, the order of the operands of a sum, how often a constant is stored.
"""

import copy

import numpy as np
import onnx
from onnx import helper, numpy_helper


def _rename(model, rng):
    """New names for all values but inputs and outputs, and for all nodes."""
    graph = model.graph
    kept = {value.name for value in [*graph.input, *graph.output]} | {""}
    names = {}

    def new(name):
        if name in kept:
            return name
        return names.setdefault(name, f"v{rng.integers(1 << 40):x}")

    for node in graph.node:
        node.name = f"n{rng.integers(1 << 40):x}"
        node.input[:] = [new(name) for name in node.input]
        node.output[:] = [new(name) for name in node.output]
    for tensor in graph.initializer:
        tensor.name = new(tensor.name)
    del graph.value_info[:]


def _reorder(model, rng):
    """Nodes in a random order in which each still follows what it reads."""
    waiting, done = list(model.graph.node), []
    known = {value.name for value in [*model.graph.input, *model.graph.initializer]} | {""}
    while waiting:
        ready = [node for node in waiting if set(node.input) <= known]
        node = ready[rng.integers(len(ready))]
        waiting.remove(node)
        known |= set(node.output)
        done.append(node)
    del model.graph.node[:]
    model.graph.node.extend(done)
    tensors = list(model.graph.initializer)
    order = rng.permutation(len(tensors))
    del model.graph.initializer[:]
    model.graph.initializer.extend(tensors[index] for index in order)


def _insert(model, rng):
    """Identity, Dropout or Cast to the same type before half of the operands that are computed
    in float32."""
    made, nodes = {value.name for value in model.graph.input}, []
    floats = {
        value.name for value in [*model.graph.input, *onnx.shape_inference.infer_shapes(model).graph.value_info]
        if value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    }  # fmt: skip
    for node in model.graph.node:
        for position, name in enumerate(node.input):
            if name not in made or name not in floats or rng.random() < 0.5:
                continue
            passed = f"passed{len(nodes)}_{position}"
            kind = ("Identity", "Dropout", "Cast")[rng.integers(3)]
            options = {"to": onnx.TensorProto.FLOAT} if kind == "Cast" else {}
            nodes.append(helper.make_node(kind, [name], [passed], **options))
            node.input[position] = passed
        nodes.append(node)
        made |= set(node.output)
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _swap(model, rng):
    """The operands of sums and products of elements in the other order."""
    for node in model.graph.node:
        if node.op_type in ("Add", "Mul") and rng.random() < 0.7:
            node.input[:] = [node.input[1], node.input[0]]


def _duplicate(model, rng):
    """A copy of its own for each reader of a constant."""
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    read = set()
    for node in model.graph.node:
        for position, name in enumerate(node.input):
            if name in constants and name in read:
                again = copy.deepcopy(constants[name])
                again.name = f"{name}_again{len(model.graph.initializer)}"
                model.graph.initializer.append(again)
                node.input[position] = again.name
            read.add(name)


MUTATIONS = {
    "renamed": (_rename,),
    "reordered": (_reorder,),
    "passed": (_insert,),
    "swapped": (_swap,),
    "duplicated": (_duplicate,),
    "all": (_insert, _swap, _duplicate, _rename, _reorder),
}


def mutated(model, name, rng):
    """A copy of the model, changed as MUTATIONS[name] says."""
    model = copy.deepcopy(model)
    for mutation in MUTATIONS[name]:
        mutation(model, rng)
    onnx.checker.check_model(model)
    return model


def with_elements(model, dtype):
    """The same model of another type of float, its constants rounded to that."""
    model = copy.deepcopy(model)
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            numbers = numpy_helper.to_array(tensor).astype(dtype)
            tensor.CopyFrom(numpy_helper.from_array(numbers, tensor.name))
    for value in [*model.graph.input, *model.graph.output]:
        value.type.tensor_type.elem_type = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    return model


def doubled(model):
    """The same model of float64, with the numbers that its constants have."""
    return with_elements(model, np.float64)


class Graph:
    """Builds a model node by node.

    graph = Graph([("b", "s", 24)]); graph.node("MatMul", "x0", weight) -> name of the result
    """

    def __init__(self, inputs, opset=20):
        self.opset, self.nodes, self.constants = opset, [], []
        self.inputs = [
            helper.make_tensor_value_info(f"x{i}", onnx.TensorProto.FLOAT, list(shape))
            for i, shape in enumerate(inputs)
        ]

    def constant(self, value):
        """The name of an initialiser; floats become float32, integers int64."""
        value = np.asarray(value)
        value = value.astype(np.float32 if value.dtype.kind == "f" else np.int64)
        self.constants.append(numpy_helper.from_array(value, f"c{len(self.constants)}"))
        return self.constants[-1].name

    def node(self, kind, *operands, **attributes):
        """Operands are names of values, or arrays."""
        names = [name if isinstance(name, str) else self.constant(name) for name in operands]
        self.nodes.append(helper.make_node(kind, names, [f"t{len(self.nodes)}"], **attributes))
        return self.nodes[-1].output[0]

    def split(self, value, count, **attributes):
        """The names of `count` equal parts."""
        first = self.node("Split", value, num_outputs=count, **attributes)
        self.nodes[-1].output.extend(f"{first}_{i}" for i in range(1, count))
        return list(self.nodes[-1].output)

    def model(self, **ranks):
        """The model; its outputs by name, with their numbers of axes."""
        made = [
            helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [None] * rank)
            for name, rank in ranks.items()
        ]
        graph = helper.make_graph(self.nodes, "graph", self.inputs, made, self.constants)
        versions = {"": self.opset} | {node.domain: 1 for node in self.nodes if node.domain}
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid(*version) for version in versions.items()], ir_version=9
        )
        onnx.checker.check_model(model)
        return model
