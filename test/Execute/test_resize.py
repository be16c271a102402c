"""Resize in all modes and coordinates, against onnx's own evaluator in float64: extents of 1, primes
and tails, known when the model is compiled and when it runs."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

TRANSFORMATIONS = ["half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric"]
ROUNDINGS = ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]
FILTERS = {
    "linear": {"mode": "linear"},
    "cubic": {"mode": "cubic", "cubic_coeff_a": -0.5},
    "inside": {"mode": "cubic", "exclude_outside": 1},
    "smooth": {"mode": "linear", "antialias": 1},
    "smooth_cubic": {"mode": "cubic", "antialias": 1},
    "smooth_inside": {"mode": "cubic", "antialias": 1, "exclude_outside": 1},
}
MODES = FILTERS | {rounding: {"mode": "nearest", "nearest_mode": rounding} for rounding in ROUNDINGS}


def value(name, dtype, shape):
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)


def model_of(modes, shape, common, numbers, inputs=(), declared=None, dtype="float32"):
    """y_<mode> = Resize(x) for each of MODES in `modes`; `numbers` are constants by operand, `inputs`
    operands that the run brings, with their dtype and length."""
    present = {name: name for name in [*numbers, *(name for name, *_ in inputs)]}
    operands = ["x", *(present.get(name, "") for name in ("roi", "scales", "sizes"))]
    nodes = [
        helper.make_node("Resize", operands, [f"y_{mode}"], f"to_{mode}", **MODES[mode], **common) for mode in modes
    ]
    declared = declared or [None] * len(shape)
    graph = helper.make_graph(
        nodes,
        "resize",
        [value("x", dtype, shape), *(value(name, kind, [size]) for name, kind, size in inputs)],
        [value(f"y_{mode}", dtype, declared) for mode in modes],
        [numpy_helper.from_array(array, name) for name, array in numbers.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)


def wide(model):
    """A function from a feed to the outputs, computed on doubles for floats and on bytes for truths."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(model.graph.input[0].type.tensor_type.elem_type))
    as_dtype = {"f": np.dtype(np.float64), "b": np.dtype(np.uint8)}.get(dtype.kind, dtype)
    for v in [copy.graph.input[0], *copy.graph.output]:
        v.type.tensor_type.elem_type = helper.np_dtype_to_tensor_dtype(as_dtype)
    evaluator = ReferenceEvaluator(copy)
    return lambda feed: evaluator.run(None, feed | {"x": feed["x"].astype(as_dtype)})


@pytest.fixture
def check(compile_model, load, assert_close):
    """check(model, feeds, dtype): what is computed is what the evaluator computes in float64."""

    def check(model, feeds, dtype="float32"):
        library, evaluate = load(compile_model(model)), wide(model)
        names = [output.name for output in model.graph.output]
        for feed in feeds:
            got = library.run(feed)
            for name, reference in zip(names, evaluate(feed)):
                assert_close(got[name], reference, dtype, f"{name} of {feed['x'].shape}")

    return check


SCALES = [(name, scales) for name in TRANSFORMATIONS for scales in [(1.5, 0.3), (3.3, 0.125)]]
SIZES = [(2, 3, 4, 35), (2, 3, 9, 5), (2, 3, 2, 64), (2, 3, 17, 13), (2, 3, 5, 3)]


@pytest.mark.parametrize(("transformation", "scales"), [*SCALES, ("half_pixel", (2, 2)), ("asymmetric", (0.6, 1))])
def test_scales(check, rng, transformation, scales):
    """Images of dimensions that the run brings."""
    model = model_of(
        MODES,
        ["n", 3, "h", "w"],
        {"coordinate_transformation_mode": transformation},
        {"scales": np.float32([1, 1, *scales])},
    )
    shapes = [(2, 3, 8, 17), (1, 3, 10, 16), (1, 3, 5, 40)]
    check(model, [{"x": rng.standard_normal(shape, np.float32)} for shape in shapes])


@pytest.mark.parametrize(("transformation", "sizes"), zip(TRANSFORMATIONS, SIZES))
def test_sizes(check, rng, transformation, sizes):
    """Images of fixed extents: the tables are constants. As many elements as before stay."""
    model = model_of(
        MODES,
        [2, 3, 9, 13],
        {"coordinate_transformation_mode": transformation},
        {"sizes": np.int64(sizes)},
    )
    check(model, [{"x": rng.standard_normal((2, 3, 9, 13), np.float32)}])


