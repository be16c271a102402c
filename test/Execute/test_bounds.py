"""No input makes a model read memory that is not its own: what an operator cannot do is an error
that names the node, and what it can do with tensors of no elements is done."""

import numpy as np
import onnx.parser
import pytest

FAR = 100_000  # elements from the beginning of which lies nobody's memory
EXTENTS = (0, 1, 7)


def model(text, opset=20, ir=9):
    made = onnx.parser.parse_model(f'<ir_version: {ir}, opset_import: ["" : {opset}]>\n{text}')
    onnx.checker.check_model(made)
    return made


@pytest.fixture
def load(compile_model):
    """load(text): the model as the Python package runs it."""
    import strut

    return lambda text, **options: strut.load(str(compile_model(model(text, **options))), threads=2)


@pytest.fixture(params=["cpu", "emulate"])
def load_anywhere(request, compile_model):
    """The same on a CPU, and on a GPU that is emulated."""
    import strut

    def load(text, **options):
        if request.param == "cpu":
            return strut.load(str(compile_model(model(text, **options))), threads=2)
        return strut.compile(model(text, **options), gpu_arch="emulate", no_cpu=True, device="emulate")

    return load


# ---- Indices ----

# By node: what it computes, the index that is wrong, and how far its axis reaches.
GATHERS = """
g (float[n, 4] x, int64[k] i_gather, int64[k, 4] i_elements, int64[k, 2] i_nd, int64[k, 4] i_scatter,
   int64[k, 1] i_scatter_nd, float[k, 4] u)
    => (float[k, 4] a, float[k, 4] b, float[k] c, float[n, 4] d, float[n, 4] e) {
  [gather] a = Gather (x, i_gather)
  [elements] b = GatherElements (x, i_elements)
  [nd] c = GatherND (x, i_nd)
  [scatter] d = ScatterElements (x, i_scatter, u)
  [scatter_nd] e = ScatterND (x, i_scatter_nd, u)
}
"""


def gathers(rng, rows, count):
    """Inputs whose indices are all places, from both ends. No two scatter to one place."""
    def places(*shape):
        return rng.integers(-rows, rows, shape) if rows else np.zeros(shape, np.int64)

    def own(columns):
        rows_of = [rng.permutation(rows)[:count] for _ in range(columns)] if count <= rows else []
        return np.int64(rows_of).reshape(columns, -1).T if rows_of else np.zeros((count, columns), np.int64)

    columns = rng.integers(-4, 4, (count, 1))
    return {
        "x": rng.standard_normal((rows, 4), np.float32),
        "i_gather": places(count),
        "i_elements": places(count, 4),
        "i_nd": np.concatenate([places(count, 1), columns], axis=1),
        "i_scatter": own(4),
        "i_scatter_nd": own(1),
        "u": rng.standard_normal((count, 4), np.float32),
    }


def test_indices(load_anywhere, rng):
    """In bounds they are taken, and each that is not is an error of its node."""
    run = load_anywhere(GATHERS).run
    for rows in EXTENTS:
        for count in {0, 1, min(rows, 3), rows}:
            feed = gathers(rng, rows, count)
            if rows or not count:
                got = run(feed)
                x, u = feed["x"], feed["u"]
                np.testing.assert_array_equal(got["a"], x[feed["i_gather"]])
                np.testing.assert_array_equal(got["b"], np.take_along_axis(x, feed["i_elements"], 0))
                np.testing.assert_array_equal(got["c"], x[tuple(feed["i_nd"].T)])
                d, e = x.copy(), x.copy()
                np.put_along_axis(d, feed["i_scatter"], u, 0)
                e[feed["i_scatter_nd"][:, 0]] = u
                np.testing.assert_array_equal(got["d"], d)
                np.testing.assert_array_equal(got["e"], e)
            for node in ("gather", "elements", "nd", "scatter", "scatter_nd") if count else ():
                for wrong in (rows, -rows - 1, FAR**3):
                    bad = {name: array.copy() for name, array in feed.items()}
                    if rows == 0:  # all are wrong then, and the first is told
                        node, bad = "gather", feed
                    bad["i_" + node].reshape(count, -1)[-1, 0] = wrong
                    with pytest.raises(ValueError, match=f"node '{node}': a number in 'indices' lies outside"):
                        run(bad)


