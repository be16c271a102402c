"""Shapes that inputs or computed data tell."""

import numpy as np
import onnx.parser
import pytest

HEAD = '<ir_version: 9, opset_import: ["" : 20]>\n'


def model(text):
    made = onnx.parser.parse_model(HEAD + text)
    onnx.checker.check_model(made)
    return made


@pytest.fixture
def load(compile_model):
    """load(text): the model as the Python package runs it."""
    import strut

    return lambda text: strut.load(str(compile_model(model(text))), threads=2)


@pytest.fixture
def refused(strut_run, tmp_path):
    """refused(text): what the compiler says of a model that it does not take."""

    def compile(text):
        (tmp_path / "model.onnx").write_bytes(model(text).SerializeToString())
        return strut_run("compile", tmp_path / "model.onnx", "-o", tmp_path / "model.so", code=1).stderr

    return compile


# ---- Elements of inputs as dimensions ----


def test_sizes_that_are_inputs(load, rng, assert_close):
    """A product of a part of a tensor, as long as an input says."""
    compiled = load("""
    g (float[n, 6] x, int64 rows, int32[2] size, float[6, 3] w)
        => (float[r, 3] y, float[a, b] filled, int64[k] places, float[p, q] tiled) {
      none = Constant <value = int64[1] {0}> ()
      axis = Constant <value = int64[1] {0}> ()
      end = Unsqueeze(rows, axis)
      part = Slice(x, none, end, axis)
      y = MatMul(part, w)
      shape = Cast <to = 7> (size)
      filled = ConstantOfShape <value = float[1] {2.5}> (shape)
      zero = Constant <value = int64 {0}> ()
      two = Constant <value = int64 {2}> ()
      places = Range(zero, rows, two)
      tiled = Tile(w, shape)
    }
    """)
    assert {"rows[0]", "size[0]", "size[1]"} <= set(compiled.dims)
    w = rng.standard_normal((6, 3), np.float32)
    for n, rows, size in [(5, 3, (2, 1)), (1, 1, (0, 3)), (4, 9, (1, 1)), (7, 0, (3, 2)), (33, 32, (2, 5))]:
        x = rng.standard_normal((n, 6), np.float32)
        got = compiled.run({"x": x, "rows": np.array(rows), "size": np.int32(size), "w": w})
        assert_close(got["y"], x[:rows].astype(np.float64) @ w.astype(np.float64))
        np.testing.assert_array_equal(got["filled"], np.full(size, 2.5, np.float32))
        np.testing.assert_array_equal(got["places"], np.arange(0, rows, 2))
        np.testing.assert_array_equal(got["tiled"], np.tile(w, size))


def test_pads_that_are_inputs(load, rng):
    run = load("""
    g (float[n, 4] x, int64[4] pads) => (float[a, b] y, float[c, d] z) {
      y = Pad <mode = "constant"> (x, pads)
      z = Pad <mode = "edge"> (x, pads)
    }
    """).run
    for n, pads in [(3, (1, 0, 2, 5)), (1, (0, 0, 0, 0)), (5, (7, 1, 0, 3))]:
        x = rng.standard_normal((n, 4), np.float32)
        got = run({"x": x, "pads": np.int64(pads)})
        both = ((pads[0], pads[2]), (pads[1], pads[3]))
        np.testing.assert_array_equal(got["y"], np.pad(x, both))
        np.testing.assert_array_equal(got["z"], np.pad(x, both, "edge"))


def test_a_negative_size_is_refused_by_name(load):
    run = load("g (int64[2] size) => (float[a, b] y) { y = ConstantOfShape(size) }").run
    assert run({"size": np.int64([2, 3])})["y"].shape == (2, 3)
    with pytest.raises(ValueError, match=r"input 'size' has -1 at \[1\], where the model takes a size"):
        run({"size": np.int64([2, -1])})
    assert run({"size": np.int64([0, 3])})["y"].shape == (0, 3)


# ---- Extents that the run computes ----