@pytest.mark.parametrize("transformation", TRANSFORMATIONS)
def test_sizes_of_any_image(check, rng, transformation):
    """The ratio, and with it the reach of a filter, is known when dimensions are bound."""
    model = model_of(
        MODES,
        ["n", "h", "w"],
        {"coordinate_transformation_mode": transformation, "axes": [2, 1]},
        {"sizes": np.int64([19, 5])},
    )
    shapes = [(2, 5, 19), (1, 23, 7), (3, 2, 40), (1, 7, 1)]
    check(model, [{"x": rng.standard_normal(shape, np.float32)} for shape in shapes])


@pytest.mark.parametrize("fixed", [True, False])
@pytest.mark.parametrize("policy", ["not_larger", "not_smaller"])
def test_aspect_ratio(check, rng, policy, fixed):
    shapes = [(1, 2, 9, 14)] if fixed else [(1, 2, 9, 14), (2, 2, 31, 7), (1, 2, 8, 8), (1, 2, 1, 5)]
    model = model_of(
        ["linear", "smooth_cubic", "floor"],
        shapes[0] if fixed else ["n", 2, "h", "w"],
        {"keep_aspect_ratio_policy": policy, "axes": [2, 3]},
        {"sizes": np.int64([7, 12])},
    )
    check(model, [{"x": rng.standard_normal(shape, np.float32)} for shape in shapes])


@pytest.mark.parametrize("known", [True, False], ids=["constant roi", "roi of the run"])
def test_crops(check, rng, known):
    """A region that reaches beyond the image on one side, one that is turned, and one in a corner."""
    common = {"coordinate_transformation_mode": "tf_crop_and_resize", "extrapolation_value": 7.5, "axes": [2, 3]}
    modes = ["linear", "cubic", "smooth", "round_prefer_floor"]
    regions = [(0.25, -0.3, 0.9, 0.8), (0.9, 0.1, 0.2, 1.4), (0, 0, 0.1, 0.05)]
    shape, sizes = [1, 2, "h", "w"], np.int64([5, 18])
    images = [rng.standard_normal(s, np.float32) for s in [(1, 2, 9, 11), (1, 2, 4, 37)]]
    if not known:
        model = model_of(modes, shape, common, {"sizes": sizes}, [("roi", "float32", 4)])
        check(model, [{"x": x, "roi": np.float32(region)} for x in images for region in regions])
        return
    for region in regions[:2]:
        check(model_of(modes, shape, common, {"sizes": sizes, "roi": np.float32(region)}), [{"x": x} for x in images])


@pytest.mark.parametrize("operand", ["scales", "sizes"])
def test_numbers_of_the_run(check, rng, operand):
    """What the run brings makes the shape that the model declares; axes that nobody names keep theirs."""
    common = {"axes": [3, 2]}
    kind = "float32" if operand == "scales" else "int64"
    model = model_of(
        ["linear", "cubic", "smooth", "inside", "floor"],
        ["n", 2, 8, 9],
        common,
        {},
        [(operand, kind, 2)],
        ["n", 2, 12, 6],
    )
    numbers = [(0.7, 1.5), (0.75, 1.53)] if operand == "scales" else [(6, 12)]
    x = rng.standard_normal((2, 2, 8, 9), np.float32)
    check(model, [{"x": x, operand: np.array(n, kind)} for n in numbers])


def test_sizes_that_are_an_input(check, rng):
    """The elements of an integer input are dimensions, so nothing need be declared."""
    model = model_of(["linear", "cubic", "floor"], ["n", 2, "h", "w"], {}, {}, [("sizes", "int64", 4)])
    x = rng.standard_normal((1, 2, 5, 7), np.float32)
    check(model, [{"x": x, "sizes": np.int64([1, 2, *size])} for size in [(9, 4), (5, 7), (1, 13)]])


def test_aspect_ratio_of_the_run(check, rng):
    model = model_of(
        ["linear", "smooth", "ceil"],
        [2, 8, 12],
        {"keep_aspect_ratio_policy": "not_larger", "axes": [1, 2]},
        {},
        [("sizes", "int64", 2)],
        [2, 6, 9],
    )
    x = rng.standard_normal((2, 8, 12), np.float32)
    check(model, [{"x": x, "sizes": np.int64(sizes)} for sizes in [(6, 100), (7, 9)]])


@pytest.mark.parametrize("dtype", ["float64", "float16", "uint8", "int8", "int32", "bool"])
def test_elements(check, rng, dtype):
    """Of other types: interpolated numbers are rounded, halves to even, and kept in range."""
    modes = ["ceil"] if dtype == "bool" else ["linear", "smooth", "ceil"]
    # Weights that are sums of powers of two, so that halves are what they are.
    model = model_of(modes, ["n", 5, "w"], {}, {"scales": np.float32([1, 2, 0.5])}, dtype=dtype)
    if dtype == "bool":
        feeds = [{"x": rng.integers(0, 2, (3, 5, 34)).astype(bool)}]
    elif dtype.startswith("float"):
        feeds = [{"x": rng.standard_normal((3, 5, 34)).astype(dtype)}]
    else:
        info = np.iinfo(dtype)
        feeds = [{"x": rng.integers(info.min, info.max, (3, 5, 34), dtype, endpoint=True)}]
    check(model, feeds, dtype)