def test_a_component_has_the_bounds_of_its_own_axis(load, rng):
    run = load("""
    g (float[n, m, 3] x, int64[k, 2] i) => (float[k, 3] y) { [nd] y = GatherND (x, i) }
    """).run
    x = rng.standard_normal((2, 5, 3), np.float32)
    np.testing.assert_array_equal(
        run({"x": x, "i": np.int64([[1, 4], [-2, -5]])})["y"], x[[1, -2], [4, -5]]
    )
    for wrong in ([4, 1], [2, 0], [0, 5], [-3, 0], [0, -6]):
        with pytest.raises(ValueError, match="node 'nd': a number in 'indices' lies outside of its data"):
            run({"x": x, "i": np.int64([[1, 4], wrong])})


@pytest.mark.parametrize("kind", ["int32", "int64"])
def test_nothing_of_an_empty_axis_is_read(load_anywhere, rng, kind):
    """Beside it lie extents that reach beyond any memory there is."""
    run = load_anywhere(f"""
    g (float[n, {FAR}, m] x, {kind}[k] i) => (float[k, {FAR}, m] y) {{ [far] y = Gather (x, i) }}
    """).run
    with pytest.raises(ValueError, match="node 'far': .*axis 0 of its data"):
        run({"x": np.zeros((0, FAR, 4), np.float32), "i": np.array([3], kind)})
    none = run({"x": np.zeros((0, FAR, 4), np.float32), "i": np.array([], kind)})["y"]
    assert none.shape == (0, FAR, 4)
    none = run({"x": np.zeros((2, FAR, 0), np.float32), "i": np.array([1], kind)})["y"]
    assert none.shape == (1, FAR, 0)
    x = rng.standard_normal((2, FAR, 1), np.float32)
    np.testing.assert_array_equal(run({"x": x, "i": np.array([1, -2], kind)})["y"], x[[1, 0]])


def test_constant_places_of_open_axes(load_anywhere, rng):
    """Dimensions that have no such place are refused before anything runs."""
    model = load_anywhere("""
    g (float[n, 3] x) => (float[3] first, float[3] third, float[3] last, float[2, 3] pair)
    <int64 zero = {0}, int64 two = {2}, int64 end = {-1}, int64[2] both = {1, -4}> {
      [zeroth] first = Gather (x, zero)
      [second] third = Gather (x, two)
      [ending] last = Gather (x, end)
      [couple] pair = Gather (x, both)
    }
    """)
    for rows in (4, 7):
        x = rng.standard_normal((rows, 3), np.float32)
        got = model.run({"x": x})
        np.testing.assert_array_equal(got["first"], x[0])
        np.testing.assert_array_equal(got["third"], x[2])
        np.testing.assert_array_equal(got["last"], x[-1])
        np.testing.assert_array_equal(got["pair"], x[[1, -4]])
    for rows, node in ((0, "zeroth"), (1, "second"), (2, "second"), (3, "couple")):
        with pytest.raises(ValueError, match=rf"node '{node}': .*\. The model cannot run with n = {rows}$"):
            model.run({"x": np.zeros((rows, 3), np.float32)})


