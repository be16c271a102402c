"""Elements of 8, 6, 4 and 2 bits, against ml_dtypes, which computes conversions in C++ of its own."""

import ml_dtypes
import numpy as np
import pytest
from onnx import helper, numpy_helper

from Execute.narrow import BITS, FLOATS, INTEGERS, cast, dtype_of, model_of, tensor_type, values_of

def cast_model(casts, extent="n", constants=()):
    """One Cast for each (input, its type, output, its type, attributes)."""
    inputs = {x: dtype for x, dtype, *_ in casts}
    held = {name for name, _ in constants}
    return model_of(
        [helper.make_node("Cast", [x], [y], to=tensor_type(to), **attrs) for x, _, y, to, attrs in casts],
        [(x, dtype, [extent]) for x, dtype in inputs.items() if x not in held],
        [(y, to, [extent]) for _, _, y, to, _ in casts],
        constants,
    )


def assert_same(got, expected, what):
    """The same bits, but that any NaN is as good as another."""
    expected = np.asarray(expected)
    got = got.view(expected.dtype) if got.dtype.kind == "V" else got
    assert got.dtype == expected.dtype, what
    if expected.dtype.kind in "iub" or expected.dtype.name in INTEGERS:
        wrong = got != expected
    else:
        a, b = got.astype(np.float64), expected.astype(np.float64)
        wrong = ~((np.isnan(a) & np.isnan(b)) | ((a == b) & (np.signbit(a) == np.signbit(b))))
    assert not wrong.any(), (what, got[wrong][:5], expected[wrong][:5])


@pytest.mark.parametrize("form", ["input", "constant"])
def test_all_elements_to_wide_types(compile_model, run_model, form):
    """Each code of each type, as an input of any extent and as a constant that a file packs."""
    # The standard has no Constant of float6.
    narrow = [name for name in FLOATS + INTEGERS if form == "input" or "float6" not in name]
    held = [(name, values_of(name)) for name in narrow] if form == "constant" else []
    casts = [(name, name, f"{name}_{to}", to, {}) for name in narrow for to in ("float32", "float16", "float64")]
    casts += [(name, name, f"{name}_{to}", to, {}) for name in INTEGERS for to in ("int8", "uint64", "bool")]
    model = cast_model(casts, None, held)
    for value in model.graph.input:
        value.type.tensor_type.shape.dim[0].dim_param = value.name
    got = run_model(compile_model(model), {} if held else {name: values_of(name) for name in narrow})
    for name, _, y, to, _ in casts:
        x = values_of(name)
        # ml_dtypes has no integers of 64 bits from 4; through int32 the signs stay.
        expected = cast(cast(x, "int32") if name in INTEGERS else x, to)
        assert_same(got[y], expected, y)


