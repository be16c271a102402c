"""Bytes of good models are flipped, and models cut off, at random places. Whatever comes out,
the importer takes it or says what is wrong with it, and goes on to the next file."""

import onnx
import pytest

from Import.models import GOOD

PLACES = 100  # in each of the five models, each flipped once and cut off once


def damaged(data, rng):
    for place in rng.integers(len(data), size=PLACES):
        flipped = bytearray(data)
        flipped[place] ^= 1 << rng.integers(8)
        yield f"flip{place}", bytes(flipped)
        yield f"cut{place}", data[:place]


@pytest.mark.parametrize("name", GOOD)
def test_damaged_model(name, rng, import_all, tmp_path):
    data = GOOD[name]().SerializeToString()
    paths = []
    for what, content in damaged(data, rng):
        paths.append(tmp_path / f"{name}-{what}.onnx")
        paths[-1].write_bytes(content)
    results = import_all(paths)
    bad = {
        path: result
        for path, result in results.items()
        if not result.startswith(("ok", "refused: "))
    }
    assert not bad
    assert not [path for path, result in results.items() if result == "refused: without a message"]


# Values at which inference functions of the ONNX library overflow, divide or index.
EDGES = [0, -1, 2, 7, -7, 1 << 31, -(1 << 31), 1 << 40, 1 << 62, (1 << 63) - 1, -(1 << 63)]


def edited(model, rng):
    """One attribute, dimension or constant of a model set to an odd value."""
    edge = EDGES[rng.integers(len(EDGES))]
    attributes = [
        a for node in model.graph.node for a in node.attribute if a.type in (a.INT, a.INTS)
    ]
    dims = [
        d for v in (*model.graph.input, *model.graph.output) for d in v.type.tensor_type.shape.dim
    ]
    kind = rng.integers(3)
    if kind == 0 and attributes:
        attribute = attributes[rng.integers(len(attributes))]
        if attribute.type == attribute.INT:
            attribute.i = edge
        else:
            attribute.ints[rng.integers(len(attribute.ints))] = edge
    elif kind == 1 and dims:
        dims[rng.integers(len(dims))].dim_value = edge
    elif model.graph.initializer:
        tensors = model.graph.initializer
        tensor = tensors[rng.integers(len(tensors))]
        if tensor.data_type == onnx.TensorProto.INT64:
            tensor.raw_data = edge.to_bytes(8, "little", signed=True) * (len(tensor.raw_data) // 8)
        else:
            tensor.dims[:] = [edge]
    return model


@pytest.mark.parametrize("name", GOOD)
def test_edited_model(name, rng, import_all, tmp_path):
    paths = []
    for index in range(100):
        paths.append(tmp_path / f"{name}-{index}.onnx")
        paths[-1].write_bytes(edited(GOOD[name](), rng).SerializeToString())
    results = import_all(paths)
    assert not [
        path for path, result in results.items() if not result.startswith(("ok", "refused: "))
    ]
