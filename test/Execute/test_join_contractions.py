"""Contractions that meet in an epilogue: that they are one kernel, and the results stay."""

import platform
import re

import numpy as np
import pytest
from onnx.reference import ReferenceEvaluator

from Execute.graphs import Graph

CPUS = [None, "x86-64-v3", "x86-64-v2"]


def linear(graph, value, inputs, outputs, bias=True):
    graph.last = value
    graph.then("MatMul", graph.constant((inputs, outputs), magnitude=inputs**-0.5))
    if bias:
        graph.then("Add", graph.constant(outputs))
    return graph.last


def apply(graph, kind, *operands, **attributes):
    graph.last = operands[0]
    graph.then(kind, *operands[1:], **attributes)
    return graph.last


def silu(graph, value):
    return apply(graph, "Mul", value, apply(graph, "Sigmoid", value))


def swiglu(graph, d, h):
    """down(silu(gate x) * (up x)): gate and up in one kernel."""
    gate = silu(graph, linear(graph, "x", d, h))
    product = apply(graph, "Mul", linear(graph, "x", d, h, bias=False), gate)
    linear(graph, product, h, d)
    return [[0, 1]]


def dual(graph, d, h):
    """lin x + out(gelu(in x)): the two outer maps into one sum."""
    hidden = apply(graph, "Gelu", linear(graph, "x", d, h))
    right = linear(graph, hidden, h, d, bias=False)
    apply(graph, "Add", linear(graph, "x", d, d), right)
    return [[0, 0]]


def gated_lora(graph, d, h):
    """Both halves with an update of rank 3 whose input no other map reads."""
    halves = []
    for _ in range(2):
        low = apply(graph, "Tanh", linear(graph, "x", d, 3, bias=False))
        update = linear(graph, low, 3, h, bias=False)
        halves.append(apply(graph, "Add", linear(graph, "x", d, h), update))
    apply(graph, "Mul", apply(graph, "Gelu", halves[0]), halves[1])
    return [[0, 0, 1, 1]]


def three_inputs(graph, d, h):
    """tanh(x A + |x| B + x² C)."""
    values = ["x", apply(graph, "Abs", "x"), apply(graph, "Mul", "x", "x")]
    maps = [linear(graph, value, d, h, bias=i == 1) for i, value in enumerate(values)]
    apply(graph, "Tanh", apply(graph, "Add", maps[2], apply(graph, "Add", maps[0], maps[1])))
    return [[0, 0, 0]]


def four_gates(graph, d, h):
    """σ(a x) tanh(b x) + σ(c x) tanh(e x), as a cell of a recurrent net."""
    parts = [
        apply(graph, "Sigmoid" if i % 2 == 0 else "Tanh", linear(graph, "x", d, h)) for i in range(4)
    ]
    apply(graph, "Add", apply(graph, "Mul", *parts[:2]), apply(graph, "Mul", *parts[2:]))
    return [[0, 1, 2, 3]]


NETS = [swiglu, dual, gated_lora, three_inputs, four_gates]
SIZES = [(1, 1), (5, 70), (37, 13), (700, 64), (16, 600)]


def sums_in(text):
    """The `sums` of every contraction that has them, each sorted."""
    return [sorted(map(int, found.split(","))) for found in re.findall(r"sums = array<i64: ([^>]*)>", text)]


def check(graph, compile_model, strut_run, tmp_path, assert_close, sums, feeds, cpu=None, dtype=np.float32):
    import strut

    flags = ["--target-cpu", cpu] if cpu else []
    model = strut.load(str(compile_model(graph.model(dtype), *flags)), threads=2)
    strut_run("compile", tmp_path / "model.onnx", "--emit", "mlir-kernel", "-o", tmp_path / "kernel.mlir")
    assert sums_in((tmp_path / "kernel.mlir").read_text()) == sums
    exact = ReferenceEvaluator(graph.model(np.float64))
    for x in feeds:
        expected = exact.run(None, {"x": np.float64(x)})[0]
        assert_close(model.run({"x": x.astype(dtype)})["y"], expected, str(np.dtype(dtype)))
    return model


