"""A cache of keys or values that takes new rows at computed places, in place: every spelling of it
against copying, the pointers, and how much memory a step touches."""

import json
import subprocess

import numpy as np
import pytest
import strut
from onnx import TensorProto, helper, numpy_helper

DTYPES = {
    "float32": TensorProto.FLOAT,
    "float16": TensorProto.FLOAT16,
    "int64": TensorProto.INT64,
    "bool": TensorProto.BOOL,
}
CACHE, UPDATE = ["batch", "heads", "length", 33], ["batch", "heads", "seq", 33]
# batch, heads, length, seq
SIZES = [(2, 3, 17, 5), (1, 1, 1, 1), (3, 2, 64, 1), (1, 2, 7, 7), (2, 3, 16, 0), (0, 2, 5, 1), (2, 1, 0, 0)]


def constant(name, values):
    return helper.make_node(
        "Constant", [], [name], value=numpy_helper.from_array(np.array(values, np.int64), name)
    )


def linear():
    """Starts, one for each of the batch."""
    return [helper.make_node("TensorScatter", ["cache", "update", "places"], ["next"], axis=2)]


def circular():
    node = helper.make_node("TensorScatter", ["cache", "update", "places"], ["next"], mode="circular")
    return [node]


def elements():
    """index_copy as torch's TorchScript exporter has it: the places repeated for every element."""
    return [
        constant("axes", [0, 1, 3]),
        helper.make_node("Unsqueeze", ["places", "axes"], ["column"]),
        helper.make_node("Shape", ["update"], ["shape"]),
        helper.make_node("Expand", ["column", "shape"], ["indices"]),
        helper.make_node("ScatterElements", ["cache", "indices", "update"], ["next"], axis=2),
    ]


def transposed():
    """Assignment to places of the third axis, as torch's newer exporter has it."""
    return [
        constant("last", [-1]),
        helper.make_node("Unsqueeze", ["places", "last"], ["indices"]),
        helper.make_node("Transpose", ["cache"], ["turned"], perm=[2, 0, 1, 3]),
        helper.make_node("Transpose", ["update"], ["rows"], perm=[2, 0, 1, 3]),
        helper.make_node("ScatterND", ["turned", "indices", "rows"], ["scattered"]),
        helper.make_node("Transpose", ["scattered"], ["next"], perm=[1, 2, 0, 3]),
    ]


def patched():
    """The same index_copy, the shape of the indices being the cache's with another extent."""
    return [
        constant("axes", [0, 1, 3]),
        constant("third", [2]),
        helper.make_node("Unsqueeze", ["places", "axes"], ["column"]),
        helper.make_node("Shape", ["cache"], ["whole"]),
        helper.make_node("Shape", ["places"], ["count"]),
        helper.make_node("ScatterElements", ["whole", "third", "count"], ["shape"], axis=0),
        helper.make_node("Expand", ["column", "shape"], ["indices"]),
        helper.make_node("ScatterElements", ["cache", "indices", "update"], ["next"], axis=2),
    ]


SPELLINGS = {
    "linear": linear,
    "circular": circular,
    "elements": elements,
    "patched": patched,
    "transposed": transposed,
}
BY_START = ("linear", "circular")


def build(spelling, dtype="float32", reader=None, aliased=True):
    """next = the cache with `update` at `places`; with a reader also what that makes of a tensor."""
    nodes = SPELLINGS[spelling]()
    places = ["batch"] if spelling in BY_START else ["seq"]
    element = DTYPES[dtype]
    outputs = [helper.make_tensor_value_info("next", element, CACHE)]
    if reader:
        nodes.append(helper.make_node("Neg", [reader], ["read"]))
        outputs.append(helper.make_tensor_value_info("read", element, CACHE))
    graph = helper.make_graph(
        nodes,
        "cache",
        [
            helper.make_tensor_value_info("cache", element, CACHE),
            helper.make_tensor_value_info("update", element, UPDATE),
            helper.make_tensor_value_info("places", TensorProto.INT64, places),
        ],
        outputs,
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 24)], ir_version=11)
    return strut.compile(proto, alias={"next": "cache"} if aliased else {})


@pytest.fixture(scope="module")
def model():
    """model(spelling, ...): build, once for all tests."""
    built = {}

    def make(*how):
        if how not in built:
            built[how] = build(*how)
        return built[how]

    return make


def draw(rng, shape, dtype):
    if dtype == "bool":
        return rng.random(shape) < 0.5
    if dtype == "int64":
        return rng.integers(-(2**40), 2**40, shape)
    return rng.standard_normal(shape).astype(dtype)


