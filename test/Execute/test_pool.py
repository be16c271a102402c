"""Windows over images, and what adds windows up, against their formulas in numpy: ceil_mode and pads that
are counted, indices of maxima and back, transposed convolutions with groups and given shapes, Col2Im."""

import itertools

import numpy as np
import pytest
from onnx import helper, numpy_helper


def value(name, dtype, shape):
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)


def model_of(nodes, inputs, outputs, constants=(), version=20):
    graph = helper.make_graph(
        nodes,
        "windows",
        [value(*entry) for entry in inputs],
        [value(*entry) for entry in outputs],
        [numpy_helper.from_array(array, name) for name, array in dict(constants).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", version)], ir_version=9)


def windows_of(size, kernel, stride, dilation, low, high, ceil):
    """The places that each window reads along an axis, as far as pads go; the others are left out."""
    span = dilation * (kernel - 1) + 1
    count = (size + low + high - span + (stride - 1 if ceil else 0)) // stride + 1
    if ceil and (count - 1) * stride >= size + low:
        count -= 1
    taps = np.arange(count)[:, None] * stride + np.arange(kernel) * dilation - low
    return [[place for place in row if place < size + high] for row in taps]


def pooled(x, kernel, strides, dilations, pads, ceil, reduce):
    """reduce(values in the image, their places, number of places in image and pads) of each window."""
    axes = x.ndim - 2
    along = [
        windows_of(x.shape[2 + i], kernel[i], strides[i], dilations[i], pads[i], pads[axes + i], ceil)
        for i in range(axes)
    ]
    result = np.zeros((*x.shape[:2], *map(len, along)))
    for n, c in np.ndindex(x.shape[:2]):
        for at in np.ndindex(result.shape[2:]):
            places = list(itertools.product(*(along[i][at[i]] for i in range(axes))))
            inside = [p for p in places if all(0 <= q < size for q, size in zip(p, x.shape[2:]))]
            result[n, c][at] = reduce([x[n, c][p] for p in inside], inside, len(places), (n, c))
    return result


CASES = {
    "overhang": ((1, 2, 9, 8), [3, 2], [2, 3], [1, 1], [0, 0, 0, 0]),
    "begins on a pad": ((1, 1, 4, 4), [3, 3], [3, 3], [1, 1], [1, 1, 1, 1]),
    "dilated": ((2, 3, 11, 7), [3, 2], [2, 2], [2, 3], [2, 1, 1, 2]),
    "line": ((2, 17, 13), [4], [3], [1], [1, 2]),
    "volume": ((1, 2, 5, 6, 7), [2, 3, 2], [2, 2, 3], [1, 2, 1], [0, 1, 1, 1, 1, 0]),
    "one": ((1, 1, 1, 1), [1, 1], [2, 2], [1, 1], [0, 0, 0, 0]),
}


@pytest.mark.parametrize(("case", "known"), [(case, i % 2 == 0) for i, case in enumerate(CASES)])
def test_average_and_maximum(compile_model, load, assert_close, rng, case, known):
    """With all of ceil_mode and count_include_pad, and both orders of indices."""
    shape, kernel, strides, dilations, pads = CASES[case]
    common = {"kernel_shape": kernel, "strides": strides, "dilations": dilations, "pads": pads}
    nodes, outputs = [], []
    rank = len(shape)
    for ceil in (0, 1):
        for count in (0, 1):
            nodes.append(
                helper.make_node("AveragePool", ["x"], [f"a{ceil}{count}"], ceil_mode=ceil, count_include_pad=count, **common)
            )
            outputs.append((f"a{ceil}{count}", "float32", [None] * rank))
        for order in (0, 1):
            to = [f"m{ceil}{order}", f"i{ceil}{order}"]
            nodes.append(helper.make_node("MaxPool", ["x"], to, ceil_mode=ceil, storage_order=order, **common))
            outputs += [(to[0], "float32", [None] * rank), (to[1], "int64", [None] * rank)]
    names = ["n", "c", *(f"s{i}" for i in range(rank - 2))]
    library = load(compile_model(model_of(nodes, [("x", "float32", shape if known else names)], outputs)))
    # Whole numbers: maxima repeat, and the first one counts.
    x = rng.integers(-3, 4, shape).astype(np.float32)
    got = library.run({"x": x})
    wide = x.astype(np.float64)
    for ceil in (0, 1):
        settings = (kernel, strides, dilations, pads, ceil)
        for count in (0, 1):

            def mean(values, inside, places, _, count=count):
                number = places if count else len(values)
                return sum(values) / number if number else np.nan

            assert_close(got[f"a{ceil}{count}"], pooled(wide, *settings, mean), what=f"mean {ceil} {count}")
        for order in (0, 1):

            def number(values, inside, places, image, order=order):
                first = inside[int(np.argmax(values))]
                within = np.ravel_multi_index(first, shape[2:], order="F" if order else "C")
                return np.ravel_multi_index(image, shape[:2]) * np.prod(shape[2:]) + within

            maxima = pooled(wide, *settings, lambda values, *_: max(values))
            np.testing.assert_array_equal(got[f"m{ceil}{order}"], maxima)
            numbers = pooled(wide, *settings, number)
            np.testing.assert_array_equal(got[f"i{ceil}{order}"], numbers.astype(np.int64))


@pytest.mark.parametrize("dtype", ["uint8", "int8", "float16", "float64"])
def test_maxima_of_other_elements(compile_model, load, rng, dtype):
    """Pads are less than all there is."""
    node = helper.make_node("MaxPool", ["x"], ["y", "i"], kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[1, 2])
    library = load(
        compile_model(
            model_of([node], [("x", dtype, ["n", 19, "h", 9])], [("y", dtype, [None] * 4), ("i", "int64", [None] * 4)])
        )
    )
    for n, h in [(2, 5), (1, 1), (0, 3)]:
        x = rng.integers(-128, -100, (n, 19, h, 9)).astype(dtype)
        got = library.run({"x": x})
        exact = pooled(x, [3, 3], [1, 2], [1, 1], [1, 1, 1, 1], 0, lambda values, *_: max(values)) if n else x[..., :5]
        np.testing.assert_array_equal(got["y"], exact.astype(dtype))
        np.testing.assert_array_equal(x.reshape(-1)[got["i"].reshape(-1)], got["y"].reshape(-1))


def test_the_index_of_no_number(compile_model, load):
    node = helper.make_node("MaxPool", ["x"], ["y", "i"], kernel_shape=[2])
    library = load(compile_model(model_of([node], [("x", "float32", [1, 1, 4])], [("y", "float32", [1, 1, 3]), ("i", "int64", [1, 1, 3])])))
    got = library.run({"x": np.float32([1, np.nan, -np.inf, -np.inf]).reshape(1, 1, 4)})
    np.testing.assert_array_equal(got["y"].ravel(), [np.nan, np.nan, -np.inf])
    np.testing.assert_array_equal(got["i"].ravel(), [1, 1, 2])


@pytest.mark.parametrize("given", [False, True], ids=["inferred", "output_shape"])
def test_there_and_back(compile_model, load, rng, given):
    """MaxUnpool of MaxPool keeps the maxima and nothing else."""
    window = {"kernel_shape": [2, 2], "strides": [2, 2]}
    reads = ["p", "i", "shape"] if given else ["p", "i"]
    nodes = [
        helper.make_node("MaxPool", ["x"], ["p", "i"], **window),
        helper.make_node("MaxUnpool", reads, ["y"], **window),
    ]
    constants = {"shape": np.int64([2, 3, 9, 7])} if given else {}
    shape = [2, 3, 6, 4] if given else ["n", 3, "h", "w"]
    library = load(compile_model(model_of(nodes, [("x", "float32", shape)], [("y", "float32", [None] * 4)], constants)))
    for extents in [(2, 3, 6, 4)] if given else [(2, 3, 6, 4), (1, 3, 2, 10), (0, 3, 2, 2)]:
        x = rng.standard_normal(extents, np.float32)
        n, c, h, w = extents
        blocks = x.reshape(n, c, h // 2, 2, w // 2, 2)
        exact = np.where(blocks == blocks.max((3, 5), keepdims=True), blocks, 0).reshape(extents)
        if given:
            exact = np.pad(exact, [(0, 0), (0, 0), (0, 3), (0, 3)])
        np.testing.assert_array_equal(library.run({"x": x})["y"], exact)


def spread(columns, image, kernel, strides, dilations, low):
    """columns[n, c, k..., o...] added up to [n, c, image...]; what lies outside is lost."""
    axes = len(image)
    result = np.zeros((*columns.shape[:2], *image))
    for tap in np.ndindex(*kernel):
        for block in np.ndindex(*columns.shape[2 + axes :]):
            at = [b * s + t * d - p for b, s, t, d, p in zip(block, strides, tap, dilations, low)]
            if all(0 <= a < size for a, size in zip(at, image)):
                result[(slice(None), slice(None), *at)] += columns[(slice(None), slice(None), *tap, *block)]
    return result


TRANSPOSED = {
    "groups": (dict(group=3, pads=[1, 0, 0, 2], strides=[2, 3]), (2, 6, 5, 4), (6, 2, 3, 2), [1, 0], None),
    "per channel": (dict(group=5, dilations=[2, 1]), (1, 5, 3, 7), (5, 1, 2, 3), [0, 0], None),
    "same upper": (dict(auto_pad="SAME_UPPER", strides=[2, 2]), (1, 3, 5, 3), (3, 4, 3, 4), [0, 1], (10, 6)),
    "same lower": (dict(auto_pad="SAME_LOWER", strides=[2, 3], group=3), (1, 3, 5, 3), (3, 2, 3, 4), [1, 1], (10, 9)),
    "given shape": (dict(output_shape=[10, 8], strides=[3, 2]), (2, 1, 3, 3), (1, 2, 4, 5), [0, 1], (10, 8)),
    "larger shape": (dict(output_shape=[12, 9], strides=[3, 2], auto_pad="SAME_UPPER"), (1, 1, 3, 3), (1, 2, 3, 4), [0, 0], (12, 9)),
    "line": (dict(group=2, strides=[4]), (2, 4, 6), (4, 3, 3), [0], None),
}  # fmt: skip


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("case", TRANSPOSED)
def test_transposed(compile_model, load, assert_close, rng, case, bias):
    attributes, image, weight, low, out = TRANSPOSED[case]
    axes = len(image) - 2
    groups = attributes.get("group", 1)
    strides, dilations = attributes.get("strides", [1] * axes), attributes.get("dilations", [1] * axes)
    pads = attributes.get("pads", [0] * 2 * axes)
    if out is None:
        low = pads[:axes]
        out = [
            (image[2 + i] - 1) * strides[i] + dilations[i] * (weight[2 + i] - 1) + 1 - pads[i] - pads[axes + i]
            for i in range(axes)
        ]
    x, w = (rng.standard_normal(shape).astype(np.float32) for shape in (image, weight))
    b = rng.standard_normal(weight[1] * groups).astype(np.float32)
    node = helper.make_node("ConvTranspose", ["x", "w", "b"] if bias else ["x", "w"], ["y"], **attributes)
    constants = {"w": w, "b": b} if bias else {"w": w}
    library = load(compile_model(model_of([node], [("x", "float32", ["n", *image[1:]])], [("y", "float32", [None] * len(image))], constants)))
    per_group = x.astype(np.float64).reshape(image[0], groups, -1, *image[2:])
    filters = w.astype(np.float64).reshape(groups, -1, *weight[1:])
    letters = "abc"[:axes]
    columns = np.einsum(f"ngi{letters},gio{letters.upper()}->ngo{letters.upper()}{letters}", per_group, filters)
    columns = columns.reshape(image[0], -1, *columns.shape[3:])
    exact = spread(columns, out, weight[2:], strides, dilations, low)
    if bias:
        exact += b.reshape(-1, *[1] * axes)
    assert_close(library.run({"x": x})["y"], exact, what=case)


def test_same_of_any_size(compile_model, load, assert_close, rng):
    """The pads of auto_pad follow from window and stride alone."""
    w = rng.standard_normal((2, 3, 3, 3)).astype(np.float32)
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], auto_pad="SAME_UPPER", strides=[2, 2])
    library = load(compile_model(model_of([node], [("x", "float32", ["n", 2, "h", "w"])], [("y", "float32", [None] * 4)], {"w": w})))
    for shape in [(1, 2, 4, 7), (2, 2, 1, 3), (0, 2, 3, 3)]:
        x = rng.standard_normal(shape).astype(np.float32)
        columns = np.einsum("nihw,ioHW->noHWhw", x.astype(np.float64), w.astype(np.float64))
        exact = spread(columns, (2 * shape[2], 2 * shape[3]), (3, 3), (2, 2), (1, 1), (0, 0))
        assert_close(library.run({"x": x})["y"], exact)


BLOCKS = {
    "apart": ((6, 8), (2, 4), dict(strides=[2, 4])),
    "overlapping": ((7, 9), (3, 2), dict(strides=[2, 1], pads=[1, 0, 1, 2])),
    "dilated": ((9, 8), (3, 2), dict(dilations=[2, 3])),
    "line": ((11,), (4,), dict(strides=[3], pads=[2, 3])),
    "volume": ((4, 5, 3), (2, 2, 1), dict()),
}


@pytest.mark.parametrize("when", ["constant", "of the run"])
@pytest.mark.parametrize("case", BLOCKS)
def test_col2im(compile_model, load, assert_close, rng, case, when):
    image, block, attributes = BLOCKS[case]
    axes = len(image)
    strides, dilations = attributes.get("strides", [1] * axes), attributes.get("dilations", [1] * axes)
    pads = attributes.get("pads", [0] * 2 * axes)
    counts = [
        (image[i] + pads[i] + pads[axes + i] - dilations[i] * (block[i] - 1) - 1) // strides[i] + 1 for i in range(axes)
    ]
    x = rng.standard_normal((2, 3 * np.prod(block), np.prod(counts))).astype(np.float32)
    node = helper.make_node("Col2Im", ["x", "image", "block"], ["y"], **attributes)
    numbers = {"image": np.int64(image), "block": np.int64(block)}
    if when == "constant":
        model = model_of([node], [("x", "float32", ["n", *x.shape[1:]])], [("y", "float32", [None] * (2 + axes))], numbers)
    else:
        inputs = [("x", "float32", x.shape), *((name, "int64", [axes]) for name in numbers)]
        model = model_of([node], inputs, [("y", "float32", [2, 3, *image])])
    feed = {"x": x} if when == "constant" else {"x": x, **numbers}
    columns = x.astype(np.float64).reshape(2, 3, *block, *counts)
    exact = spread(columns, image, block, strides, dilations, pads[:axes])
    assert_close(load(compile_model(model)).run(feed)["y"], exact)


REFUSALS = {
    "unpooled to a shape of the run": (
        helper.make_node("MaxUnpool", ["x", "i", "s"], ["y"], "node", kernel_shape=[2]),
        [("x", "float32", [1, 1, 2]), ("i", "int64", [1, 1, 2]), ("s", "int64", [3])],
        "its output_shape is known only when it runs, and the model does not declare the shape of its result",
    ),
    "other indices": (
        helper.make_node("MaxUnpool", ["x", "i"], ["y"], "node", kernel_shape=[2]),
        [("x", "float32", ["n", 1, 2]), ("i", "int64", ["n", 2, 2])],
        "it cannot be told that there are as many indices as elements",
    ),
    "an image of the run": (
        helper.make_node("Col2Im", ["x", "i", "s"], ["y"], "node"),
        [("x", "float32", [1, 4, 2]), ("i", "int64", [1]), ("s", "int64", [1])],
        "its image_shape is known only when it runs, and the model does not declare the shape of its result",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS)
def test_refused(strut_run, tmp_path, case):
    node, inputs, text = REFUSALS[case]
    (tmp_path / "m.onnx").write_bytes(model_of([node], inputs, [("y", "float32", [None] * 3)]).SerializeToString())
    done = strut_run("compile", tmp_path / "m.onnx", "-o", tmp_path / "m.so", code=1)
    assert text in done.stderr, done.stderr
    assert done.stderr.count("error:") == 1, done.stderr


def test_other_indices_than_elements(compile_model, load, rng):
    """How many there are is found out when dimensions are bound."""
    node, inputs, _ = REFUSALS["other indices"]
    inputs = [inputs[0], ("i", "int64", ["m", 1, 2])]
    library = load(compile_model(model_of([node], inputs, [("y", "float32", [None] * 3)])))
    x = rng.standard_normal((2, 1, 2)).astype(np.float32)
    y = library.run({"x": x, "i": np.int64([[[1, 2]], [[4, 5]]])})["y"]
    np.testing.assert_array_equal(y.reshape(-1)[[1, 2, 4, 5]], x.reshape(-1))
    with pytest.raises(ValueError, match="'node': extents that have to be equal are not, which depend on n, m"):
        library.run({"x": x, "i": np.int64([[[1, 2]]])})
