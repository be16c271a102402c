"""If, Loop and Scan: what the host of a compiled model decides while it runs."""

import numpy as np
import onnx
import onnx.parser
import pytest

HEAD = '<ir_version: 9, opset_import: ["" : 20]>\n'
ROWS = [1, 7, 0, 33]


def model(text):
    made = onnx.parser.parse_model(HEAD + text)
    onnx.checker.check_model(made)
    return made


@pytest.fixture
def load(compile_model):
    """load(text): the model as the Python package runs it."""
    import strut

    def load(text, *flags):
        return strut.load(str(compile_model(model(text), *flags)), threads=2)

    return load


@pytest.fixture
def refused(strut_run, tmp_path):
    """refused(text): what the compiler says of a model that it does not take."""

    def compile(text):
        (tmp_path / "model.onnx").write_bytes(model(text).SerializeToString())
        done = strut_run("compile", tmp_path / "model.onnx", "-o", tmp_path / "model.so", code=1)
        assert not (tmp_path / "model.so").exists()
        return done.stderr

    return compile


def wide(*arrays):
    return [a.astype(np.float64) if a.dtype.kind == "f" else a for a in arrays]


# ---- If ----

CHOICE = """
g (bool c, float[n, 5] x, float[n, 5] z) => (float[n, 5] y, float[n, 5] other)
<float[5] w = {1.5, -2.0, 0.5, 3.0, -1.0}> {
  t = Sub(x, z)
  y, other = If (c) <
    then_branch = then () => (float[n, 5] a, float[n, 5] b) { a = Mul(t, w)  u = Exp(x)  b = Add(u, z) },
    else_branch = else () => (float[n, 5] d, float[n, 5] e) { s = Add(t, x)  d = Tanh(s)  e = Neg(w2)  w2 = Add(t, w) }
  >
}
"""


@pytest.mark.parametrize("shape", [(), (1,)])
def test_branches_read_what_is_outside(load, rng, assert_close, shape):
    text = CHOICE.replace("e = Neg(w2)  w2 = Add(t, w)", "w2 = Add(t, w)  e = Neg(w2)")
    run = load(text if shape == () else text.replace("bool c", "bool[1] c")).run
    w = np.array([1.5, -2, 0.5, 3, -1])
    for rows in ROWS:
        x, z = (rng.standard_normal((rows, 5), np.float32) for _ in "xz")
        for c in (True, False):
            got = run({"c": np.full(shape, c), "x": x, "z": z})
            X, Z = wide(x, z)
            T = X - Z
            y, other = (T * w, np.exp(X) + Z) if c else (np.tanh(T + X), -(T + w))
            assert_close(got["y"], y)
            assert_close(got["other"], other)


def test_condition_that_is_computed(load, rng, assert_close):
    """As torch.cond is exported: the condition is a scalar of the graph, and branches hold products."""
    run = load("""
    g (float[n, 16] x, float[16, 8] w) => (float[n, 8] y) {
      s = ReduceSum <keepdims = 0> (x)
      zero = Constant <value = float {0.0}> ()
      c = Greater(s, zero)
      r = If (c) <
        then_branch = a () => (float[n, 8] p) { q = MatMul(x, w)  p = Relu(q) },
        else_branch = b () => (float[n, 8] p2) { q2 = MatMul(x, w)  p2 = Sigmoid(q2) }
      >
      y = Add(r, r)
    }
    """).run
    taken = set()
    for rows in ROWS:
        for sign in (1, -1):
            x = (rng.standard_normal((rows, 16)) + 0.7 * sign).astype(np.float32)
            w = rng.standard_normal((16, 8), np.float32)
            X, W = wide(x, w)
            c = x.sum() > 0
            taken.add(bool(c))
            y = np.maximum(X @ W, 0) if c else 1 / (1 + np.exp(-(X @ W)))
            assert_close(run({"x": x, "w": w})["y"], 2 * y)
    assert taken == {True, False}