def feed(rng, spelling, sizes, dtype="float32"):
    batch, heads, length, seq = sizes
    if spelling == "circular":
        places = rng.integers(0, max(length, 1), batch)
    elif spelling in BY_START:
        places = rng.integers(0, length - seq + 1, batch)
    else:
        places = rng.permutation(length)[:seq] - length * rng.integers(0, 2, seq)
    return {
        "cache": draw(rng, (batch, heads, length, 33), dtype),
        "update": draw(rng, (batch, heads, seq, 33), dtype),
        "places": places.astype(np.int64),
    }


def copied(spelling, cache, update, places):
    """The cache afterwards, as an array of its own."""
    after = cache.copy()
    for row in range(update.shape[2]):
        for b in range(len(cache)):
            place = places[b] + row if spelling in BY_START else places[row]
            after[b, :, place % cache.shape[2]] = update[b, :, row]
    return after


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_in_place(model, rng, spelling, sizes):
    compiled = model(spelling)
    given = feed(rng, spelling, sizes)
    cache = given["cache"]
    for _ in range(3):
        given |= {name: feed(rng, spelling, sizes)[name] for name in ("update", "places")}
        expected = copied(spelling, **given)
        address = cache.ctypes.data
        result = compiled.run(given, in_place=True, copy=False)["next"]
        assert result is cache and result.ctypes.data == address
        np.testing.assert_array_equal(cache, expected)


@pytest.mark.parametrize("dtype", [dtype for dtype in DTYPES if dtype != "float32"])
def test_types(model, rng, dtype):
    given = feed(rng, "elements", (2, 3, 11, 4), dtype)
    expected = copied("elements", **given)
    result = model("elements", dtype).run(given, in_place=True)["next"]
    assert result is given["cache"]
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_copy_leaves_the_input(model, rng, spelling, sizes):
    given = feed(rng, spelling, sizes)
    before = given["cache"].copy()
    for compiled in (model(spelling), model(spelling, "float32", None, False)):
        result = compiled.run(given)["next"]
        np.testing.assert_array_equal(result, copied(spelling, **given))
        np.testing.assert_array_equal(given["cache"], before)


@pytest.mark.parametrize("reader", ["cache", "next"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_who_reads_sees_its_own_value(model, rng, spelling, reader):
    """Of the old cache after the update has been asked for, and of the new one."""
    given = feed(rng, spelling, (2, 3, 17, 4))
    before, expected = given["cache"].copy(), copied(spelling, **given)
    results = model(spelling, "float32", reader).run(given, in_place=True)
    assert results["next"] is given["cache"]
    np.testing.assert_array_equal(results["next"], expected)
    np.testing.assert_array_equal(results["read"], -(before if reader == "cache" else expected))


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_step_touches_what_is_new(model, strut, spelling):
    """Bytes and launches as the profile counts them, in vector code, whatever the length. A kernel
    besides finds out whether the places exist, which those of a circle all do."""
    library = model(spelling).path
    seen = set()
    for length in (64, 4096):
        sizes = {"batch": 2, "heads": 3, "length": length, "seq": 1}
        dims = [f"--dim={name}={size}" for name, size in sizes.items()]
        told = subprocess.run(
            [str(strut), "inspect", library, "--json", *dims], capture_output=True, text=True, check=True
        )
        kinds = json.loads(told.stdout)["lowering"]
        kernels = {kind["kind"]: kind["kernels"] for kind in kinds}
        assert kernels == ({"region": 1} if spelling == "circular" else {"region": 1, "rows": 1})
        seen.add(tuple(kind["bytes"] for kind in sorted(kinds, key=lambda kind: kind["kind"])))
    (moved,) = seen
    assert moved[0] <= 2 * (4 * 2 * 3 * 33 + 8 * 2)
    assert sum(moved[1:]) <= 8 * 2 + 8


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_places_that_do_not_exist_harm_nobody(model, rng, spelling):
    """The standard forbids them: no memory but the cache's may change."""
    given = feed(rng, spelling, (2, 3, 8, 2))
    for place in (8, 2**62, -9, -(2**62)):
        given["places"][:] = place
        memory = np.full((2, given["cache"].size), 7, np.float32)
        given["cache"] = memory[0].reshape(2, 3, 8, 33)
        if spelling == "circular":
            model(spelling).run(given, in_place=True)
        else:
            with pytest.raises(ValueError, match="a number in '(write_)?indices' lies outside"):
                model(spelling).run(given, in_place=True)
        assert (memory[1] == 7).all()