def test_nonzero(load, rng):
    run = load("g (float[n, m, 3] x) => (int64[3, k] y) { y = NonZero(x) }").run
    for n, m in [(2, 5), (1, 1), (0, 4), (3, 0), (7, 13)]:
        for density in (0.4, 0, 1):
            x = rng.standard_normal((n, m, 3), np.float32) * (rng.random((n, m, 3)) < density)
            got = run({"x": x.astype(np.float32)})["y"]
            np.testing.assert_array_equal(got, np.array(np.nonzero(x)).reshape(3, -1))


@pytest.mark.parametrize("axis", [0, 1, -1, None])
def test_compress(load, rng, axis):
    attribute = "" if axis is None else f"<axis = {axis}>"
    shape = "k" if axis is None else ["k, 4", "n, k"][axis]
    run = load(
        f"g (float[n, 4] x, bool[m] c) => (float[{shape}] y) {{ y = Compress {attribute} (x, c) }}"
    ).run
    for n in (3, 1, 0, 17):
        x = rng.standard_normal((n, 4), np.float32)
        length = x.size if axis is None else x.shape[axis]
        for count in {length, length // 2, 0}:
            c = rng.random(count) < 0.5
            np.testing.assert_array_equal(run({"x": x, "c": c})["y"], np.compress(c, x, axis))


def test_results_shrink_and_grow_from_run_to_run(load, rng):
    """The shape of a run says nothing of the next one's, with the same dimensions."""
    run = load("g (float[n] x) => (int64[1, k] y, float[n] z) { y = NonZero(x)  z = Neg(x) }").run
    for count in (3, 9, 0, 9, 1):
        x = np.zeros(9, np.float32)
        x[rng.permutation(9)[:count]] = 1.5
        got = run({"x": x})
        np.testing.assert_array_equal(got["y"][0], np.nonzero(x)[0])
        assert got["z"].shape == (9,)


def slice_of(x, starts, ends, axes, steps):
    parts = [slice(None)] * x.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps):
        if step < 0:  # the standard brings a start before the first element to that one
            start, end = max(start, -x.shape[axis]), None if end < -x.shape[axis] else int(end)
        parts[axis] = slice(int(start), None if end is None else int(end), int(step))
    return x[tuple(parts)]


def test_slice_by_data(load, rng):
    """Bounds are the result of a computation; then all four operands are inputs."""
    first = load("""
    g (float[n, m, 3] x, int64[2] bounds) => (float[n, k, 3] y) {
      nine = Constant <value = int64[2] {9, 9}> ()
      b = Mod(bounds, nine)
      start, end = Split <num_outputs = 2> (b)
      one = Constant <value = int64[1] {1}> ()
      y = Slice(x, start, end, one)
    }
    """).run
    second = load("""
    g (float[n, m, 3] x, int64[2] s, int64[2] e, int64[2] a, int64[2] d) => (float[u, v, w] y) {
      y = Slice(x, s, e, a, d)
    }
    """).run
    for n, m in [(3, 7), (1, 1), (5, 12)]:
        x = rng.standard_normal((n, m, 3), np.float32)
        for _ in range(6):
            start, end = rng.integers(0, 9, 2)
            got = first({"x": x, "bounds": np.array([start, end + 9])})["y"]
            np.testing.assert_array_equal(got, x[:, start:end])
            axes = rng.permutation(3)[:2] - 3 * rng.integers(0, 2, 2)
            steps = rng.choice([-3, -1, 1, 2], 2)
            s, e = rng.integers(-15, 15, (2, 2))
            got = second({"x": x, "s": s, "e": e, "a": axes, "d": steps})["y"]
            np.testing.assert_array_equal(got, slice_of(x, s, e, axes, steps))