def test_indices_for_fewer_places_than_there_are(load, rng):
    """Along the axes that no index is for they cover as many or less."""
    run = load("""
    g (float[n, m] x, int64[k, l] i, float[k, l] u) => (float[k, l] read, float[n, m] written) {
      [read] read = GatherElements <axis = 1> (x, i)
      [write] written = ScatterElements <axis = 1> (x, i, u)
    }
    """).run
    for n, m, k, columns in [(4, 5, 4, 5), (4, 5, 2, 3), (7, 1, 1, 1), (3, 2, 0, 2), (3, 2, 2, 0)]:
        x, u = rng.standard_normal((n, m), np.float32), rng.standard_normal((k, columns), np.float32)
        i = np.argsort(rng.random((k, m)), 1)[:, :columns]
        got = run({"x": x, "i": i, "u": u})
        np.testing.assert_array_equal(got["read"], np.take_along_axis(x[:k], i, 1))
        np.put_along_axis(x[:k], i, u, 1)
        np.testing.assert_array_equal(got["written"], x)
    with pytest.raises(ValueError, match="node 'read': its indices cover more than its data along axis 0"):
        run({"x": x, "i": np.zeros((4, 1), np.int64), "u": np.zeros((4, 1), np.float32)})


def test_embedding(load, rng):
    """A table of the model, and numbers of which one is beyond it."""
    table = ", ".join(map(str, range(12)))
    run = load(f"""
    g (int64[n, s] ids) => (float[n, s, 4] y)
    <float[3, 4] table = {{{table}}}> {{ [tokens] y = Gather (table, ids) }}
    """).run
    table = np.arange(12, dtype=np.float32).reshape(3, 4)
    for shape in [(2, 5), (1, 1), (0, 3), (3, 67)]:
        ids = rng.integers(-3, 3, shape)
        np.testing.assert_array_equal(run({"ids": ids})["y"], table[ids])
        for wrong in (3, -4, 2**62) if ids.size else ():
            ids.reshape(-1)[-1] = wrong
            with pytest.raises(ValueError, match="node 'tokens': .*outside of axis 0 of its data"):
                run({"ids": ids})


def test_only_indices_that_are_found_count(load, rng):
    """Beyond the number of those that are found there may be any."""
    run = load("""
    g (float[n] x, float[m, 2] data) => (float[1, k, 2] y) { i = NonZero (x)  [rows] y = Gather (data, i) }
    """).run
    data = rng.standard_normal((3, 2), np.float32)
    for chosen in ([0, 2], [], [1]):
        x = np.zeros(9, np.float32)
        x[chosen] = 1
        np.testing.assert_array_equal(run({"x": x, "data": data})["y"], data[chosen][None])
    assert run({"x": np.zeros(9, np.float32), "data": data[:0]})["y"].shape == (1, 0, 2)
    with pytest.raises(ValueError, match="node 'rows'"):
        run({"x": np.ones(9, np.float32), "data": data})


def test_constants_that_are_no_places(strut_run, tmp_path):
    text = """
    g (float[3, n] x) => (float[2, n] y) <int64[2] i = {1, 3}> { [beyond] y = Gather (x, i) }
    """
    (tmp_path / "model.onnx").write_bytes(model(text).SerializeToString())
    said = strut_run("compile", tmp_path / "model.onnx", "-o", tmp_path / "model.so", code=1).stderr
    assert "Gather node 'beyond' cannot be compiled: a number in 'indices' lies outside of axis 0" in said


# ---- In branches and loops ----


def test_a_branch_that_is_not_taken(load, rng):
    """It requires nothing, neither of dimensions nor of data."""
    run = load("""
    g (bool c, float[n, 3] x, int64 i) => (float[3] y) <int64 five = {5}> {
      y = If (c) <
        then_branch = then () => (float[3] a) { [sixth] p = Gather (x, five)  [any] q = Gather (x, i)  a = Add (p, q) },
        else_branch = else () => (float[3] b) { b = ReduceSum <keepdims = 0> (x, axes)  axes = Constant <value = int64[1] {0}> () }
      >
    }
    """.replace("b = ReduceSum <keepdims = 0> (x, axes)  axes = Constant <value = int64[1] {0}> ()",
                "axes = Constant <value = int64[1] {0}> ()  b = ReduceSum <keepdims = 0> (x, axes)")).run
    for rows in EXTENTS:
        x = rng.standard_normal((rows, 3), np.float32)
        got = run({"c": np.array(False), "x": x, "i": np.array(99)})["y"]
        np.testing.assert_allclose(got, x.sum(0), rtol=1e-5, atol=1e-6)
        feed = {"c": np.array(True), "x": x, "i": np.array(rows - 1)}
        if rows == 7:
            np.testing.assert_array_equal(run(feed)["y"], x[5] + x[6])
            with pytest.raises(ValueError, match="node 'any': .*outside of axis 0"):
                run({**feed, "i": np.array(7)})
        else:
            with pytest.raises(ValueError, match="node 'sixth': .*outside of axis 0"):
                run(feed)


