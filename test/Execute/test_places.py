"""What is read and written at computed places, and what is put in order: the sizes at which work
is cut into tasks, ties, repetitions, and the spellings of exporters."""

import ml_dtypes
import numpy as np
import onnx.parser
import pytest

HEAD = '<ir_version: 9, opset_import: ["" : {}]>\n'


@pytest.fixture
def load(compile_model):
    """load(text, opset=20): the model as the Python package runs it."""
    import strut

    def load(text, opset=20):
        model = onnx.parser.parse_model(HEAD.format(opset) + text)
        return strut.load(str(compile_model(model)), threads=2)

    return load


# ---- Scatters ----


def add_at(data, axis, indices, updates):
    expected = data.astype(np.float64)
    np.add.at(np.moveaxis(expected, axis, 0), indices, np.moveaxis(updates, axis, 0).astype(np.float64))
    return expected


def test_rows_are_added(load, rng, assert_close):
    """Rows of one and of two axes, as wide as a task and a little more; places that meet."""
    run = load("""
    g (float[n, m] x, int64[k, 1] i, float[k, m] u, float[n, p, q] v, float[k, p, q] w)
        => (float[n, m] nd, float[n, m] elements, float[n, p, q] planes) {
      nd = ScatterND <reduction = "add"> (x, i, u)
      shape = Shape(u)
      repeated = Expand(i, shape)
      elements = ScatterElements <axis = 0, reduction = "add"> (x, repeated, u)
      planes = ScatterND <reduction = "add"> (v, i, w)
    }
    """).run
    for n, k, m, p, q in [(5, 9, 1, 1, 1), (3, 4, 63, 2, 7), (7, 3, 64, 5, 1), (1, 6, 65, 3, 8), (4, 0, 130, 1, 9), (6, 5, 0, 0, 3)]:
        i = rng.integers(0, n, k)
        x, u, v, w = (rng.standard_normal(s, np.float32) for s in ((n, m), (k, m), (n, p, q), (k, p, q)))
        got = run({"x": x, "i": i[:, None], "u": u, "v": v, "w": w})
        assert_close(got["nd"], add_at(x, 0, i, u))
        assert_close(got["elements"], add_at(x, 0, i, u))
        assert_close(got["planes"], add_at(v, 0, i, w))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_elements_along_each_axis(load, rng, axis):
    """An index of its own for every update, of which there are fewer than elements along all axes."""
    run = load(f"""
    g (float[a, b, c] x, int64[d, e, f] i, float[d, e, f] u) => (float[a, b, c] y) {{
      y = ScatterElements <axis = {axis}> (x, i, u)
    }}
    """.replace("[d, e, f]", "[3, 2, 5]").replace("[a, b, c]", "[4, 3, 70]")).run
    x, u = rng.standard_normal((4, 3, 70), np.float32), rng.standard_normal((3, 2, 5), np.float32)
    i = np.argsort(rng.random((4, 3, 70)), axis)[:3, :2, :5]
    expected = x.copy()
    for place in np.ndindex(i.shape):
        at = list(place)
        at[axis] = i[place]
        expected[tuple(at)] = u[place]
    np.testing.assert_array_equal(run({"x": x, "i": i, "u": u})["y"], expected)


def test_two_indices(load, rng, assert_close):
    """x[i, j] and x[i, j] = v as torch writes them: what is shorter than the others is repeated,
    and which that is only the run tells."""
    run = load("""
    g (float[a, b, 4] x, int64[n] i, int64[m] j, float[k, 4] v)
        => (float[r, 4] read, float[a, b, 4] written, float[a, b, 4] added)
    <int64[1] four = {4}, int64[1] last = {-1}> {
      ni = Shape(i)  nj = Shape(j)
      most = Max(ni, nj)
      wi = Expand(i, most)  wj = Expand(j, most)
      ci = Unsqueeze(wi, last)  cj = Unsqueeze(wj, last)
      places = Concat <axis = -1> (ci, cj)
      shape = Concat <axis = 0> (most, four)
      rows = Expand(v, shape)
      read = GatherND(x, places)
      written = ScatterND(x, places, rows)
      added = ScatterND <reduction = "add"> (x, places, rows)
    }
    """).run
    for n, m, k in [(3, 3, 3), (1, 5, 5), (4, 1, 1), (1, 1, 1), (7, 7, 1)]:
        x, v = rng.standard_normal((9, 8, 4), np.float32), rng.standard_normal((k, 4), np.float32)
        i, j = rng.integers(0, 9, n), rng.integers(0, 8, m)
        got = run({"x": x, "i": i, "j": j, "v": v})
        written, added = x.copy(), x.astype(np.float64)
        for row, (a, b) in enumerate(np.broadcast(i, j)):
            written[a, b] = v[row % k]
            added[a, b] += v[row % k]
        np.testing.assert_array_equal(got["read"], x[i, j])
        np.testing.assert_array_equal(got["written"], written)
        assert_close(got["added"], added)
    with pytest.raises(ValueError, match="axis 0 of its input has neither 1 element nor as many"):
        run({"x": x, "i": i[:2], "j": j[:3], "v": v})


