"""Operators that sample images at offsets and in regions, against their formulas in float64."""

import itertools

import numpy as np
import pytest
from onnx import helper, numpy_helper


def value(name, dtype, shape):
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)


def model_of(node, inputs, outputs, constants=()):
    graph = helper.make_graph(
        [node],
        "samples",
        [value(*entry) for entry in inputs],
        [value(*entry) for entry in outputs],
        [numpy_helper.from_array(array, name) for name, array in dict(constants).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def bilinear(image, place):
    """image[c, ...] at a place, 0 outside."""
    low = np.floor(place).astype(int)
    result = np.zeros(len(image))
    for corner in itertools.product([0, 1], repeat=len(place)):
        at = low + corner
        if all(0 <= a < size for a, size in zip(at, image.shape[1:])):
            result += np.prod(1 - np.abs(at - place)) * image[(slice(None), *at)]
    return result


def deformed(x, w, offset, b, mask, strides, dilations, pads, group, offset_group):
    n, channels = x.shape[:2]
    kernel, axes = w.shape[2:], x.ndim - 2
    out = offset.shape[2:]
    offset = offset.reshape(n, offset_group, *kernel, axes, *out)
    mask = np.ones((n, offset_group, *kernel, *out)) if mask is None else mask.reshape(n, offset_group, *kernel, *out)
    result = np.zeros((n, w.shape[0], *out))
    for i, at, tap in itertools.product(range(n), np.ndindex(*out), np.ndindex(*kernel)):
        columns = np.zeros(channels)
        for g, part in enumerate(np.split(np.arange(channels), offset_group)):
            place = np.array(at) * strides + np.array(tap) * dilations - pads[:axes] + offset[(i, g, *tap, slice(None), *at)]
            columns[part] = bilinear(x[i][part], place) * mask[(i, g, *tap, *at)]
        per_group = columns.reshape(group, -1)
        filters = w[(slice(None), slice(None), *tap)].reshape(group, -1, w.shape[1])
        result[(i, slice(None), *at)] += np.einsum("gi,goi->go", per_group, filters).reshape(-1)
    return result if b is None else result + b.reshape(-1, *[1] * axes)


DEFORMED = {
    "plain": ((2, 3, 6, 7), (4, 3, 3, 2), dict(), False),
    "groups": ((1, 6, 5, 8), (4, 3, 2, 3), dict(group=2, offset_group=3, pads=[1, 0, 1, 2], strides=[2, 1]), True),
    "dilated": ((2, 4, 9, 5), (17, 4, 3, 2), dict(dilations=[2, 3], offset_group=2, pads=[2, 2, 1, 1]), True),
    "one element": ((1, 2, 1, 4), (3, 2, 1, 1), dict(), True),
}


@pytest.mark.parametrize("case", DEFORMED)
def test_deformed(compile_model, load, assert_close, rng, case):
    """Images of dimensions that the run brings; offsets that lead outside too."""
    image, weight, attributes, whole = DEFORMED[case]
    group, offset_group = attributes.get("group", 1), attributes.get("offset_group", 1)
    strides, dilations = attributes.get("strides", [1, 1]), attributes.get("dilations", [1, 1])
    pads = attributes.get("pads", [0, 0, 0, 0])
    out = [
        (image[2 + i] + pads[i] + pads[2 + i] - dilations[i] * (weight[2 + i] - 1) - 1) // strides[i] + 1 for i in (0, 1)
    ]
    planes = offset_group * weight[2] * weight[3]
    shapes = {"x": image, "w": weight, "offset": (image[0], 2 * planes, *out), "b": weight[:1], "mask": (image[0], planes, *out)}
    feed = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    feed["offset"] *= 2
    names = list(shapes) if whole else ["x", "w", "offset"]
    node = helper.make_node("DeformConv", names, ["y"], **attributes)
    constants = {name: feed.pop(name) for name in ("w", "b") if name in names}
    feed = {name: feed[name] for name in names if name in feed}
    inputs = [(name, "float32", ["n", *array.shape[1:]]) for name, array in feed.items()]
    library = load(compile_model(model_of(node, inputs, [("y", "float32", [None] * 4)], constants)))
    wide = {name: array.astype(np.float64) for name, array in (feed | constants).items()}
    exact = deformed(
        wide["x"], wide["w"], wide["offset"], wide.get("b"), wide.get("mask"), strides, dilations, pads, group, offset_group
    )
    assert_close(library.run(feed)["y"], exact, what=case)


def aligned(x, rois, images, size, ratio, scale, mode, half):
    result = np.zeros((len(rois), x.shape[1], *size))
    for r, (roi, image) in enumerate(zip(rois, images)):
        x1, y1, x2, y2 = roi * scale - (0.5 if half else 0)
        length = np.array([y2 - y1, x2 - x1])
        step = (length if half else np.maximum(length, 1)) / size
        counts = [ratio or max(0, int(np.ceil(s))) for s in step]
        for at in np.ndindex(*size):
            samples = []
            for i in np.ndindex(*counts):
                place = np.array([y1, x1]) + at * step + (np.array(i) + 0.5) * step / counts
                if np.any(place < -1) or np.any(place > x.shape[2:]):
                    samples.append(np.zeros((4, x.shape[1])))
                    continue
                place = np.clip(place, 0, np.array(x.shape[2:]) - 1)
                low = np.floor(place).astype(int)
                high = np.minimum(low + 1, np.array(x.shape[2:]) - 1)
                weight = place - low
                samples.append(
                    [
                        (weight[0] if a else 1 - weight[0]) * (weight[1] if b else 1 - weight[1])
                        * x[image][:, (high if a else low)[0], (high if b else low)[1]]
                        for a, b in itertools.product([0, 1], repeat=2)
                    ]
                )  # fmt: skip
            if samples:
                samples = np.array(samples)
                result[(r, slice(None), *at)] = samples.max((0, 1)) if mode == "max" else samples.sum(1).mean(0)
    return result


@pytest.mark.parametrize("mode", ["avg", "max"])
@pytest.mark.parametrize("coordinates", ["half_pixel", "output_half_pixel"])
@pytest.mark.parametrize("ratio", [0, 2])
def test_regions(compile_model, load, assert_close, rng, ratio, coordinates, mode):
    """Inside, across the border, outside, upside down; none at all."""
    attributes = dict(mode=mode, coordinate_transformation_mode=coordinates, sampling_ratio=ratio)
    node = helper.make_node("RoiAlign", ["x", "r", "i"], ["y"], output_height=3, output_width=5, spatial_scale=0.5, **attributes)
    inputs = [("x", "float32", ["n", 3, "h", "w"]), ("r", "float32", ["k", 4]), ("i", "int64", ["k"])]
    library = load(compile_model(model_of(node, inputs, [("y", "float32", [None] * 4)])))
    x = rng.standard_normal((2, 3, 9, 7)).astype(np.float32)
    rois = np.float32([[1, 2, 9, 15], [-5, 3, 4, 30], [40, 40, 60, 70], [8, 8, 2, 3], [3.3, 1.2, 3.9, 1.3]])
    images = rng.integers(0, 2, 5)
    exact = aligned(x.astype(np.float64), rois.astype(np.float64), images, (3, 5), ratio, 0.5, mode, coordinates == "half_pixel")
    assert_close(library.run({"x": x, "r": rois, "i": images})["y"], exact)
    assert library.run({"x": x, "r": rois[:0], "i": images[:0]})["y"].shape == (0, 3, 3, 5)
    # What is no region has no samples, or the numbers of none.
    bad = np.full((1, 4), np.nan, np.float32)
    assert library.run({"x": x, "r": bad, "i": images[:1]})["y"].shape == (1, 3, 3, 5)


REFUSALS = {
    "offsets": (
        helper.make_node("DeformConv", ["x", "w", "o"], ["y"], "node"),
        [("x", "float32", ["n", 2, 4, 4]), ("o", "float32", ["n", 7, 3, 3])],
        "DeformConv node 'node' cannot be compiled: it cannot be told that its offset fits images, windows and groups",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS)
def test_refused(strut_run, tmp_path, case):
    node, inputs, text = REFUSALS[case]
    weight = {"w": np.ones((3, 2, 2, 2), np.float32)} if "w" in node.input else {}
    model = model_of(node, inputs, [("y", "float32", [None] * 4)], weight)
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    done = strut_run("compile", tmp_path / "m.onnx", "-o", tmp_path / "m.so", code=1)
    assert text in done.stderr, done.stderr


def test_other_images_than_regions(compile_model, load, rng):
    """How many there are is found out when dimensions are bound."""
    node = helper.make_node("RoiAlign", ["x", "r", "i"], ["y"], "node")
    inputs = [("x", "float32", ["n", 2, 4, 4]), ("r", "float32", ["k", 4]), ("i", "int64", ["m"])]
    library = load(compile_model(model_of(node, inputs, [("y", "float32", [None] * 4)])))
    feed = {"x": rng.standard_normal((2, 2, 4, 4)).astype(np.float32), "r": np.ones((3, 4), np.float32)}
    assert library.run(feed | {"i": np.int64([1, 0, 1])})["y"].shape == (3, 2, 1, 1)
    with pytest.raises(ValueError, match="'node': extents that have to be equal are not, which depend on k, m"):
        library.run(feed | {"i": np.int64([1, 0])})
