"""Quantisation to every type and granularity, and products of integers, against numpy."""

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import helper

from Execute.narrow import BITS, FLOATS, cast, dtype_of, model_of

SMALL = ("int8", "uint8", "int16", "uint16", "int4", "uint4", "int2", "uint2")


def bounds(dtype):
    if dtype in BITS:
        bits = BITS[dtype]
        return (0, 2**bits - 1) if dtype.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return np.iinfo(dtype).min, np.iinfo(dtype).max


def integers(rng, dtype, shape):
    least, most = bounds(dtype)
    return rng.integers(least, most, shape, endpoint=True).astype(np.int32).astype(dtype_of(dtype))


def amid(rng, dtype, shape):
    """Zero points near the middle of the type: far ones saturate all that sums over many products."""
    least, most = bounds(dtype)
    return ((least + most) // 2 + rng.integers(-20, 20, shape, endpoint=True)).astype(dtype)


def numbers(array):
    """Elements as float32, which holds all that are quantised."""
    return np.asarray(array).astype(np.float32) if array.dtype.kind != "V" else cast(array, "float32")


def quantised(quotients, zero, dtype):
    """`quotients` are float32, as the standard's."""
    if dtype in SMALL:
        return np.clip(np.rint(quotients) + numbers(zero), *bounds(dtype)).astype(np.int32)
    limit = float(ml_dtypes.finfo(dtype_of(dtype)).max)
    return cast(np.clip(quotients.astype(np.float64), -limit, limit), dtype)


def spread(parameter, granularity, extent):
    """A scale or zero point of (5, 12) or so as one for each element of (3, 5, 12)."""
    if granularity == "tensor":
        return parameter
    return parameter.reshape(1, -1, 1) if granularity == "axis" else np.repeat(parameter, 5, 2)[:, :, :extent]


@pytest.mark.parametrize("granularity", ["tensor", "axis", "blocks"])
@pytest.mark.parametrize("form", ["open", "constant"])
@pytest.mark.parametrize("extent", [1, 13, 0])
def test_quantize_and_back(compile_model, run_model, rng, granularity, form, extent):
    """To all types in one model; parameters of the run with open extents, or of the model."""
    shape = (3, 5, extent)
    blocks = -(-extent // 5)
    scales = {"tensor": (), "axis": (5,), "blocks": (3, 5, blocks)}[granularity]
    named = {"tensor": [], "axis": [5], "blocks": ["n", 5, "blocks"]}[granularity]
    if form == "constant" and extent == 0 and granularity == "blocks":
        pytest.skip("the standard has no constant without elements in blocks")
    x = rng.standard_normal(shape).astype(np.float32) * 8
    scale = rng.uniform(0.3, 2, scales).astype(np.float32)
    attrs = {} if granularity == "tensor" else {"axis": -2 if granularity == "axis" else 2}
    if granularity == "blocks":
        attrs["block_size"] = 5
    rows = 3 if form == "constant" and granularity == "blocks" else "n"  # as many as the scales have
    nodes, inputs, outputs, constants, feed, expected = [], [("x", "float32", [rows, 5, "m"])], [], [], {"x": x}, {}
    given = {"scale": ("float32", scale)}
    for dtype in (*SMALL, *FLOATS):
        if "float6" in dtype and form == "constant":
            continue  # the standard has no Constant of them
        zero = integers(rng, dtype, scales) if dtype in SMALL else np.zeros(scales).astype(dtype_of(dtype))
        given[f"zero_{dtype}"] = dtype, zero
        reads = ["scale", f"zero_{dtype}"]
        nodes.append(helper.make_node("QuantizeLinear", ["x", *reads], [f"q_{dtype}"], **attrs))
        nodes.append(helper.make_node("DequantizeLinear", [f"q_{dtype}", *reads], [f"y_{dtype}"], **attrs))
        outputs += [(f"q_{dtype}", dtype, [rows, 5, "m"]), (f"y_{dtype}", "float32", [rows, 5, "m"])]
        wide = spread(scale, granularity, extent)
        zeros = spread(zero, granularity, extent)
        q = quantised(x / wide, zeros, dtype)
        expected[f"q_{dtype}"] = q
        expected[f"y_{dtype}"] = (numbers(q) - numbers(zeros)) * wide
    for name, (dtype, array) in given.items():
        if form == "constant":
            constants.append((name, array))
        else:
            inputs.append((name, dtype, named))
            feed[name] = array
    got = run_model(compile_model(model_of(nodes, inputs, outputs, constants)), feed)
    for name, array in expected.items():
        ours = got[name]
        if name.startswith("q_"):
            ours = ours.view(dtype_of(name[2:]))
        np.testing.assert_array_equal(numbers(ours), numbers(array), name)


def test_quotients_are_rounded_to_their_precision(compile_model, run_model, rng):
    """A quotient that float16 rounds to a tie, then to even."""
    x, scale = np.array([2049.0, 2051.0, 1.0, 70000.0], np.float32), np.array(2.0, np.float32)
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], [name], precision=precision)
        for name, precision in (("half", onnx.TensorProto.FLOAT16), ("single", onnx.TensorProto.FLOAT), ("own", 0))
    ]
    outputs = [(name, "int16", [4]) for name in ("half", "single", "own")]
    model = model_of(nodes, [("x", "float32", [4])], outputs, [("scale", scale), ("zero", np.array(7, np.int16))])
    got = run_model(compile_model(model), {"x": x})
    single = np.clip(np.rint(x / scale), -32768, 32767) + 7
    with np.errstate(over="ignore"):
        half = np.rint((x / scale).astype(np.float16).astype(np.float32)) + 7
    np.testing.assert_array_equal(got["single"], np.clip(single, -32768, 32767))
    np.testing.assert_array_equal(got["own"], np.clip(single, -32768, 32767))
    np.testing.assert_array_equal(got["half"], np.clip(half, -32768, 32767))


