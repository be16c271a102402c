"""Models of the suite in other forms: merged, with dynamic dimensions, with constant inputs."""

import dataclasses
from collections.abc import Sequence

import onnx
from onnx import numpy_helper


class Unreadable(Exception):
    """A case that has no such form, or data that is no tensor."""


def _rename(graph: onnx.GraphProto, prefix: str) -> None:
    """Puts `prefix` before every name of a value, node and dimension."""

    def renamed(names) -> list[str]:
        return [prefix + name if name else name for name in names]

    for value in (*graph.input, *graph.output, *graph.value_info):
        value.name = prefix + value.name
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param:
                dim.dim_param = prefix + dim.dim_param
    for tensor in graph.initializer:
        tensor.name = prefix + tensor.name
    for sparse in graph.sparse_initializer:
        sparse.values.name = prefix + sparse.values.name
    for node in graph.node:
        node.name = prefix + node.name
        node.input[:] = renamed(node.input)
        node.output[:] = renamed(node.output)
        for attribute in node.attribute:
            for inner in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
                _rename(inner, prefix)


def merged(models: Sequence[onnx.ModelProto]) -> tuple[onnx.ModelProto, list[str]]:
    """One model that holds all, side by side, and the prefix of each one's names. They share their
    versions of operators; one with functions stays alone."""
    if len(models) == 1:
        return models[0], [""]
    result = onnx.ModelProto()
    result.CopyFrom(models[0])
    result.graph.Clear()
    result.graph.name = "merged"
    result.ir_version = max(model.ir_version for model in models)
    prefixes = []
    for i, model in enumerate(models):
        prefixes.append(f"case{i}_")
        graph = onnx.GraphProto()
        graph.CopyFrom(model.graph)
        _rename(graph, prefixes[i])
        for field in ("node", "initializer", "sparse_initializer", "input", "output", "value_info"):
            getattr(result.graph, field).extend(getattr(graph, field))
    return result, prefixes


def _copy(case):
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    return dataclasses.replace(case, model=model)


def dynamic(case):
    """No extent of an input is known; axes of one extent share a dimension. 1 stays, for what
    broadcasts must be known to, and so do vectors of integers, whose length is somebody's rank."""
    case = _copy(case)
    graph = case.model.graph
    for value in graph.input:
        tensor = value.type.tensor_type
        integers = tensor.elem_type in (onnx.TensorProto.INT64, onnx.TensorProto.INT32)
        if integers and len(tensor.shape.dim) == 1:
            continue
        for dim in tensor.shape.dim:
            if dim.dim_value > 1:
                dim.dim_param = f"n{dim.dim_value}"
    for value in (*graph.output, *graph.value_info):
        for dim in value.type.tensor_type.shape.dim:
            dim.Clear()
    return case


def constant(case):
    """All inputs but the first are constants of the model, and so is a single one."""
    case = _copy(case)
    if len(case.data) != 1:
        raise Unreadable("it has several sets of data")
    case.model.ir_version = max(case.model.ir_version, 4)  # before, a constant was an input too
    graph = case.model.graph
    given, expected = case.data[0]
    kept = set(list(given)[: 1 if len(given) > 1 else 0])
    inputs = [value for value in graph.input if value.name in kept]
    known = {tensor.name for tensor in graph.initializer}
    for name, array in given.items():
        if name not in kept and name not in known:
            graph.initializer.append(numpy_helper.from_array(array, name))
    del graph.input[:]
    graph.input.extend(inputs)
    case.data = [({name: given[name] for name in kept}, expected)]
    return case


FORMS = {"plain": lambda case: case, "dynamic": dynamic, "constant": constant}