def test_branches_that_compute_nothing(load, rng):
    """Inputs, views of them and constants, and the same results crosswise."""
    run = load("""
    g (bool c, float[n, 4] x, float[n, 4] z) => (float[n, 4] a, float[n, 4] b, float[4] k, float[n, 2] v)
    <float[4] p = {1.0, 2.0, 3.0, 4.0}, float[4] q = {-1.0, 0.5, 0.25, 8.0}, int64[1] zero = {0},
     int64[1] two = {2}, int64[1] four = {4}, int64[1] one = {1}> {
      a, b, k, v = If (c) <
        then_branch = t () => (float[n, 4] x1, float[n, 4] z1, float[4] p1, float[n, 2] v1)
          { x1 = Identity(x)  z1 = Identity(z)  p1 = Identity(p)  v1 = Slice(x, zero, two, one) },
        else_branch = e () => (float[n, 4] z2, float[n, 4] x2, float[4] q2, float[n, 2] v2)
          { z2 = Identity(z)  x2 = Identity(x)  q2 = Identity(q)  v2 = Slice(z, two, four, one) }
      >
    }
    """).run
    p, q = np.float32([1, 2, 3, 4]), np.float32([-1, 0.5, 0.25, 8])
    for rows in ROWS:
        x, z = (rng.standard_normal((rows, 4), np.float32) for _ in "xz")
        for c in (True, False):
            got = run({"c": np.array(c), "x": x, "z": z})
            expected = (x, z, p, x[:, :2]) if c else (z, x, q, z[:, 2:])
            for name, value in zip("abkv", expected):
                np.testing.assert_array_equal(got[name], value, name)


def test_branches_in_branches(load, rng):
    run = load("""
    g (bool c, bool d, int64[n] x) => (int64[n] y)
    <int64 two = {2}, int64 three = {3}> {
      y = If (c) <
        then_branch = a () => (int64[n] r) {
          s = Mul(x, two)
          r = If (d) <
            then_branch = aa () => (int64[n] r1) { r1 = Add(s, three) },
            else_branch = ab () => (int64[n] r2) { r2 = Sub(x, s) }
          >
        },
        else_branch = b () => (int64[n] t) { t = Mul(x, three) }
      >
    }
    """).run
    for rows in ROWS:
        x = rng.integers(-(10**12), 10**12, rows)
        for c in (True, False):
            for d in (True, False):
                y = (2 * x + 3 if d else -x) if c else 3 * x
                np.testing.assert_array_equal(run({"c": np.array(c), "d": np.array(d), "x": x})["y"], y)


def test_condition_that_shapes_tell(compile_model, load, rng):
    """As torch.jit.script writes `x.shape[1] == 6`: the branch that is never taken need not even
    compile."""
    text = """
    g (float[n, 6] x) => (float[n, 6] y) {
      one = Constant <value = int64 {1}> ()
      shape = Shape(x)
      width = Gather <axis = 0> (shape, one)
      six = Constant <value = int64 {6}> ()
      c = Equal(width, six)
      y = If (c) <
        then_branch = a () => (float[n, 6] p) { p = Abs(x) },
        else_branch = b () => (float[k, m] q) { d = NonZero(x)  q = Cast <to = 1> (d) }
      >
    }
    """
    x = rng.standard_normal((3, 6), np.float32)
    np.testing.assert_array_equal(load(text).run({"x": x})["y"], np.abs(x))
    assert "scf.if" not in compile_model(model(text), "--emit", "mlir-kernel", output="k.mlir").read_text()


def test_branches_of_different_shapes(refused):
    said = refused("""
    g (bool c, float[n, 4] x) => (float[n, k] y) {
      [pick] y = If (c) <
        then_branch = a () => (float[n, 4] p) { p = Abs(x) },
        else_branch = b () => (float[n, 8] q) { q = Concat <axis = 1> (x, x) }
      >
    }
    """)
    assert "If node 'pick' cannot be compiled: its branches give result 0 the shapes [?, 4] and [?, 8]" in said


# ---- Loop ----