def samples(rng, dtype, target):
    """Random numbers of all magnitudes, the neighbourhood of every value of the target and of
    every tie, and what is special."""
    held = cast(values_of(target), "float64")
    held = np.unique(held[np.isfinite(held)])
    ties = (held[1:] + held[:-1]) / 2
    near = [ties * (1 + step * 2.0**-22) for step in (-1, 0, 1)]
    magnitudes = rng.standard_normal(2001) * 2.0 ** rng.integers(-30, 30, 2001)
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-40, 464.0, 465.0, 61440.0, 248.0, 1e30, 2**31, -(2**33)]
    return cast(np.concatenate([held, *near, magnitudes, special]), dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_floats_to_narrow_floats(compile_model, run_model, rng, dtype):
    casts, inputs, expected = [], {}, {}
    for to in FLOATS:
        x = inputs[to] = samples(rng, dtype, to)
        for saturate in (1, 0) if to.startswith("float8") else (1,):
            casts.append((to, dtype, f"{to}_{saturate}", to, {"saturate": saturate}))
            limit = float(ml_dtypes.finfo(dtype_of(to)).max)
            # The clipped number is exact in float64 and is rounded once.
            clipped = np.clip(cast(x, "float64"), -limit, limit) if saturate else cast(x, "float64")
            expected[f"{to}_{saturate}"] = cast(clipped, to)
    model = cast_model(casts, None)
    for value in model.graph.input:
        value.type.tensor_type.shape.dim[0].dim_param = value.name
    got = run_model(compile_model(model), inputs)
    for name, array in expected.items():
        assert_same(got[name], array, (dtype, name))


def test_a_double_is_rounded_once(compile_model, run_model):
    """Just above a tie, and on it once rounded to float32."""
    x = np.array([1.0625 + 2.0**-40, 1.0625, 1.1875 - 2.0**-40, 1.1875])
    model = cast_model([("x", "float64", "y", "float8_e4m3fn", {})])
    got = run_model(compile_model(model), {"x": x})["y"]
    assert_same(got, np.array([1.125, 1.0, 1.125, 1.25]).astype(ml_dtypes.float8_e4m3fn), "y")


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64", "uint64", "bool"])
def test_integers_to_narrow_floats(compile_model, run_model, rng, dtype):
    info = np.iinfo(dtype) if dtype != "bool" else None
    x = rng.integers(0, 2, 67).astype(bool) if info is None else rng.integers(info.min, info.max, 67, dtype, endpoint=True)
    if info is not None:
        x[:9] = [0, 1, 17, 18, 19, 100, 120, 125, 127]
    casts = [("x", dtype, to, to, {}) for to in FLOATS]
    got = run_model(compile_model(cast_model(casts)), {"x": x})
    for to in FLOATS:
        limit = float(ml_dtypes.finfo(dtype_of(to)).max)
        assert_same(got[to], cast(np.clip(x.astype(np.float64), -limit, limit), to), (dtype, to))


@pytest.mark.parametrize("dtype", ["float32", "int8", "uint8", "int64", "bool"])
def test_wide_to_narrow_integers(compile_model, run_model, rng, dtype):
    """What does not fit loses its high bits; floats are cut off first."""
    if dtype == "float32":
        x = rng.uniform(-20, 20, 71).astype(dtype)
    else:
        x = rng.integers(-9, 16, 71).astype(dtype)
    casts = [("x", dtype, to, to, {}) for to in INTEGERS]
    got = run_model(compile_model(cast_model(casts)), {"x": x})
    for to in INTEGERS:
        bits, signed = BITS[to], not to.startswith("u")
        number = np.trunc(x).astype(np.int64) & (2**bits - 1)
        number -= (2**bits) * (signed & (number >= 2 ** (bits - 1)))
        np.testing.assert_array_equal(got[to].view(dtype_of(to)).astype(np.int64), number, to)


@pytest.mark.parametrize("mode", ["up", "down", "nearest"])
@pytest.mark.parametrize("saturate", [1, 0])
def test_powers_of_two(compile_model, run_model, rng, mode, saturate):
    """float8e8m0 holds 2^-127 to 2^127 and NaN."""
    power = rng.integers(-126, 127, 301)
    fraction = rng.choice([1.0, 1 + 2.0**-23, 1.25, 1.5 - 2.0**-23, 1.5, 1.75, 2 - 2.0**-23], 301)
    x = (fraction * 2.0**power).astype(np.float32)
    edges = np.array([2.0**-127, 2.0**-127 * 1.25, 2.0**-127 * 1.5, 2.0**-130, 0, 3e38, np.inf, np.nan], np.float32)
    lift = {"up": lambda f: f > 1, "down": lambda f: f > 9, "nearest": lambda f: f >= 1.5}[mode]
    codes = power + lift(fraction) + 127
    codes = np.where(codes > 254, 254 if saturate else 255, codes)
    over = 254 if saturate or mode == "down" else 255
    below = 0 if saturate else 255
    at_edges = [0, int(mode == "up"), int(mode != "down"), below, below, over, 254 if saturate else 255, 255]
    attrs = {"round_mode": mode, "saturate": saturate}
    model = cast_model(
        [("x", "float32", "y", "float8_e8m0fnu", attrs), ("d", "float64", "z", "float8_e8m0fnu", attrs)]
    )
    x = np.concatenate([x, edges])
    got = run_model(compile_model(model), {"x": x, "d": x.astype(np.float64)})
    for name in ("y", "z"):
        np.testing.assert_array_equal(got[name].view(np.uint8), [*codes, *at_edges], name)


def test_powers_of_two_to_floats(compile_model, run_model):
    codes = np.arange(256, dtype=np.uint8).view(ml_dtypes.float8_e8m0fnu)
    casts = [("x", "float8_e8m0fnu", to, to, {}) for to in ("float32", "float64", "bfloat16")]
    got = run_model(compile_model(cast_model(casts)), {"x": codes})
    for _, _, to, _, _ in casts:
        assert_same(got[to], cast(codes, to), to)


@pytest.mark.parametrize("extent", [0, 1, 13, 64, 257])
def test_narrow_to_narrow_at_any_extent(compile_model, run_model, rng, extent):
    pairs = [("float8_e4m3fn", "float8_e5m2"), ("float8_e5m2fnuz", "int4"), ("uint4", "float4_e2m1fn"), ("int2", "uint4")]
    casts = [(f"x{i}", a, f"y{i}", b, {}) for i, (a, b) in enumerate(pairs)]
    inputs = {}
    for x, a, *_ in casts:
        held = values_of(a)
        finite = held[np.isfinite(held.astype(np.float32)) & (np.abs(held.astype(np.float32)) < 8)]
        inputs[x] = rng.choice(finite.view(np.uint8), extent).view(held.dtype)
    got = run_model(compile_model(cast_model(casts)), inputs)
    for x, a, y, b, _ in casts:
        wide = inputs[x].astype(np.float32)
        if b in INTEGERS:
            expected = (wide.astype(np.int32) % 16).astype(np.uint8) if b == "uint4" else wide.astype(np.int32)
            expected = cast(expected, b)
        else:
            expected = cast(wide, b)
        assert_same(got[y], expected, (a, b))


@pytest.mark.parametrize("name", ["float8_e5m2", "float4_e2m1fn", "int4", "uint2"])
def test_moves_keep_elements(compile_model, run_model, rng, name):
    """Whatever only moves elements, of a constant too large for an attribute."""
    held = values_of(name)
    table = rng.choice(held.view(np.uint8), (129, 130)).view(held.dtype)
    x = rng.choice(held.view(np.uint8), (3, 7)).view(held.dtype)
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[1, 0]),
        helper.make_node("Reshape", ["t", "flat"], ["moved"]),
        helper.make_node("Transpose", ["table"], ["turned"], perm=[1, 0]),
        helper.make_node("Identity", ["x"], ["same"]),
        helper.make_node("Pad", ["x", "pads"], ["padded"]),
        helper.make_node("ConstantOfShape", ["pads"], ["filled"], value=numpy_helper.from_array(held[3:4])),
    ]
    outputs = [("moved", name, [None]), *((y, name, [None, None]) for y in ("turned", "same", "padded"))]
    outputs.append(("filled", name, [None] * 4))
    constants = [("table", table), ("flat", np.array([-1])), ("pads", np.array([1, 1, 3, 2]))]
    model = model_of(nodes, [("x", name, ["n", "m"])], outputs, constants)
    got = run_model(compile_model(model), {"x": x})
    bits = {key: array.view(np.uint8) for key, array in got.items()}
    np.testing.assert_array_equal(bits["moved"], x.view(np.uint8).T.reshape(-1))
    np.testing.assert_array_equal(bits["turned"], table.view(np.uint8).T)
    np.testing.assert_array_equal(bits["same"], x.view(np.uint8))
    np.testing.assert_array_equal(bits["padded"], np.pad(x.view(np.uint8), ((1, 3), (1, 2))))
    np.testing.assert_array_equal(bits["filled"], np.full((1, 1, 3, 2), held[3].view(np.uint8)))