def test_other_types_of_numbers_and_scales(compile_model, run_model, rng):
    """Integers quantised, scales that are powers of two, halves as results."""
    x = rng.integers(-5000, 5000, 37).astype(np.int32)
    powers = np.array([4.0]).astype(ml_dtypes.float8_e8m0fnu)
    f = helper.make_node
    nodes = [
        f("QuantizeLinear", ["x", "scale", "zero"], ["q"]),
        f("DequantizeLinear", ["q", "powers"], ["half"], output_dtype=onnx.TensorProto.FLOAT16),
        f("DequantizeLinear", ["x", "scale"], ["wide"]),
    ]
    outputs = [("q", "int8", ["n"]), ("half", "float16", ["n"]), ("wide", "float32", ["n"])]
    scale = np.array(37.5, np.float32)
    constants = [("scale", scale), ("zero", np.array(-3, np.int8)), ("powers", powers)]
    got = run_model(compile_model(model_of(nodes, [("x", "int32", ["n"])], outputs, constants)), {"x": x})
    q = np.clip(np.rint(x.astype(np.float32) / scale) - 3, -128, 127)
    np.testing.assert_array_equal(got["q"], q.astype(np.int8))
    np.testing.assert_array_equal(got["half"], (q * 4).astype(np.float16))
    np.testing.assert_array_equal(got["wide"], x.astype(np.float32) * scale)


def test_dynamic_quantisation(compile_model, run_model, rng):
    x = (rng.standard_normal((7, 13)) * 3 + 1).astype(np.float32)
    node = helper.make_node("DynamicQuantizeLinear", ["x"], ["y", "scale", "zero"])
    outputs = [("y", "uint8", ["n", "m"]), ("scale", "float32", []), ("zero", "uint8", [])]
    got = run_model(compile_model(model_of([node], [("x", "float32", ["n", "m"])], outputs)), {"x": x})
    low, high = min(x.min(), 0), max(x.max(), 0)
    scale = np.float32(high - low) / np.float32(255)
    zero = np.clip(np.rint(-low / scale), 0, 255)
    np.testing.assert_allclose(got["scale"], scale, rtol=1e-6)
    assert got["zero"] == zero
    np.testing.assert_array_equal(got["y"], np.clip(np.rint(x / scale) + zero, 0, 255))


# ---- products ----


def centred(array, zero):
    return array.astype(np.int64) - zero.astype(np.int64)


@pytest.mark.parametrize("types", [("uint8", "int8"), ("int8", "uint8")])
@pytest.mark.parametrize("depth", [1, 19, 257, 1031])
@pytest.mark.parametrize("form", ["open", "known", "constant"])
def test_integer_matrices(compile_model, run_model, rng, types, depth, form):
    """Extreme elements, so that sums leave what float32 holds; a zero point for each row and
    each column. The contracted extent is open, known, or one of weights."""
    a, b = (integers(rng, t, shape) for t, shape in zip(types, ((5, depth), (depth, 37))))
    a[0], b[:, 0] = bounds(types[0])[1], bounds(types[1])[1]
    za, zb = integers(rng, types[0], 5), integers(rng, types[1], 37)
    za[0], zb[0] = bounds(types[0])[0], bounds(types[1])[0]
    node = helper.make_node("MatMulInteger", ["a", "b", "za", "zb"], ["y"])
    k = "k" if form == "open" else depth
    inputs = [("a", types[0], ["n", k]), ("b", types[1], [k, "m"]), ("za", types[0], ["n"]), ("zb", types[1], ["m"])]
    given = {"a": a, "b": b, "za": za, "zb": zb}
    held = ("b", "zb") if form == "constant" else ()
    model = model_of(
        [node], [entry for entry in inputs if entry[0] not in held], [("y", "int32", ["n", "m"])],
        [(name, given.pop(name)) for name in held],
    )  # fmt: skip
    got = run_model(compile_model(model), given)["y"]
    np.testing.assert_array_equal(got, centred(a, za[:, None]) @ centred(b, zb))