def test_any_step_of_a_loop(load, rng):
    """Trouble in one step is trouble of the run, wherever it is, and of no other run."""
    run = load("""
    g (int64 steps, float[n, 3] x, int64[m] i, int64[m] j) => (float[3] y)
    <float[3] zero = {0, 0, 0}, bool always = {1}> {
      y = Loop (steps, always, zero) <
        body = b (int64 k, bool c, float[3] sum) => (bool d, float[3] next) {
          p = Gather (i, k)  q = Gather (j, k)
          [left] r = Gather (x, p)  [right] s = Gather (x, q)
          t = Sub (r, s)  next = Add (sum, t)  d = Identity (c)
        }
      >
    }
    """).run
    for rows in EXTENTS:
        for steps in (0, 1, 4):
            x = rng.standard_normal((rows, 3), np.float32)
            i, j = (rng.integers(-rows, rows, 5) if rows else np.zeros(5, np.int64) for _ in "ij")
            feed = {"steps": np.array(steps), "x": x, "i": i, "j": j}
            if rows or not steps:
                expected = (x[i[:steps]].astype(np.float64) - x[j[:steps]]).sum(0) if steps else np.zeros(3)
                np.testing.assert_allclose(run(feed)["y"], expected, rtol=1e-5, atol=1e-5)
            for step in range(steps if rows else 0):
                for name, node in (("i", "left"), ("j", "right")):
                    wrong = feed[name].copy()
                    wrong[step] = rows
                    with pytest.raises(ValueError, match=f"node '{node}': .*outside of axis 0"):
                        run({**feed, name: wrong})
            if steps and not rows:
                with pytest.raises(ValueError, match="node 'left': .*outside of axis 0"):
                    run(feed)
    with pytest.raises(ValueError, match="lies outside of axis 0"):  # a sixth step has no index
        run({"steps": np.array(6), "x": np.ones((2, 3), np.float32), "i": np.zeros(5, int), "j": np.zeros(5, int)})


# ---- Other operators ----


def test_borders_of_nothing(load_anywhere, rng):
    """A border is filled around a tensor of no elements, and what repeats elements has none."""
    run = load_anywhere(f"""
    g (float[n, {FAR}, m] x, int64[2] around) => (float[a, {FAR}, m] y) <int64[1] axis = {{0}}, float fill = {{2.5}}> {{
      y = Pad <mode = "constant"> (x, around, fill, axis)
    }}
    """).run
    for rows in EXTENTS:
        x = rng.standard_normal((rows, FAR, 1), np.float32)
        for around in ([0, 0], [1, 0], [0, 2]):
            expected = np.pad(x, (around, (0, 0), (0, 0)), constant_values=2.5)
            np.testing.assert_array_equal(run({"x": x, "around": np.int64(around)})["y"], expected)


@pytest.mark.parametrize("mode", ["edge", "reflect", "wrap"])
def test_borders_that_repeat(load, rng, mode):
    run = load(f"""
    g (float[n, 3] x, int64[2] around) => (float[a, 3] y) <int64[1] axis = {{0}}> {{
      none = Constant <value = float {{0}}> ()
      [frame] y = Pad <mode = "{mode}"> (x, around, none, axis)
    }}
    """).run
    for rows in EXTENTS:
        x = rng.standard_normal((rows, 3), np.float32)
        for around in ([0, 0], [1, 0], [2, 5]):
            feed = {"x": x, "around": np.int64(around)}
            if rows or not any(around):
                expected = np.pad(x, (around, (0, 0)), mode) if rows else x
                np.testing.assert_array_equal(run(feed)["y"], expected)
            else:
                with pytest.raises(ValueError, match="node 'frame': axis 0 of its data has no elements"):
                    run(feed)


