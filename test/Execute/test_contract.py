"""kernel.contract, compiled from kernel IR and run: tails of every kind, every way in which an
operand can lie, every type, on several instruction sets."""

import platform

import numpy
import pytest

from Execute.kernels import Program, random_array

COLUMNS = [1, 10, 16, 63, 64, 65, 200]
DEPTHS = [0, 1, 37]
ROWS = [7, 40, 1, 0, 33]
# None is the processor at hand; the others are x86-64 baselines that it includes.
CPUS = [None, "x86-64-v3", "x86-64-v2"]


def contract(program, rhs_form, dtype, k, n, number, rng):
    """Adds y[M, n] = max(x[M, k] · w[k, n] + b[n], -1) with w a weight, a view, or stored as its
    transpose, which is packed at run time."""
    acc = {"f64": "f64", "i8": "i32"}.get(dtype, "f32")
    lhs = program.input(f"x{dtype}{k}", dtype, ("M", k)), ["m", "k"]
    extra = program.input(f"b{acc}{n}", acc, (n,)), ["n"]
    if rhs_form == "weight":
        rhs = program.weight(f"w{number}", random_array(rng, dtype, (k, n)), dtype), ["k", "n"]
    elif rhs_form == "weight-transposed":
        rhs = program.weight(f"w{number}", random_array(rng, dtype, (n, k)), dtype), ["n", "k"]
    elif rhs_form == "view":
        rhs = program.input(f"v{dtype}{k}x{n}", dtype, (k, n)), ["k", "n"]
    else:
        rhs = program.input(f"t{dtype}{n}x{k}", dtype, (n, k)), ["n", "k"]
    program.contract("m, n, k", lhs, rhs, (("M", n), ["m", "n"]), extra)


def every_size(rng, dtype, columns=COLUMNS):
    program = Program(symbols=["M"])
    number = 0
    for form in ("weight", "weight-transposed", "view", "transposed"):
        for k in DEPTHS:
            for n in columns:
                contract(program, form, dtype, k, n, number, rng)
                number += 1
    return program


def every_shape(rng):
    """Batches, windows, sizes that are known at run time alone, views with strides."""
    program = Program(symbols=["B", "M", "K", "N"])
    bmk = program.input("bmk", "f32", ("B", "M", "K")), ["b", "m", "k"]
    bkn = program.input("bkn", "f32", ("B", "K", "N")), ["b", "k", "n"]
    bnk = program.input("bnk", "f32", ("B", "N", "K")), ["b", "n", "k"]
    bmn = ("B", "M", "N"), ["b", "m", "n"]
    bias = program.input("bias", "f32", ("N",)), ["n"]
    program.contract("b, m, n, k", bmk, bkn, bmn, bias)
    program.contract("b, m, n, k", bmk, bnk, bmn, bias)
    # A head of several, not contiguous, on either side.
    q = program.input("q", "f32", ("B", "M", 3, 20)), ["b", "m", "h", "k"]
    t = program.input("t", "f32", ("B", "N", 3, 20)), ["b", "n", "h", "k"]
    program.contract("b, h, m, n, k", q, t, (("B", 3, "M", "N"), ["b", "h", "m", "n"]))
    program.contract("b, h, m, n, k", q, t, (("B", "M", 3, "N"), ["b", "m", "h", "n"]))
    # The left-hand side transposed; a residual over rows and columns.
    km = program.input("km", "f32", ("K", "M")), ["k", "m"]
    kn = program.input("kn", "f32", ("K", "N")), ["k", "n"]
    residual = program.input("mn", "f32", ("M", "N")), ["m", "n"]
    program.contract("m, n, k", km, kn, (("M", "N"), ["m", "n"]), residual)
    # Columns that are not the last axis of the result.
    program.contract("m, n, k", km, kn, (("N", "M"), ["n", "m"]))
    # Batched weights.
    heads = program.input("heads", "f32", ("M", 4, 30)), ["m", "h", "k"]
    w = program.weight("w", random_array(rng, "f32", (4, 30, 70)), "f32"), ["h", "k", "n"]
    program.contract("h, m, n, k", heads, w, (("M", 4, 70), ["m", "h", "n"]))
    # Convolution, 3 × 3, stride 2, dilation 2, channels last and first.
    image = program.input("image", "f32", ("B", 15, 17, 5)), ["b", "i * 2 + p * 2", "j * 2 + q * 2", "c"]
    taps = random_array(rng, "f32", (3, 3, 5, 12))
    filters = program.weight("filters", taps, "f32"), ["p", "q", "c", "n"]
    last = (("B", 6, 7, 12), ["b", "i", "j", "n"])
    program.contract("b, i, j, n, p, q, c", image, filters, last)
    planes = program.input("planes", "f32", ("B", 5, 15, 17)), ["b", "c", "i * 2 + p * 2", "j * 2 + q * 2"]
    oihw = random_array(rng, "f32", (12, 5, 3, 3))
    filters = program.weight("oihw", oihw, "f32"), ["n", "c", "p", "q"]
    first = (("B", 12, 6, 7), ["b", "n", "i", "j"])
    program.contract("b, i, j, n, c, p, q", planes, filters, first)
    return program