@pytest.mark.parametrize("cpu", CPUS, ids=str)
@pytest.mark.parametrize("net", NETS)
def test_nets(net, cpu, rng, compile_model, strut_run, tmp_path, assert_close):
    if cpu and platform.machine() != "x86_64":
        pytest.skip(f"{cpu} needs an x86-64 machine")
    d, h = SIZES[rng.integers(len(SIZES))]
    graph = Graph(rng, ["n", "s", d])
    sums = net(graph, d, h)
    feeds = [rng.standard_normal((n, s, d)) for n, s in [(2, 5), (1, 1), (0, 3), (3, 67)]]
    check(graph, compile_model, strut_run, tmp_path, assert_close, sums, feeds, cpu)


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("d, h", SIZES)
def test_sizes(net, d, h, rng, compile_model, strut_run, tmp_path, assert_close):
    """Tails of every kind, sums of more than one block; bits that depend on the row alone."""
    graph = Graph(rng, ["n", d])
    sums = net(graph, d, h)
    x = rng.standard_normal((40, d))
    model = check(graph, compile_model, strut_run, tmp_path, assert_close, sums, [x[:0], x[:1], x])
    x = np.float32(x)
    whole = model.run({"x": x})["y"]
    for begin, end in [(0, 1), (3, 4), (1, 6), (5, 40)]:
        np.testing.assert_array_equal(model.run({"x": x[begin:end]})["y"], whole[begin:end])


@pytest.mark.parametrize("joined", ["Add", "Mul"])
def test_doubles(joined, rng, compile_model, strut_run, tmp_path, assert_close):
    """Without functions, which have the digits of float32."""
    graph = Graph(rng, ["n", 24])
    right = linear(graph, apply(graph, "Abs", "x"), 24, 37)
    apply(graph, joined, linear(graph, "x", 24, 37), apply(graph, "Neg", right) if joined == "Mul" else right)
    sums = [[0, 0]] if joined == "Add" else [[0, 1]]
    x = rng.standard_normal((7, 24))
    check(graph, compile_model, strut_run, tmp_path, assert_close, sums, [x], dtype=np.float64)


def test_two_sums_keep_their_bits(rng, compile_model, tmp_path):
    """silu(g) u with both halves in one kernel has the bits of the halves on their own."""
    import strut

    graph = Graph(rng, ["n", 30])
    u = linear(graph, "x", 30, 50)
    g = linear(graph, "x", 30, 50)
    apply(graph, "Mul", u, g)
    model = graph.model(np.float32)
    joint = strut.load(str(compile_model(model)))
    x = rng.standard_normal((9, 30), np.float32)
    product = joint.run({"x": x})["y"]
    halves = []
    for value in (u, g):
        half = graph.model(np.float32)
        (index,) = (i for i, node in enumerate(half.graph.node) if node.output[0] == value)
        del half.graph.node[index + 1 :]
        half.graph.node[index].output[0] = "y"
        halves.append(strut.load(str(compile_model(half))).run({"x": x})["y"])
    np.testing.assert_array_equal(product, halves[0] * halves[1])


@pytest.mark.parametrize("joined", ["Add", "Mul"])
def test_convolutions(joined, rng, compile_model, strut_run, tmp_path, assert_close):
    """A window and a pixel of one image, as at the ends of a stage of a residual net."""
    graph = Graph(rng, ["n", 5, "h", "w"])
    graph.then("Conv", graph.constant((12, 5, 3, 3)), graph.constant(12), strides=[2, 2], pads=[1, 1, 1, 1])
    window = graph.last
    inner = apply(graph, "Tanh", "x")
    graph.last = inner
    graph.then("Conv", graph.constant((12, 5, 1, 1)), strides=[2, 2])
    apply(graph, "Relu", apply(graph, joined, window, graph.last))
    feeds = [rng.standard_normal((n, 5, h, w)) for n, h, w in [(2, 9, 7), (1, 2, 2), (0, 4, 4), (1, 16, 33)]]
    sums = [[0, 0]] if joined == "Add" else [[0, 1]]
    check(graph, compile_model, strut_run, tmp_path, assert_close, sums, feeds)