def test_nan_and_infinity(compile_model, run_model):
    narrow = [name for name in FLOATS if "float8" in name]
    kinds = {"IsNaN": np.isnan, "IsInf": np.isinf}
    model = model_of(
        [helper.make_node(kind, [name], [f"{kind}_{name}"]) for kind in kinds for name in narrow],
        [(name, name, [name]) for name in narrow],
        [(f"{kind}_{name}", "bool", [name]) for kind in kinds for name in narrow],
    )
    got = run_model(compile_model(model), {name: values_of(name) for name in narrow})
    for kind, of in kinds.items():
        for name in narrow:
            np.testing.assert_array_equal(got[f"{kind}_{name}"], of(values_of(name).astype(np.float32)), name)


def test_bits_above_an_element_say_nothing(compile_model, run_model):
    x = np.array([0x7F, 0xF8, 0x13], np.uint8)
    model = cast_model([("x", "int4", "y", "int32", {}), ("u", "uint2", "z", "int32", {})])
    got = run_model(compile_model(model), {"x": x, "u": x})
    np.testing.assert_array_equal(got["y"], [-1, -8, 3])
    np.testing.assert_array_equal(got["z"], [3, 0, 3])


def test_arrays_of_python(compile_model, load):
    """ml_dtypes' arrays go in and come out; bytes of no type do not."""
    model = load(compile_model(cast_model([("x", "float8_e4m3fn", "y", "int4", {})])))
    assert model.inputs[0].dtype == "float8_e4m3fn" and model.outputs[0].dtype == "int4"
    x = np.array([1, -3, 7], ml_dtypes.float8_e4m3fn)
    y = model(x)
    assert y.dtype == ml_dtypes.int4 and y.tolist() == [1, -3, 7]
    for wrong in (x.view(np.uint8), x.astype(ml_dtypes.float8_e5m2), x.astype(np.float32)):
        with pytest.raises(ValueError, match="the model's is float8_e4m3fn"):
            model(wrong)
    with pytest.raises(ValueError, match="must be an array: its dtype is float8_e4m3fn"):
        model([1.0])


def test_a_header_takes_bytes(compile_model):
    header = compile_model(cast_model([("x", "float8_e4m3fn", "y", "int4", {})])).with_suffix(".h").read_text()
    assert "_tensor_x(uint8_t *data" in header and "_tensor_y(uint8_t *data" in header
    assert "\"x\": float8_e4m3fn [n]" in header and "\"y\": int4 [n]" in header


def test_an_unknown_rounding_is_refused(compile_model):
    with pytest.raises(AssertionError, match="round_mode is not one of 'up', 'down' and 'nearest'"):
        compile_model(cast_model([("x", "float32", "y", "float8_e8m0fnu", {"round_mode": "sideways"})]))
