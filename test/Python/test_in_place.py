"""Outputs that are an input, updated in place: a cache that a model is called with."""

import numpy as np
import pytest
import strut
from onnx import TensorProto, helper


@pytest.fixture(scope="module")
def model():
    """next[n, 5] = cache[n, 5] + row[5], which may update the cache; total[n] = its sums."""
    nodes = [
        helper.make_node("Add", ["cache", "row"], ["next"]),
        helper.make_node("ReduceSum", ["next"], ["total"], keepdims=0, noop_with_empty_axes=0),
    ]
    graph = helper.make_graph(
        nodes,
        "cache",
        [
            helper.make_tensor_value_info("cache", TensorProto.FLOAT, ["n", 5]),
            helper.make_tensor_value_info("row", TensorProto.FLOAT, [5]),
        ],
        [
            helper.make_tensor_value_info("next", TensorProto.FLOAT, ["n", 5]),
            helper.make_tensor_value_info("total", TensorProto.FLOAT, []),
        ],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    return strut.compile(proto, alias={"next": "cache"})


def arrays(rng, rows=7):
    return rng.standard_normal((rows, 5), np.float32), rng.standard_normal(5, np.float32)


def test_description(model):
    assert [info.alias for info in model.outputs] == ["cache", None]


@pytest.mark.parametrize("copy", [True, False])
def test_inputs_are_left_alone(model, rng, copy):
    cache, row = arrays(rng)
    before = cache.copy()
    results = model.run({"cache": cache, "row": row}, copy=copy)
    np.testing.assert_array_equal(cache, before)
    np.testing.assert_array_equal(results["next"], before + row)
    assert not np.shares_memory(results["next"], cache)
    np.testing.assert_allclose(results["total"], (before + row).sum(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("copy", [True, False])
@pytest.mark.parametrize("rows", [7, 1, 0, 300])
def test_in_place(model, rng, rows, copy):
    cache, row = arrays(rng, rows)
    expected = cache.copy()
    for _ in range(3):
        results = model.run({"cache": cache, "row": row}, copy=copy, in_place=True)
        expected += row
        assert results["next"] is cache
        np.testing.assert_array_equal(cache, expected)
        np.testing.assert_allclose(results["total"], expected.sum(), rtol=1e-4, atol=1e-3)


def test_what_cannot_be_updated_is_refused(model, rng):
    cache, row = arrays(rng)
    before = cache.copy()
    fixed = cache.copy()
    fixed.flags.writeable = False
    for array in (fixed, np.asfortranarray(cache), cache[::-1], cache.astype(">f4")):
        with pytest.raises(ValueError, match="'cache' is updated in place and must be writeable"):
            model.run({"cache": array, "row": row}, in_place=True)
    with pytest.raises(ValueError, match="'cache' is updated in place and must be a numpy array"):
        model.run({"cache": cache.tolist(), "row": row}, in_place=True)
    with pytest.raises(ValueError, match="'next' shares memory with input 'row'"):
        model.run({"cache": cache, "row": cache[3]}, in_place=True)
    np.testing.assert_array_equal(cache, before)


def test_a_wrong_alias_is_refused(tmp_path):
    graph = helper.make_graph(
        [helper.make_node("Neg", ["x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [3])],
    )
    proto = helper.make_model(graph)
    with pytest.raises(strut.CompileError, match="no input 'z'"):
        strut.compile(proto, tmp_path / "g.so", alias={"y": "z"})
    assert list(tmp_path.iterdir()) == []