def suppress(boxes, scores, most, overlap, least, centered):
    """By the definition, in float64."""
    selected = []
    for image in range(scores.shape[0]):
        b = boxes[image].astype(np.float64)
        if centered:
            x, y, w, h = b.T
            b = np.stack([y - h / 2, x - w / 2, y + h / 2, x + w / 2], 1)
        low, high = np.minimum(b[:, :2], b[:, 2:]), np.maximum(b[:, :2], b[:, 2:])
        area = (high - low).prod(1)
        for kind in range(scores.shape[1]):
            order = sorted(range(len(b)), key=lambda i: (-scores[image, kind, i], i))
            kept = []
            for i in order:
                if scores[image, kind, i] <= least or len(kept) == most:
                    continue
                common = [np.maximum(0, np.minimum(high[i], high[j]) - np.maximum(low[i], low[j])).prod() for j in kept]
                if all(c <= overlap * (area[i] + area[j] - c) for c, j in zip(common, kept)):
                    kept.append(i)
            selected += [[image, kind, i] for i in kept]
    return np.array(selected, np.int64).reshape(-1, 3)


@pytest.mark.parametrize("centered", [0, 1])
def test_detections(load, rng, centered):
    """The end of a detector: boxes are suppressed, and those that stay are looked up."""
    run = load(f"""
    g (float[b, n, 4] boxes, float[b, c, n] scores, int64 most, float overlap, float least)
        => (int64[k, 3] chosen, float[k, 4] found, float[k] area)
    <int64[1] last = {{1}}, int64 two = {{2}}, int64 wide = {{2}}, int64 high = {{3}}, int64[1] zero = {{0}}> {{
      chosen = NonMaxSuppression <center_point_box = {centered}> (boxes, scores, most, overlap, least)
      places = Gather <axis = 1> (chosen, two)
      first = Constant <value = int64 {{0}}> ()
      image = Gather <axis = 0> (boxes, first)
      found = Gather <axis = 0> (image, places)
      w = Gather <axis = 1> (found, wide)
      h = Gather <axis = 1> (found, high)
      area = Mul(w, h)
    }}
    """).run
    for images, kinds, n, most, least in [(1, 1, 6, 9, -1), (1, 3, 23, 4, 0.3), (2, 2, 17, 100, 0.5), (1, 2, 5, 0, 0), (1, 1, 1, 1, 2)]:
        corners = rng.random((images, n, 2))
        boxes = np.concatenate([corners, rng.random((images, n, 2)) / 2 + (1 - centered) * corners], 2).astype(np.float32)
        scores = rng.random((images, kinds, n)).astype(np.float32)
        scores[..., : n // 3] = scores[..., n - n // 3 :]  # ties are decided by place
        given = {"boxes": boxes, "scores": scores, "most": np.array(most), "overlap": np.float32(0.3), "least": np.float32(least)}
        got = run(given)
        chosen = suppress(boxes, scores, most, np.float32(0.3).astype(np.float64), least, centered)
        np.testing.assert_array_equal(got["chosen"], chosen)
        found = boxes[0][chosen[:, 2]]
        np.testing.assert_array_equal(got["found"], found)
        np.testing.assert_array_equal(got["area"], found[:, 2] * found[:, 3])


@pytest.mark.parametrize(
    "nodes, node, reason",
    [
        ("k = NonZero(x)  [sum] y = ReduceSum <keepdims = 0> (k)", "ReduceSum node 'sum'", "an operand has an extent that is computed from data"),
        ("k = NonZero(x)  [many] y = Shape(k)", "Shape node 'many'", "an operand has an extent that is computed from data"),
        ("k = NonZero(x)  [both] y = Concat <axis = 1> (k, k)", "Concat node 'both'", "an extent of its result is computed from one that is computed from data"),
    ],
)
def test_what_would_see_beyond_the_count(refused, nodes, node, reason):
    shape = {"sum": "", "many": "[2]", "both": "[1, m]"}
    name = next(n for n in shape if n in node)
    said = refused(f"g (float[n] x) => (int64{shape[name]} y) {{ {nodes} }}")
    assert f"{node} cannot be compiled: {reason}" in said


# ---- Shapes that a model declares ----

DECLARED = {
    "Reshape": ("float[6] x, int64[2] s", "float[2, 3] y", "y = Reshape(x, t)", [[2, 3], [-1, 3], [2, -1]], [[3, 2], [1, 6], [6, -1]]),
    "Expand": ("float[2, 1] x, int64[2] s", "float[2, 5] y", "y = Expand(x, t)", [[2, 5], [1, 5]], [[2, 1], [2, 4], [1, 1]]),
    "ConstantOfShape": ("float[1] x, int64[2] s", "float[4, 3] y", "y = ConstantOfShape(t)", [[4, 3]], [[3, 4], [0, 3]]),
    "Tile": ("float[2, 3] x, int64[2] s", "float[4, 3] y", "y = Tile(x, t)", [[2, 1]], [[1, 2], [2, 2]]),
    "Unsqueeze": ("float[2, 3] x, int64[2] s", "float[1, 2, 1, 3] y", "y = Unsqueeze(x, t)", [[0, 2], [2, 0], [-2, -4]], [[0, 1], [1, 3], [2, 2]]),
    "Squeeze": ("float[1, 2, 1, 3] x, int64[1] s", "float[2, 1, 3] y", "y = Squeeze(x, t)", [[0], [-4]], [[2]]),
    "Slice": ("float[7] x, int64[1] s", "float[3] y", "e = Constant <value = int64[1] {6}> ()  y = Slice(x, t, e)", [[3], [-4]], [[2], [4]]),
    "Split": ("float[7] x, int64[2] s", "float[3] y, float[4] z", "y, z = Split(x, t)", [[3, 4]], [[4, 3], [3, 3]]),
    "TopK": ("float[7] x, int64[1] s", "float[3] y, int64[3] z", "y, z = TopK(x, t)", [[3]], [[2], [4]]),
    "Range": ("float[1] x, int64[1] s", "int64[4] y", "a = Constant <value = int64 {2}> ()  e = Squeeze(t)  y = Range(a, e, a)", [[9], [10]], [[8], [11], [0]]),
    "OneHot": ("int64[2] x, int64[1] s", "float[2, 4] y", "w = Constant <value = float[2] {0.0, 1.0}> ()  k = Squeeze(t)  y = OneHot(x, k, w)", [[4]], [[3], [5]]),
    "Pad": ("float[2, 3] x, int64[4] s", "float[3, 5] y", "y = Pad(x, t)", [[1, 0, 0, 2], [0, 1, 1, 1]], [[1, 1, 0, 2], [0, 2, 1, 1]]),
    "Loop": ("float[2] x, int64[1] s", "float[3, 2] y", "m = Squeeze(t)  y = Loop (m, ) <body = b (int64 i, bool c) => (bool d, float[2] z) { z = Neg(x)  d = Constant <value = bool {1}> () }>", [[3]], [[2], [4], [0]]),
}  # fmt: skip


@pytest.mark.parametrize("operator", DECLARED)
def test_a_declared_shape_is_checked(compile_model, rng, operator):
    """The model declares what only data tell: the run says if they differ, and runs again if not."""
    import onnx.reference

    import strut

    inputs, outputs, nodes, right, wrong = DECLARED[operator]
    nodes = nodes.replace("Loop (m, )", "Loop (m, yes)")
    made = onnx.parser.parse_model(
        HEAD + f"g ({inputs}) => ({outputs}) {{ yes = Constant <value = bool {{1}}> ()  zero = Constant <value = int64 {{0}}> ()"
        f"  big = Constant <value = int64 {{99}}> ()  u = Max(s, zero)  v = Min(s, zero)  t0 = Add(u, v)  t = Min(t0, big)  [n] {nodes} }}"
    )
    if operator in ("Slice", "Range", "OneHot", "Loop"):
        made.graph.node[-1].name, made.graph.node[-2].name = "n", ""
    run = strut.load(str(compile_model(made)), threads=1).run
    reference = onnx.reference.ReferenceEvaluator(made)
    shape = [d.dim_value for d in made.graph.input[0].type.tensor_type.shape.dim]
    for data in (*right, right[0]):
        x = rng.integers(0, 3, shape) if operator == "OneHot" else rng.standard_normal(shape, np.float32)
        feed = {"x": x, "s": np.int64(data)}
        for value, expected in zip(run(feed).values(), reference.run(None, feed)):
            np.testing.assert_array_equal(value, expected)
        for bad in wrong:
            with pytest.raises(ValueError, match="node 'n': .* declares"):
                run({"x": x, "s": np.int64(bad)})
