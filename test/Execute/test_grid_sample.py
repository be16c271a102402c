"""GridSample in all modes, against its formulas in float64: places inside, at, and far outside of the
borders, images of one element along an axis, lines, images and volumes of any extent."""

import itertools

import numpy as np
import pytest
from onnx import helper


def reflected(place, low, high):
    span = high - low
    if span == 0:
        return np.zeros_like(place)
    times, rest = np.divmod(np.abs(place - low), span)
    back = low + np.where(times % 2 == 0, rest, span - rest)
    return np.where((place < low) | (high < place), back, place)


def keys(x, a=-0.75):
    """The piecewise cubic of Keys."""
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


def neighbours(coordinate, size, mode, padding, align):
    """Pairs of numbers (-1 for none) and weights along one axis."""
    low, high = (0, size - 1) if align else (-0.5, size - 0.5)
    place = (coordinate + 1) / 2 * (size - 1) if align else ((coordinate + 1) * size - 1) / 2
    if mode == "nearest":
        place = np.rint(place)
    if padding == "border":
        place = np.where((place < low) | (high < place), np.clip(place, 0, size - 1), place)
    elif padding == "reflection":
        place = reflected(place, low, high)
    first = np.floor(place)
    for tap in {"nearest": [0], "linear": [0, 1], "cubic": [-1, 0, 1, 2]}[mode]:
        number = first + tap
        distance = number - place
        weight = {"nearest": np.ones_like, "linear": lambda d: 1 - np.abs(d), "cubic": keys}[mode](distance)
        if padding == "reflection":
            number = reflected(number, low, high)
        if padding == "zeros":
            number = np.where((number < 0) | (number > size - 1), -1, number)
        else:
            number = np.clip(number, 0, size - 1)
        yield number.astype(np.int64), weight


def grid_sample(x, grid, mode, padding, align):
    """x[n, c, ...] sampled at grid[n, ..., axes] in float64."""
    x, grid = x.astype(np.float64), grid.astype(np.float64)
    axes = grid.shape[-1]
    along = [list(neighbours(grid[..., axes - 1 - i], x.shape[2 + i], mode, padding, align)) for i in range(axes)]
    result = np.zeros((*x.shape[:2], *grid.shape[1:-1]))
    for taps in itertools.product(*along):
        inside = np.all([number >= 0 for number, _ in taps], axis=0)
        weight = np.prod([weight for _, weight in taps], axis=0)
        for n in range(len(x)):
            at = tuple(np.maximum(number[n], 0) for number, _ in taps)
            result[n] += np.where(inside[n], x[n][:, *at], 0) * weight[n]
    return result


def value(name, dtype, shape):
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)


SETTINGS = list(itertools.product(["nearest", "linear", "cubic"], ["zeros", "border", "reflection"], [0, 1]))