def test_slice_assignment_at_a_position(load, rng):
    """x[:, p : p + n] = v, by rows of the turned tensor."""
    run = load("""
    g (float[b, s, 4] x, int64 p, float[b, n, 4] v) => (float[b, s, 4] y)
    <int64[1] last = {-1}, int64 one = {1}> {
      length = Shape <start = 1, end = 2> (v)
      none = Constant <value = int64[0] {}> ()
      n = Reshape(length, none)
      end = Add(p, n)
      rows = Range(p, end, one)
      places = Unsqueeze(rows, last)
      turned = Transpose <perm = [1, 0, 2]> (x)
      values = Transpose <perm = [1, 0, 2]> (v)
      done = ScatterND(turned, places, values)
      y = Transpose <perm = [1, 0, 2]> (done)
    }
    """).run
    for b, s, n, p in [(3, 8, 2, 3), (1, 5, 5, 0), (2, 9, 1, 8), (2, 4, 0, 1)]:
        x, v = rng.standard_normal((b, s, 4), np.float32), rng.standard_normal((b, n, 4), np.float32)
        expected = x.copy()
        expected[:, p : p + n] = v
        np.testing.assert_array_equal(run({"x": x, "p": np.array(p), "v": v})["y"], expected)


# ---- Running sums ----


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_running_sums_and_products(load, rng, assert_close, axis):
    run = load(f"""
    g (float[a, b, c] x, int32[a, b, c] k) => (float[a, b, c] sums, int32[a, b, c] back)
    <int64 axis = {{{axis}}}> {{
      sums = CumSum(x, axis)
      back = CumSum <reverse = 1, exclusive = 1> (k, axis)
    }}
    """).run
    for shape in [(3, 5, 1), (2, 7, 64), (1, 3, 65), (4, 1, 33), (0, 3, 2), (2, 0, 3), (17, 2, 130)]:
        x, k = rng.standard_normal(shape, np.float32), rng.integers(-9, 9, shape, np.int32)
        got = run({"x": x, "k": k})
        assert_close(got["sums"], x.astype(np.float64).cumsum(axis))
        turned = np.flip(k, axis)
        np.testing.assert_array_equal(got["back"], np.flip(turned.cumsum(axis) - turned, axis))


# ---- Order ----


@pytest.mark.parametrize("axis, largest", [(0, 1), (1, 0), (-1, 1)])
def test_the_best(load, rng, axis, largest):
    """Ties go by place, NaN is the largest; rows that come in their worst order."""
    length, counts = 40, (0, 1, 7, 40)
    shape = ["a", "b", "c"]
    shape[axis] = str(length)
    outputs = ", ".join(f"float[p{k}, q{k}, r{k}] y{k}, int64[p{k}, q{k}, r{k}] i{k}" for k in counts)
    nodes = "\n".join(f"y{k}, i{k} = TopK <axis = {axis}, largest = {largest}> (x, k{k})" for k in counts)
    constants = ", ".join(f"int64[1] k{k} = {{{k}}}" for k in counts)
    run = load(f"g (float[{', '.join(shape)}] x) => ({outputs}) <{constants}> {{ {nodes} }}").run
    for others in [(7, 9), (1, 1), (0, 3), (2, 33)]:
        extents = list(others)
        extents.insert(axis % 3, length)
        x = rng.integers(-20, 20, extents).astype(np.float32)
        x[rng.random(extents) < 0.1] = np.nan
        for values in (x, np.sort(x, axis), np.flip(np.sort(x, axis), axis)):
            key = np.where(np.isnan(values), np.inf, values)
            order = np.argsort(-key if largest else key, axis, kind="stable")
            got = run({"x": values})
            for k in counts:
                best = order.take(np.arange(k), axis)
                np.testing.assert_array_equal(got[f"i{k}"], best)
                np.testing.assert_array_equal(got[f"y{k}"], np.take_along_axis(values, best, axis))