def test_as_many_steps_as_an_input_says(load, rng, assert_close):
    """As torch.jit.script writes `for i in range(n)`: two states, one read by the other's step."""
    run = load("""
    g (int64 steps, float[n, 8] x, float[8, 8] w) => (float[n, 8] a, float[n, 8] b) {
      yes = Constant <value = bool {1}> ()
      start = Neg(x)
      a, b = Loop (steps, yes, x, start) <
        body = step (int64 i, bool c, float[n, 8] p, float[n, 8] q) => (bool d, float[n, 8] r, float[n, 8] s) {
          f = Cast <to = 1> (i)
          u = MatMul(p, w)
          v = Add(u, q)
          t = Tanh(v)
          r = Sub(t, f)
          s = Mul(q, p)
          d = Identity(c)
        }
      >
    }
    """).run
    for steps, rows in [(0, 3), (1, 1), (5, 7), (3, 0), (-2, 2), (4, 19)]:
        x = rng.standard_normal((rows, 8), np.float32)
        w = (0.2 * rng.standard_normal((8, 8))).astype(np.float32)
        p, W = wide(x, w)
        q = -p
        for i in range(steps):
            p, q = np.tanh(p @ W + q) - i, q * p
        got = run({"steps": np.array(steps), "x": x, "w": w})
        assert_close(got["a"], p)
        assert_close(got["b"], q)


def test_states_that_change_places(load, rng):
    """What a step reads of a state is the old one, also through a view."""
    run = load("""
    g (int64 steps, float[4] x, float[4] z, float[2, 2] k) => (float[4] a, float[4] b, float[2, 2] m, float[4] fixed)
    <int64[1] shape = {4}, int64[2] square = {2, 2}> {
      a, b, m, fixed = Loop (steps, , x, z, k, x) <
        body = step (int64 i, bool c, float[4] p, float[4] q, float[2, 2] r, float[4] f)
            => (bool d, float[4] p2, float[4] q2, float[2, 2] r2, float[4] f2) {
          p2 = Identity(q)
          q2 = Reshape(r, shape)
          back = Transpose <perm = [0]> (p)
          r2 = Reshape(back, square)
          f2 = Identity(f)
          d = Constant <value = bool {1}> ()
        }
      >
    }
    """).run
    for steps in range(6):
        x, z = (rng.standard_normal(4, np.float32) for _ in "xz")
        k = rng.standard_normal((2, 2), np.float32)
        p, q, r = x, z, k
        for _ in range(steps):
            p, q, r = q, r.reshape(4), p.reshape(2, 2)
        got = run({"steps": np.array(steps), "x": x, "z": z, "k": k})
        for name, value in zip(("a", "b", "m", "fixed"), (p, q, r, x)):
            np.testing.assert_array_equal(got[name], value, name)


def test_until_a_condition(load, rng):
    """As torch.while_loop and torch.jit.script write `while`: without a number of steps, or
    with a bound besides."""
    text = """
    g (float[n] x, float limit) => (float[n] y, int64 count)
    <float two = {2.0}, int64 none = {0}, int64 one = {1}, int64 most = {MOST}> {
      s0 = ReduceMax <keepdims = 0> (x)
      c0 = Less(s0, limit)
      y, count = Loop (TRIPS, c0, x, none) <
        body = step (int64 i, bool c, float[n] p, int64 k) => (bool d, float[n] q, int64 m) {
          q = Mul(p, two)
          m = Add(k, one)
          t = ReduceMax <keepdims = 0> (q)
          d = Less(t, limit)
        }
      >
    }
    """
    for trips, most in [("", 3), ("most", 2**63 - 1), ("most", 3)]:
        run = load(text.replace("TRIPS", trips).replace("MOST", str(most))).run
        for rows in [1, 7, 33]:
            for limit in [0, 4, 1000]:
                x = rng.uniform(0.5, 2, rows).astype(np.float32)
                y, count = x, 0
                while y.max() < limit and (not trips or count < most):
                    y, count = 2 * y, count + 1
                got = run({"x": x, "limit": np.float32(limit)})
                assert got["count"] == count
                np.testing.assert_array_equal(got["y"], y)


def test_until_a_condition_of_fixed_shapes(load, rng):
    """As torch.jit.script writes `while x.abs().max() > 1`: the only input is the state."""
    run = load("""
    g (float[3, 6] x) => (float[3, 6] y)
    <float half = {0.5}, float one = {1.0}, int64 most = {9223372036854775807}> {
      a0 = Abs(x)
      m0 = ReduceMax <keepdims = 0> (a0)
      c0 = Greater(m0, one)
      y = Loop (most, c0, x) <
        body = step (int64 i, bool c, float[3, 6] p) => (bool d, float[3, 6] q) {
          q = Mul(p, half)
          a = Abs(q)
          m = ReduceMax <keepdims = 0> (a)
          d = Greater(m, one)
        }
      >
    }
    """).run
    for scale in (0.1, 1, 9, 1000):
        x = (scale * rng.uniform(-1, 1, (3, 6))).astype(np.float32)
        y = x
        while np.abs(y).max() > 1:
            y = y / 2
        np.testing.assert_array_equal(run({"x": x})["y"], y)