def model_of(image, grid, settings=SETTINGS, dtype="float32", version=20):
    """y<i> = GridSample(x, grid) for each of the settings."""
    nodes, outputs = [], []
    for i, (mode, padding, align) in enumerate(settings):
        attributes = {"mode": mode, "padding_mode": padding, "align_corners": align}
        nodes.append(helper.make_node("GridSample", ["x", "grid"], [f"y{i}"], f"sample{i}", **attributes))
        outputs.append(value(f"y{i}", dtype, [None] * len(image)))
    inputs = [value("x", dtype, image), value("grid", "float32", grid)]
    graph = helper.make_graph(nodes, "samples", inputs, outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", version)], ir_version=9)


@pytest.fixture
def check(compile_model, load, assert_close):
    def check(model, feeds, settings=SETTINGS, dtype="float32"):
        library = load(compile_model(model))
        for x, grid in feeds:
            got = library.run({"x": x, "grid": grid})
            for i, (mode, padding, align) in enumerate(settings):
                exact = grid_sample(x, grid, mode.removeprefix("bi"), padding, align)
                if x.dtype.kind not in "f":
                    exact = exact.astype(x.dtype)
                assert_close(got[f"y{i}"], exact, dtype, f"{mode} {padding} {align} of {x.shape} at {grid.shape}")

    return check


def places(rng, *shape):
    """Most are inside; some far outside, and some at borders and between two elements."""
    grid = rng.uniform(-1.3, 1.3, shape).astype(np.float32)
    grid[rng.random(shape) < 0.1] *= 5
    exact = rng.random(shape) < 0.1
    grid[exact] = rng.integers(-4, 5, shape)[exact] / 4
    return grid


def test_images(check, rng):
    """Of dimensions that the run brings."""
    model = model_of(["n", "c", "h", "w"], ["n", "i", "j", 2])
    shapes = [((2, 3, 5, 8), (7, 19)), ((1, 1, 4, 4), (1, 1)), ((1, 17, 1, 7), (3, 5)), ((3, 2, 6, 1), (2, 33))]
    check(model, [(rng.standard_normal(x, np.float32), places(rng, x[0], *at, 2)) for x, at in shapes])


def test_images_of_known_extents(check, rng):
    model = model_of([2, 20, 7, 9], [2, 5, 6, 2])
    check(model, [(rng.standard_normal((2, 20, 7, 9), np.float32), places(rng, 2, 5, 6, 2))])


def test_volumes_and_lines(check, rng):
    settings = [s for s in SETTINGS if s[0] != "cubic" or s[2]]
    model = model_of(["n", 3, "d", "h", "w"], ["n", "i", "j", "k", 3], settings)
    shapes = [((2, 3, 3, 5, 4), (2, 3, 17)), ((1, 3, 1, 2, 6), (1, 1, 2))]
    feeds = [(rng.standard_normal(x, np.float32), places(rng, x[0], *at, 3)) for x, at in shapes]
    check(model, feeds, settings)
    check(model_of(["n", 2, "w"], ["n", "i", 1]), [(rng.standard_normal((3, 2, 11), np.float32), places(rng, 3, 21, 1))])


def test_names_of_version_16(check, rng):
    settings = [("bilinear", "zeros", 1), ("bicubic", "border", 0), ("nearest", "reflection", 0)]
    model = model_of(["n", 2, "h", "w"], ["n", "i", "j", 2], settings, version=16)
    check(model, [(rng.standard_normal((2, 2, 6, 5), np.float32), places(rng, 2, 3, 4, 2))], settings)


@pytest.mark.parametrize("dtype", ["float64", "float16", "int64", "uint8", "bool"])
def test_elements(check, rng, dtype):
    settings = [s for s in SETTINGS if dtype.startswith("float") or s[0] == "nearest"]
    model = model_of(["n", 2, "h", "w"], ["n", "i", "j", 2], settings, dtype)
    x = rng.standard_normal((2, 2, 5, 6)) if dtype.startswith("float") else rng.integers(0, 2, (2, 2, 5, 6)) * 200
    check(model, [(x.astype(dtype), places(rng, 2, 3, 21, 2))], settings, dtype)


def test_nothing_and_no_number(compile_model, load):
    """No image, no place; a place that is no number reads nothing that is not the image's."""
    library = load(compile_model(model_of(["n", 2, "h", "w"], ["n", "i", "j", 2])))
    for n, i in [(0, 3), (2, 0)]:
        got = library.run({"x": np.ones((n, 2, 4, 4), np.float32), "grid": np.zeros((n, i, 5, 2), np.float32)})
        assert {array.shape for array in got.values()} == {(n, 2, i, 5)}
    for bad in (np.nan, np.inf, -np.inf, 1e30):
        grid = np.full((1, 2, 3, 2), bad, np.float32)
        for array in library.run({"x": np.ones((1, 2, 4, 4), np.float32), "grid": grid}).values():
            assert np.all(np.isnan(array) | (np.abs(array) <= 1e3))


def test_a_run_tells_how_many_coordinates(compile_model, load, rng):
    model = model_of(["n", 2, "h", "w"], ["n", "i", "j", "k"], SETTINGS[:1])
    library = load(compile_model(model))
    fixed = load(compile_model(model_of(["n", 2, "h", "w"], ["n", "i", "j", 2], SETTINGS[:1])))
    x, grid = rng.standard_normal((1, 2, 5, 4), np.float32), rng.uniform(-1, 1, (1, 3, 2, 2)).astype(np.float32)
    for name, array in fixed.run({"x": x, "grid": grid}).items():
        np.testing.assert_array_equal(library.run({"x": x, "grid": grid})[name], array)
    with pytest.raises(Exception, match="its grid has not 2 coordinates for each place"):
        library.run({"x": x, "grid": np.zeros((1, 3, 2, 3), np.float32)})


def test_an_infinite_border_is_not_padding(compile_model, load):
    """Beyond the border there is 0, not 0 times what is at the border."""
    settings = [("linear", "zeros", 1), ("cubic", "zeros", 0)]
    library = load(compile_model(model_of([1, 1, 2, 2], [1, 1, 1, 2], settings)))
    got = library.run({"x": np.full((1, 1, 2, 2), np.inf, np.float32), "grid": np.full((1, 1, 1, 2), 9, np.float32)})
    for array in got.values():
        np.testing.assert_array_equal(array, 0)


def test_as_many_grids_as_images(compile_model, load):
    library = load(compile_model(model_of(["n", 2, "h", "w"], ["m", "i", "j", 2], SETTINGS[:1])))
    x = np.ones((3, 2, 4, 5), np.float32)
    assert next(iter(library.run({"x": x, "grid": np.zeros((3, 1, 2, 2), np.float32)}).values())).shape == (3, 2, 1, 2)
    with pytest.raises(ValueError, match="'sample0': extents that have to be equal are not, which depend on n, m"):
        library.run({"x": x, "grid": np.zeros((2, 1, 2, 2), np.float32)})