@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("is_sorted", [1, 0])
def test_unique(load, rng, axis, is_sorted):
    attributes = f"sorted = {is_sorted}" + ("" if axis is None else f", axis = {axis}")
    shape = "k" if axis is None else ["k, m", "n, k"][axis]
    run = load(f"""
    g (float[n, m] x) => (float[{shape}] y, int64[k] first, int64[l] inverse, int64[k] counts) {{
      y, first, inverse, counts = Unique <{attributes}> (x)
    }}
    """).run
    for n, m in [(5, 3), (1, 1), (23, 2), (2, 31), (0, 3)]:
        x = rng.integers(-2, 2, (n, m)).astype(np.float32)
        y, first, inverse, counts = np.unique(x, True, True, True, axis=axis)
        inverse = inverse.reshape(-1)
        if not is_sorted:
            order = np.argsort(first)
            y, first, counts = y.take(order, axis or 0), first[order], counts[order]
            inverse = np.argsort(order)[inverse]
        got = run({"x": x})
        for name, expected in {"y": y, "first": first, "inverse": inverse, "counts": counts}.items():
            np.testing.assert_array_equal(got[name], expected, err_msg=f"{name} of {n} x {m}")


def test_unique_integers_and_nan(load, rng):
    run = load("""
    g (int64[n] x, float[n] f) => (int64[k] y, float[l] z) { y = Unique(x)  z = Unique(f) }
    """).run
    f = np.float32([np.nan, 2, -np.inf, np.nan, 2, np.inf])
    got = run({"x": np.int64([2**62, 3, -(2**62), 3, 3, 0]), "f": f})
    np.testing.assert_array_equal(got["y"], [-(2**62), 0, 3, 2**62])
    np.testing.assert_array_equal(got["z"], [-np.inf, 2, np.inf, np.nan])


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_halves(load, rng, dtype):
    """Lanes of two bytes that are read one by one, which no machine here has instructions for."""
    run = load(f"""
    g ({dtype}[n, m] x, int64[n, m] i, int64[m] lengths) => ({dtype}[n, m] y, {dtype}[n, m] z, {dtype}[k, m] u) {{
      y = GatherElements <axis = 0> (x, i)
      z = ReverseSequence <time_axis = 0, batch_axis = 1> (x, lengths)
      u = Unique <axis = 0> (x)
    }}
    """, opset=28).run  # before, Unique took no bf16
    for n, m in [(5, 13), (1, 1), (17, 40)]:
        x = rng.integers(-3, 3, (n, m)).astype(np.float32)
        i, lengths = rng.integers(0, n, (n, m)), rng.integers(0, n + 1, m)
        turned = x.copy()
        for column, length in enumerate(lengths):
            turned[:length, column] = x[:length, column][::-1]
        expected = {"y": np.take_along_axis(x, i, 0), "z": turned, "u": np.unique(x, axis=0)}
        got = run({"x": x.astype(np.dtype(getattr(ml_dtypes, dtype, dtype))), "i": i, "lengths": lengths})
        for name, value in expected.items():
            np.testing.assert_array_equal(got[name].astype(np.float32), value, err_msg=f"{name} of {n} x {m}")


# ---- Grids ----


@pytest.mark.parametrize("align", [0, 1])
def test_affine_grid(load, rng, assert_close, align):
    """Its size comes from an input or from a shape."""
    run = load(f"""
    g (float[n, 2, 3] t, int64[4] size, float[n, c, d, h, w] image, float[n, 3, 4] u)
        => (float[n, a, b, 2] flat, float[n, d, h, w, 3] deep) {{
      flat = AffineGrid <align_corners = {align}> (t, size)
      shape = Shape(image)
      deep = AffineGrid <align_corners = {align}> (u, shape)
    }}
    """).run

    def grid(theta, extents):
        axes = []
        for extent in extents:
            i = np.arange(extent, dtype=np.float64)
            axes.append(2 * i / max(extent - 1, 1) - 1 if align else (2 * i + 1) / max(extent, 1) - 1)
        places = np.meshgrid(*axes, indexing="ij")
        ones = np.stack([*places[::-1], np.ones(extents)], -1)
        return np.einsum("njk,...k->n...j", theta.astype(np.float64), ones)

    for n, extents in [(2, (3, 5, 7)), (1, (1, 2, 1)), (3, (4, 1, 16))]:
        t, u = rng.standard_normal((n, 2, 3), np.float32), rng.standard_normal((n, 3, 4), np.float32)
        image = np.zeros((n, 2, *extents), np.float32)
        size = np.int64([n, 2, *extents[1:]])
        got = run({"t": t, "size": size, "image": image, "u": u})
        assert_close(got["flat"], grid(t, extents[1:]))
        assert_close(got["deep"], grid(u, extents))