def test_steps_that_shapes_tell(load, rng, assert_close):
    """As many as an axis is long, each adding a row to two results; 300 of a constant number."""
    text = """
    g (float[n, s, 4] x) => (float[n, 4] last, float[s, n, 4] all, int64[s] places)
    <int64 second = {1}, float half = {0.5}> {
      shape = Shape(x)
      FIRST
      zero = Constant <value = float {0.0}> ()
      row = ReduceSum <keepdims = 0> (x, axes)
      none = Mul(row, zero)
      axes = Constant <value = int64[1] {1}> ()
      last, all, places = Loop (count, , none) <
        body = step (int64 i, bool c, float[n, 4] p) => (bool c2, float[n, 4] q, float[n, 4] old, int64 place) {
          e = Gather <axis = 1> (x, i)
          h = Mul(p, half)
          q = Add(h, e)
          old = Identity(p)
          place = Add(i, i)
          c2 = Identity(c)
        }
      >
    }
    """
    text = text.replace("axes = Constant <value = int64[1] {1}> ()\n", "").replace("FIRST", "axes = Constant <value = int64[1] {1}> ()\n FIRST")
    open_ended = text.replace("FIRST", "count = Gather <axis = 0> (shape, second)")
    constant = text.replace("FIRST", "count = Constant <value = int64 {300}> ()").replace("[n, s, 4]", "[n, 300, 4]")
    for run, sizes in [(load(open_ended).run, [(2, 5), (1, 1), (3, 0), (0, 4), (5, 41)]), (load(constant).run, [(1, 300), (3, 300)])]:
        for rows, steps in sizes:
            x = rng.standard_normal((rows, steps, 4), np.float32)
            p, olds = np.zeros((rows, 4)), []
            for i in range(steps):
                olds.append(p)
                p = p / 2 + x[:, i].astype(np.float64)
            got = run({"x": x})
            assert_close(got["last"], p)
            assert_close(got["all"], np.array(olds).reshape(steps, rows, 4))
            np.testing.assert_array_equal(got["places"], 2 * np.arange(steps))


def test_loop_and_branch_inside_of_a_loop(load, rng):
    """A branch in a step that leaves the state alone, and a loop of as many steps as the step's number."""
    run = load("""
    g (int64 steps, int64[n] x) => (int64[n] y)
    <int64 two = {2}, int64 three = {3}, int64 none = {0}> {
      y = Loop (steps, , x) <
        body = step (int64 i, bool c, int64[n] p) => (bool d, int64[n] q) {
          parity = Mod(i, two)
          odd = Cast <to = 9> (parity)
          t = If (odd) <
            then_branch = a () => (int64[n] a1) { a1 = Identity(p) },
            else_branch = b () => (int64[n] b1) { b1 = Mul(p, three) }
          >
          q = Loop (i, , t) <
            body = inner (int64 j, bool c3, int64[n] r) => (bool c4, int64[n] s) {
              s0 = Add(r, j)
              s = Sub(s0, p)
              c4 = Constant <value = bool {1}> ()
            }
          >
          d = Constant <value = bool {1}> ()
        }
      >
    }
    """).run
    for steps in range(5):
        for rows in ROWS:
            x = rng.integers(-9, 9, rows)
            p = x
            for i in range(steps):
                t = p if i % 2 else 3 * p
                for j in range(i):
                    t = t + j - p
                p = t
            np.testing.assert_array_equal(run({"steps": np.array(steps), "x": x})["y"], p)


def test_nothing_is_left_of_the_run_before(load, rng):
    run = load("""
    g (int64 steps, float[n] x) => (float[n] y) {
      y = Loop (steps, , x) <
        body = step (int64 i, bool c, float[n] p) => (bool d, float[n] q) {
          q = Add(p, x)
          d = Constant <value = bool {1}> ()
        }
      >
    }
    """).run
    x = rng.standard_normal(9, np.float32)
    for steps in (3, 3, 0, 1, 3):
        np.testing.assert_allclose(run({"steps": np.array(steps), "x": x})["y"], (steps + 1) * x, 1e-5)
    assert not np.array_equal(x, np.zeros(9))