def every_interleaving(rng, dtype="f32"):
    """Blocks whose columns lie side by side in the result: 2 to 8 of them are computed at once,
    with extras that lie as the result does, per row, or across."""
    program = Program(symbols=["M"])
    acc = {"f64": "f64", "i8": "i32"}.get(dtype, "f32")
    sizes = [(2, 37, 64), (3, 5, 70), (4, 600, 130), (6, 0, 1), (8, 12, 65), (9, 4, 20)]
    for number, (blocks, k, n) in enumerate(sizes):
        strided = program.input(f"x{number}", dtype, ("M", k, blocks)), ["m", "k", "l"]
        lhs = program.input(f"z{number}", dtype, ("M", blocks, k)), ["m", "l", "k"]
        weight = random_array(rng, dtype, (blocks, k, n))
        w = program.weight(f"w{number}", weight, dtype), ["l", "k", "n"]
        bias = program.input(f"b{number}", acc, (n, blocks)), ["n", "l"]
        turned = program.input(f"t{number}", acc, (blocks, n)), ["l", "n"]
        rows = program.input(f"r{number}", acc, ("M",)), ["m"]
        out = ("M", n, blocks), ["m", "n", "l"]
        program.contract("m, l, n, k", strided, w, out, bias)
        program.contract("m, l, n, k", lhs, w, out, rows)
        program.contract("m, l, n, k", lhs, w, out, turned)
        # Blocks of blocks.
        outer = program.input(f"o{number}", dtype, ("M", 3, k, blocks)), ["m", "g", "k", "l"]
        weights = program.weight(f"v{number}", random_array(rng, dtype, (3, blocks, k, n)), dtype), ["g", "l", "k", "n"]
        program.contract("g, l, m, n, k", outer, weights, (("M", 3, n, blocks), ["m", "g", "n", "l"]))
    return program


SHAPES = [(2, 7, 37, 65), (1, 40, 1, 1), (3, 1, 16, 64), (2, 5, 0, 10), (0, 3, 4, 5), (2, 0, 3, 4), (1, 6, 70, 0)]


def run_all(program, model, feeds, assert_close, rng):
    for dims in feeds:
        feed = program.feed(rng, dims)
        program.check(model.run(feed), feed, dims, assert_close)


def skip_unless_x86(cpu):
    if cpu and platform.machine() != "x86_64":
        pytest.skip(f"{cpu} needs an x86-64 machine")


@pytest.mark.parametrize("cpu", CPUS, ids=str)
def test_sizes(compile_program, load, rng, assert_close, cpu):
    skip_unless_x86(cpu)
    program = every_size(rng, "f32")
    model = load(compile_program(program, *(["--target-cpu", cpu] if cpu else [])))
    run_all(program, model, [{"M": m} for m in ROWS], assert_close, rng)


@pytest.mark.parametrize("cpu", CPUS, ids=str)
def test_shapes(compile_program, load, rng, assert_close, cpu):
    skip_unless_x86(cpu)
    program = every_shape(rng)
    model = load(compile_program(program, *(["--target-cpu", cpu] if cpu else [])))
    feeds = [dict(zip("BMKN", shape)) for shape in SHAPES]
    run_all(program, model, feeds, assert_close, rng)


@pytest.mark.parametrize("dtype", ["f16", "bf16", "f64", "i8"])
@pytest.mark.parametrize("cpu", CPUS, ids=str)
def test_types(compile_program, load, rng, assert_close, cpu, dtype):
    skip_unless_x86(cpu)
    program = every_size(rng, dtype, [1, 10, 65])
    # A result of the operands' own type is rounded once, from the accumulator.
    if dtype in ("f16", "bf16"):
        lhs = program.input(f"x{dtype}37", dtype, ("M", 37)), ["m", "k"]
        rhs = program.input(f"v{dtype}37x65", dtype, (37, 65)), ["k", "n"]
        program.contract("m, n, k", lhs, rhs, (("M", 65), ["m", "n"]), dtype=dtype)
    model = load(compile_program(program, *(["--target-cpu", cpu] if cpu else [])))
    run_all(program, model, [{"M": m} for m in (7, 0, 1)], assert_close, rng)


@pytest.mark.parametrize("cpu, dtype", [*((cpu, "f32") for cpu in CPUS), *((None, t) for t in ("f16", "f64", "i8"))])
def test_interleaved_blocks(compile_program, load, rng, assert_close, cpu, dtype):
    skip_unless_x86(cpu)
    program = every_interleaving(rng, dtype)
    model = load(compile_program(program, *(["--target-cpu", cpu] if cpu else [])))
    run_all(program, model, [{"M": m} for m in (7, 0, 1, 40)], assert_close, rng)


@pytest.mark.parametrize("programs", [lambda rng: every_size(rng, "f32", [1, 63, 200]), every_interleaving])
def test_bits_depend_on_the_row_alone(compile_program, load, rng, programs):
    """A row has the same bits in a batch of any size, in any place, at any number of threads."""
    program = programs(rng)
    path = compile_program(program)
    one, two = load(path, 1), load(path, 2)
    feed = program.feed(rng, {"M": 40})
    rows = [name for name, shape in ((i.name, i.shape) for i in program.inputs) if shape[0] == "M"]
    whole = two.run(feed)
    for name, value in one.run(feed).items():
        numpy.testing.assert_array_equal(value, whole[name], err_msg=f"{name} on one thread")
    for begin, end in [(0, 1), (3, 4), (39, 40), (1, 6), (0, 7), (5, 40)]:
        part = two.run({**feed, **{name: feed[name][begin:end] for name in rows}})
        for name, value in part.items():
            numpy.testing.assert_array_equal(value, whole[name][begin:end], err_msg=f"{name} {begin}:{end}")