def test_expand(load_anywhere, rng):
    """As many as the shape says, or as many as there are where it says 1."""
    run = load_anywhere("""
    g (float[n, 3] x, int64[3] shape) => (float[a, b, 3] y) { [wide] y = Expand (x, shape) }
    """).run
    for rows in EXTENTS:
        x = rng.standard_normal((rows, 3), np.float32)
        for first in EXTENTS:
            for wanted in (*EXTENTS, 5):
                feed = {"x": x, "shape": np.int64([first, wanted, 1])}
                if rows in (1, wanted) or wanted == 1:
                    expected = x * np.ones((first, wanted, 1), np.float32)
                    np.testing.assert_array_equal(run(feed)["y"], expected)
                else:
                    with pytest.raises(ValueError, match="node 'wide': axis 0 of its input has neither"):
                        run(feed)


def test_what_is_expanded_meets_what_is_as_large(load, rng):
    """Both take their extent from the same input, so that a caller who says 1 has to mean it."""
    run = load("""
    g (float[n] x, int64[1] shape) => (float[a] y) {
      wide = Expand (x, shape)
      ones = ConstantOfShape <value = float[1] {1}> (shape)
      [sum] y = Add (wide, ones)
    }
    """).run
    for rows, wanted in [(1, 5), (5, 5), (1, 1), (0, 0), (1, 0)]:
        x = rng.standard_normal(rows, np.float32)
        np.testing.assert_array_equal(
            run({"x": x, "shape": np.int64([wanted])})["y"], np.broadcast_to(x, wanted) + np.float32(1)
        )
    with pytest.raises(ValueError, match="node 'sum': its extents do not agree"):
        run({"x": np.ones(5, np.float32), "shape": np.int64([1])})