GROWING = """
g (int64 steps, float[n] x) => (float[m] y) {
  [grow] y = Loop (steps, , x) <
    body = step (int64 i, bool c, float[p] a) => (bool d, float[q] b) {
      b = Concat <axis = 0> (a, x)
      d = Constant <value = bool {1}> ()
    }
  >
}
"""
COLLECTING = """
g (int64[p] s, float[n] x) => (float[m, n] y) {
  steps = ReduceSum <keepdims = 0> (s)
  yes = Constant <value = bool {1}> ()
  [collect] y = Loop (steps, yes) <
    body = step (int64 i, bool c) => (bool d, float[n] b) {
      b = Abs(x)
      d = Constant <value = bool {1}> ()
    }
  >
}
"""
ENDLESS = """
g (float[n] x) => (float[n] y) {
  [endless] y = Loop ( , , x) <
    body = step (int64 i, bool c, float[n] a) => (bool d, float[n] b) { b = Neg(a)  d = Identity(c) }
  >
}
"""


@pytest.mark.parametrize(
    "text, reason",
    [
        (GROWING, "Loop node 'grow' cannot be compiled: state 0 has the shape [?] before a step and [?] after it"),
        (COLLECTING, "Loop node 'collect' cannot be compiled: it collects what its steps yield"),
        (ENDLESS, "Loop node 'endless' cannot be compiled: it has no number of steps"),
    ],
)
def test_loops_that_are_refused(refused, text, reason):
    assert reason in refused(text)


# ---- Scan ----


def test_scan_along_axes_and_backwards(load, rng, assert_close):
    """Two scanned tensors, one from its end, along different axes; results along others."""
    text = """
    g (float[n, 3] h, float[n, s, 3] x, float[s, n] z) => (float[n, 3] last, float[n, 3, s] all, float[s, n] back) {
      last, all, back = Scan <num_scan_inputs = 2, scan_input_axes = [1, -2], scan_input_directions = [0, 1],
                              scan_output_axes = [-1, 0], scan_output_directions = [0, 1],
        body = step (float[n, 3] p, float[n, 3] e, float[n] f) => (float[n, 3] q, float[n, 3] r, float[n] t) {
          q0 = Add(p, e)
          q = Tanh(q0)
          axes = Constant <value = int64[1] {1}> ()
          g1 = Unsqueeze(f, axes)
          r = Mul(p, g1)
          t = Neg(f)
        }
      > (h, x, z)
    }
    """
    run = load(text).run
    fixed = load(text.replace("[n, s, 3] x", "[n, 300, 3] x").replace("[s, n] z", "[300, n] z")).run
    for rows, steps in [(2, 5), (1, 1), (3, 0), (0, 4), (4, 23), (2, 300)]:
        h = rng.standard_normal((rows, 3), np.float32)
        x = rng.standard_normal((rows, steps, 3), np.float32)
        z = rng.standard_normal((steps, rows), np.float32)
        p, X, Z = wide(h, x, z)
        every, back = np.zeros((rows, 3, steps)), np.zeros((steps, rows))
        for i in range(steps):
            f = Z[steps - 1 - i]
            every[:, :, i], back[steps - 1 - i] = p * f[:, None], -f
            p = np.tanh(p + X[:, i])
        for one in (run, fixed) if steps == 300 else (run,):
            got = one({"h": h, "x": x, "z": z})
            assert_close(got["last"], p)
            assert_close(got["all"], every)
            assert_close(got["back"], back)


def test_scan_without_states(load, rng, assert_close):
    run = load("""
    g (float[s, n] x, float[n, 4] w) => (float[s, 4] y) {
      y = Scan <num_scan_inputs = 1, body = step (float[n] e) => (float[4] r) { r = MatMul(e, w) }> (x)
    }
    """).run
    for steps, width in [(3, 5), (1, 1), (0, 7), (13, 17)]:
        x, w = rng.standard_normal((steps, width), np.float32), rng.standard_normal((width, 4), np.float32)
        X, W = wide(x, w)
        assert_close(run({"x": x, "w": w})["y"], X @ W)