def test_integer_matrices_in_batches(compile_model, run_model, rng):
    a, b = integers(rng, "int8", (2, 1, 3, 40)), integers(rng, "int8", (3, 40, 5))
    za, zb = integers(rng, "int8", (2, 1, 3, 1)), integers(rng, "int8", (3, 1, 5))
    node = helper.make_node("MatMulInteger", ["a", "b", "za", "zb"], ["y"])
    inputs = [("a", "int8", ["p", 1, "n", "k"]), ("b", "int8", [3, "k", 5]), ("za", "int8", ["p", 1, "n", 1])]
    model = model_of([node], inputs, [("y", "int32", ["p", 3, "n", 5])], [("zb", zb)])
    got = run_model(compile_model(model), {"a": a, "b": b, "za": za})["y"]
    np.testing.assert_array_equal(got, centred(a, za) @ centred(b, zb))


def test_sums_wrap_in_32_bits(compile_model, run_model):
    """40000 · 255 · 255 is more than 2^31."""
    a = np.full((1, 40000), 255, np.uint8)
    node = helper.make_node("MatMulInteger", ["a", "b"], ["y"])
    inputs = [("a", "uint8", ["n", 40000]), ("b", "uint8", [40000, 1])]
    got = run_model(compile_model(model_of([node], inputs, [("y", "int32", ["n", 1])])), {"a": a, "b": a.T.copy()})
    assert got["y"].item() == 40000 * 255 * 255 - 2**32


def near(got, exact, dtype):
    """The nearest integer, and at a tie, up to float32, either."""
    exact = np.clip(exact, *bounds(dtype))
    assert got.dtype == np.dtype(dtype)
    assert (np.abs(got.astype(np.float64) - exact) <= 0.5 + 1e-4).all()
    assert len(np.unique(got)) > 3  # a result that saturates everywhere shows nothing


@pytest.mark.parametrize("types", [("uint8", "int8", "uint8"), ("int8", "int8", "int8")])
@pytest.mark.parametrize("scales", ["float32", "float16"])
@pytest.mark.parametrize("form", ["open", "constant"])
def test_quantised_matrices(compile_model, run_model, rng, types, scales, form):
    a, b = integers(rng, types[0], (2, 7, 300)), integers(rng, types[1], (300, 11))
    za, zb = (amid(rng, t, s) for t, s in zip(types, ((), (11,))))
    zy = integers(rng, types[2], ())
    sa, sb = (rng.uniform(0.01, 0.02, s).astype(scales) for s in ((), (11,)))
    sy = np.array(1.5, scales)
    names = ("a", "sa", "za", "b", "sb", "zb", "sy", "zy")
    given = dict(zip(names, (a, sa, za, b, sb, zb, sy, zy)))
    shapes = {"a": ["p", "n", 300], "b": [300, 11], "sb": [11], "zb": [11]}
    held = names[1:] if form == "constant" else ()
    inputs = [(name, given[name].dtype.name, shapes.get(name, [])) for name in names if name not in held]
    model = model_of(
        [helper.make_node("QLinearMatMul", names, ["y"])], inputs, [("y", types[2], ["p", "n", 11])],
        [(name, given[name]) for name in held],
    )  # fmt: skip
    got = run_model(compile_model(model), {name: given[name] for name, *_ in inputs})["y"]
    # The factor is a number of the scales' type.
    factor = ((sa * sb) / sy).astype(scales).astype(np.float64)
    near(got, (centred(a, za) @ centred(b, zb)) * factor + zy, types[2])