def test_slices_and_parts(load, rng):
    run = load("""
    g (float[n, 3] x, int64[1] from, int64[1] to, int64[2] lengths)
        => (float[a, 3] y, float[b, 3] p, float[c, 3] q, float[d, 3] z) <int64[2] repeats = {2, 1}> {
      y = Slice (x, from, to)
      [parts] p, q = Split <axis = 0> (x, lengths)
      z = Tile (x, repeats)
    }
    """).run
    for rows in EXTENTS:
        x = rng.standard_normal((rows, 3), np.float32)
        for first in (0, 1, 7, 99):
            for last in (0, 1, 6, 10**6):
                for left in {0, rows // 2, rows}:
                    feed = {
                        "x": x, "from": np.int64([first]), "to": np.int64([last]),
                        "lengths": np.int64([left, rows - left]),
                    }  # fmt: skip
                    got = run(feed)
                    np.testing.assert_array_equal(got["y"], x[first:last])
                    np.testing.assert_array_equal(got["p"], x[:left])
                    np.testing.assert_array_equal(got["q"], x[left:])
                    np.testing.assert_array_equal(got["z"], np.tile(x, (2, 1)))
        for lengths in ([rows, 1], [rows + 1, 0], [0, FAR]):
            with pytest.raises(ValueError, match="node 'parts': its parts are not as long together"):
                run({**feed, "lengths": np.int64(lengths)})


def test_parts_of_constant_length(load, rng):
    run = load("""
    g (float[n, 3] x) => (float[2, 3] p, float[a, 3] s) {
      lengths = Constant <value = int64[2] {2, 3}> ()
      [two] p, q = Split <axis = 0> (x, lengths)
      [four] r, s, t, u = Split <axis = 0, num_outputs = 4> (x)
    }
    """).run
    x = rng.standard_normal((5, 3), np.float32)
    for rows in (0, 1, 4, 6, 7):
        with pytest.raises(ValueError, match="node 'two': its parts are not as long together"):
            run({"x": np.zeros((rows, 3), np.float32)})
    with pytest.raises(ValueError, match="node 'four': its axis is too short for 4 parts"):
        run({"x": x})


def test_topk(load, rng):
    """Of an axis that has fewer elements."""
    run = load("""
    g (float[n, m] x, int64[1] k) => (float[n, a] y, int64[n, a] i, float[b, m] z) {
      three = Constant <value = int64[1] {3}> ()
      [rows] y, i = TopK (x, k)
      [columns] z, j = TopK <axis = 0> (x, three)
    }
    """).run
    for columns in EXTENTS:
        for k in {0, 1, columns}:
            x = rng.standard_normal((5, columns), np.float32)
            feed = {"x": x, "k": np.int64([k])}
            if k <= columns:
                got = run(feed)
                np.testing.assert_array_equal(got["y"], -np.sort(-x, 1)[:, :k])
                np.testing.assert_array_equal(np.take_along_axis(x, got["i"], 1), got["y"])
                np.testing.assert_array_equal(got["z"], -np.sort(-x, 0)[:3])
            with pytest.raises(ValueError, match="node 'rows': its axis has not as many elements"):
                run({"x": x, "k": np.int64([columns + 1])})
            with pytest.raises(ValueError, match="node 'columns': its axis has not as many elements"):
                run({"x": x[:2], "k": np.int64([0])})


def test_caches(load, rng):
    """An update that does not fit behind where it is to start."""
    run = load("""
    g (float[2, n, 3] cache, float[2, m, 3] update, int64[2] starts) => (float[2, n, 3] y) {
      [write] y = TensorScatter (cache, update, starts)
    }
    """, opset=24, ir=11).run
    for rows in EXTENTS:
        for new in {0, 1, rows}:
            cache = rng.standard_normal((2, rows, 3), np.float32)
            update = rng.standard_normal((2, new, 3), np.float32)
            if new <= rows:
                starts = rng.integers(0, rows - new + 1, 2)
                expected = cache.copy()
                for b, start in enumerate(starts):
                    expected[b, start : start + new] = update[b]
                feed = {"cache": cache, "update": update, "starts": starts}
                np.testing.assert_array_equal(run(feed)["y"], expected)
            for wrong in ([0, max(rows - new, -1) + 1], [-1, 0], [FAR, 0]):
                with pytest.raises(ValueError, match="node 'write': a number in 'write_indices' lies outside"):
                    run({"cache": cache, "update": update, "starts": np.int64(wrong)})


def test_positions_and_images(load, rng):
    """Of rotary tables, and of images that regions lie in."""
    rotary = load("""
    g (float[1, 2, s, 4] x, float[p, 2] cosines, float[p, 2] sines, int64[1, s] places) => (float[1, 2, s, 4] y) {
      [turn] y = RotaryEmbedding (x, cosines, sines, places)
    }
    """, opset=23, ir=11).run  # fmt: skip
    aligned = load("""
    g (float[n, 2, 4, 4] images, float[r, 4] regions, int64[r] which) => (float[r, 2, 2, 2] y) {
      [crop] y = RoiAlign <output_height = 2, output_width = 2> (images, regions, which)
    }
    """).run
    for rows in EXTENTS:
        table = rng.standard_normal((rows, 2), np.float32)
        images = rng.standard_normal((rows, 2, 4, 4), np.float32)
        for wrong in (rows, FAR):
            with pytest.raises(ValueError, match="node 'turn': a number in 'position_ids' lies outside"):
                x = rng.standard_normal((1, 2, 3, 4), np.float32)
                rotary({"x": x, "cosines": table, "sines": table, "places": np.int64([[0, wrong, 0]])})
            with pytest.raises(ValueError, match="node 'crop': a number in 'batch_indices' lies outside"):
                regions = np.float32([[0, 0, 3, 3]] * 2)
                aligned({"images": images, "regions": regions, "which": np.int64([0, wrong])})