def test_volumes(check, rng):
    """Three axes at once, and one axis alone."""
    for rank, scales in [(5, [1, 1, 2, 1.5, 3]), (3, [1, 1, 1.7]), (1, [2.5]), (2, [3, 2])]:
        model = model_of(["linear", "cubic", "round_prefer_ceil"], [2, 3, 4, 3, 5][-rank:], {}, {"scales": np.float32(scales)})
        check(model, [{"x": rng.standard_normal([2, 3, 4, 3, 5][-rank:], np.float32)}])


def test_no_image(compile_model, run_model):
    model = model_of(["linear", "smooth_inside", "floor"], ["n", 2, "h", 5], {}, {"scales": np.float32([1, 1, 1.5, 2])})
    library = compile_model(model)
    for n, h in [(0, 4), (2, 0)]:
        for array in run_model(library, {"x": np.ones((n, 2, h, 5), np.float32)}).values():
            assert array.shape == (n, 2, h * 3 // 2, 10)


def test_one_element_in_the_middle_of_nothing(compile_model, run_model):
    """By the text of the standard a result of one element stands for the first, whatever the filter."""
    common = {"coordinate_transformation_mode": "pytorch_half_pixel"}
    model = model_of(["linear", "cubic"], [1, 1, 1, 4], common, {"sizes": np.int64([1, 1, 1, 1])})
    x = np.float32([3, 5, 7, 11]).reshape(1, 1, 1, 4)
    for array in run_model(compile_model(model), {"x": x}).values():
        np.testing.assert_array_equal(array.ravel(), [3])


@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_upsample(compile_model, run_model, assert_close, rng, mode):
    """Before version 11: coordinates are asymmetric, and the nearest element is the one before."""
    node = helper.make_node("Upsample", ["x", "scales"], ["y"], mode=mode)
    graph = helper.make_graph(
        [node],
        "upsample",
        [value("x", "float32", ["n", 2, "h", "w"])],
        [value("y", "float32", [None] * 4)],
        [numpy_helper.from_array(np.float32([1, 1, 3, 2]), "scales")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 9)], ir_version=8)
    x = rng.standard_normal((2, 2, 5, 7), np.float32)
    rounding = "floor" if mode == "nearest" else "linear"
    common = {"coordinate_transformation_mode": "asymmetric"}
    newer = model_of([rounding], ["n", 2, "h", "w"], common, {"scales": np.float32([1, 1, 3, 2])})
    assert_close(run_model(compile_model(model), {"x": x})["y"], wide(newer)({"x": x})[0])


REFUSALS = {
    "scales of the run": (
        dict(shape=["n", 2, "h", "w"], numbers={}, inputs=[("scales", "float32", 4)]),
        "its scales are known only when it runs, and the model does not declare the extent of axis 0 of its result",
    ),
    "scales of the run and of unknown number": (
        dict(shape=["n", 2, "h", "w"], numbers={}, inputs=[("scales", "float32", "k")]),
        "its scales are known only when it runs, and the model does not declare the extent of axis 0 of its result",
    ),
    "no region": (
        dict(
            shape=["n", 2, "h", "w"],
            numbers={"scales": np.float32([1, 1, 2, 2])},
            common={"coordinate_transformation_mode": "tf_crop_and_resize"},
        ),
        "its coordinates 'tf_crop_and_resize' need a roi",
    ),
    "a scale of 0": (
        dict(shape=["n", 2, "h", "w"], numbers={"scales": np.float32([1, 1, 0, 2])}),
        "its scale along axis 2 is not positive or absurd",
    ),
    "truth values": (
        dict(shape=[1, 2, 3, 3], numbers={"scales": np.float32([1, 1, 2, 2])}, dtype="bool"),
        "truth values cannot be interpolated; its mode can be 'nearest' only",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS)
def test_refused(strut_run, tmp_path, case):
    settings, text = REFUSALS[case]
    settings = {"common": {}} | settings
    (tmp_path / "m.onnx").write_bytes(model_of(["linear"], **settings).SerializeToString())
    done = strut_run("compile", tmp_path / "m.onnx", "-o", tmp_path / "m.so", code=None)
    assert done.returncode == 1 and text in done.stderr, done.stderr
    assert done.stderr.count("error:") == 1, done.stderr
    assert not (tmp_path / "m.so").exists()