def correlate(x, w, stride, pad, dilation, groups):
    """The convolution of int64 images by its definition."""
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    n, c, h, v = x.shape
    m, per, kh, kw = w.shape
    oh, ow = ((size - (k - 1) * dilation - 1) // stride + 1 for size, k in ((h, kh), (v, kw)))
    y = np.zeros((n, m, oh, ow), np.int64)
    for g in range(groups):
        rows = slice(g * m // groups, (g + 1) * m // groups)
        image = x[:, g * per : (g + 1) * per]
        for i in range(kh):
            for j in range(kw):
                top, left = i * dilation, j * dilation
                part = image[:, :, top : top + oh * stride : stride, left : left + ow * stride : stride]
                y[:, rows] += np.einsum("nchw,mc->nmhw", part[:, :, :oh, :ow], w[rows, :, i, j])
    return y


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("channels", [4, 96])
@pytest.mark.parametrize("form", ["open", "constant"])
def test_integer_convolutions(compile_model, run_model, rng, groups, channels, form):
    """Padding is the zero point, not 0."""
    x = integers(rng, "uint8", (2, channels, 9, 7))
    w = integers(rng, "int8", (6, channels // groups, 3, 3))
    x[0], w[0] = 255, 127
    zx, zw = np.array(3, np.uint8), integers(rng, "int8", 6)
    node = helper.make_node(
        "ConvInteger", ["x", "w", "zx", "zw"], ["y"], group=groups, pads=[1, 1, 1, 1], strides=[2, 2]
    )
    held = [("w", w), ("zx", zx), ("zw", zw)]
    inputs = [("x", "uint8", ["n", channels, "h", "v"])]
    if form == "open":
        inputs += [("w", "int8", [6, channels // groups, 3, 3]), ("zx", "uint8", []), ("zw", "int8", [6])]
    model = model_of([node], inputs, [("y", "int32", ["n", 6, None, None])], held if form == "constant" else ())
    feed = {"x": x, "w": w, "zx": zx, "zw": zw}
    got = run_model(compile_model(model), {name: feed[name] for name, *_ in inputs})["y"]
    expected = correlate(centred(x, zx), centred(w, zw.reshape(-1, 1, 1, 1)), 2, 1, 1, groups)
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("form", ["open", "constant"])
@pytest.mark.parametrize("bias", [True, False])
def test_quantised_convolutions(compile_model, run_model, rng, form, bias):
    x, w = integers(rng, "uint8", (1, 5, 8, 9)), integers(rng, "int8", (7, 5, 3, 3))
    values = {
        "x": x, "sx": np.array(0.02, np.float32), "zx": np.array(120, np.uint8),
        "w": w, "sw": rng.uniform(0.005, 0.02, 7).astype(np.float32), "zw": integers(rng, "int8", 7),
        "sy": np.array(0.4, np.float32), "zy": np.array(131, np.uint8),
        "B": rng.integers(-9000, 9000, 7).astype(np.int32),
    }  # fmt: skip
    if not bias:
        del values["B"]
    shapes = {"x": ["n", 5, "h", "v"], "w": [7, 5, 3, 3], "sw": [7], "zw": [7], "B": [7]}
    held = [name for name in values if name != "x"] if form == "constant" else []
    inputs = [(name, array.dtype.name, shapes.get(name, [])) for name, array in values.items() if name not in held]
    node = helper.make_node("QLinearConv", list(values), ["y"], pads=[2, 2, 2, 2], dilations=[2, 2])
    model = model_of(
        [node], inputs, [("y", "uint8", ["n", 7, None, None])], [(name, values[name]) for name in held]
    )
    got = run_model(compile_model(model), {name: values[name] for name, *_ in inputs})["y"]
    sums = correlate(centred(x, values["zx"]), centred(w, values["zw"].reshape(-1, 1, 1, 1)), 1, 2, 2, 1)
    if bias:
        sums += values["B"].reshape(-1, 1, 1)
    factor = (values["sx"] * values["sw"] / values["sy"]).astype(np.float64).reshape(-1, 1, 1)
    near(got, sums * factor + 131, "uint8")


def test_what_does_not_fit_is_refused(compile_model):
    node = helper.make_node("QuantizeLinear", ["x", "scale"], ["y"], axis=1)
    model = model_of([node], [("x", "float32", [2, 5])], [("y", "uint8", [2, 5])], [("scale", np.ones(3, np.float32))])
    with pytest.raises(AssertionError, match="its scale or zero point does not fit its input"):
        compile_model(model)
    node = helper.make_node("QuantizeLinear", ["x", "scale"], ["y"], precision=onnx.TensorProto.INT8)
    model = model_of([node], [("x", "float32", [2])], [("y", "uint8", [2])], [("scale", np.array(1, np.float32))])
    with pytest.raises(AssertionError, match="its precision is no type of floats"):
        compile_model(model)
