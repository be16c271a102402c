"""Mixers of places by Fourier transforms (FNet, AFFNet, GFNet) as torch's exporter writes them."""

import re

import numpy as np
import pytest
from onnx import helper, numpy_helper


class Graph:
    def __init__(self, shape):
        self.nodes, self.constants, self.shape = [], [], shape

    def constant(self, array):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def __call__(self, kind, *reads, **attributes):
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, reads, [name], **attributes))
        return name

    def dft(self, x, axis, length=None, **attributes):
        return self("DFT", x, "" if length is None else self.constant(np.int64(length)),
                    self.constant(np.int64(axis)), **attributes)  # fmt: skip

    def part(self, x, index):
        """Slice keeps the axis, as products of complex values are written."""
        bounds = [self.constant(np.array([i])) for i in (index, index + 1, -1)]
        return self("Slice", x, *bounds)

    def model(self, y):
        value = helper.make_tensor_value_info
        graph = helper.make_graph(
            self.nodes, "graph", [value("x", 1, ["b", *self.shape[1:]])], [value(y, 1, None)], self.constants
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def interleavings(kernels):
    """Shapes of what kernels write whose innermost axis has the two parts."""
    return re.findall(r"outs\([^)]*x2xf32>\)", kernels)


@pytest.mark.parametrize("shape", [(3, 10, 24), (2, 7, 97), (1, 128, 320)])
@pytest.mark.parametrize("spelling", ["real", "zeros"])
def test_fnet(compile_model, run_model, rng, assert_close, shape, spelling):
    """x + Re F_sequence F_hidden x: two transforms, the second one of real parts alone."""
    g = Graph(shape)
    z = g("Unsqueeze", "x", g.constant(np.array([-1])))
    if spelling == "zeros":
        zeros = g("Expand", g.constant(np.float32(0)), g("Shape", z))
        z = g("Concat", z, zeros, axis=-1)
    f = g.dft(g.dft(z, 2), 1)
    y = g("Add", "x", g("Gather", f, g.constant(np.int64(0)), axis=3))
    x = rng.standard_normal(shape).astype(np.float32)
    artefact = compile_model(g.model(y))
    expected = x + np.fft.fft2(x.astype(np.float64)).real
    assert_close(run_model(artefact, {"x": x})[y], expected)
    kernels = compile_model(g.model(y), "--emit", "mlir-kernel", output="stage.mlir").read_text()
    assert "kernel.map ins" not in kernels and not interleavings(kernels), kernels


def softshrink(g, z, by):
    limit = g.constant(np.float32(by))
    beyond = g("Greater", g("Abs", z), limit)
    shrunk = g("Sub", z, g("Mul", g("Sign", z), limit))
    return g("Where", beyond, shrunk, g("Mul", z, g.constant(np.float32(0))))


def product(g, a, b):
    """A product of complex values."""
    ar, ai, br, bi = (g.part(v, i) for v in (a, b) for i in (0, 1))
    return g("Concat", g("Sub", g("Mul", ar, br), g("Mul", ai, bi)),
             g("Add", g("Mul", ar, bi), g("Mul", ai, br)), axis=-1)  # fmt: skip


@pytest.mark.parametrize("height,width", [(6, 8), (5, 7), (16, 33)])
@pytest.mark.parametrize("stacked", [True, False])
def test_affnet(compile_model, run_model, rng, assert_close, height, width, stacked):
    """x + irfft2(mask(rfft2 x) rfft2 x), the mask a block-diagonal net of each frequency."""
    blocks, size, bins = 4, 8, width // 2 + 1
    channels = blocks * size
    w = (rng.standard_normal((2, 2, blocks, size, size)) * size**-0.5).astype(np.float32)
    bias = rng.standard_normal((2, 2, blocks, size, 1, 1)).astype(np.float32)
    g = Graph((2, channels, height, width))
    roots = [g.constant(np.float32(n**0.5)) for n in (width, height)]
    z = g("Unsqueeze", "x", g.constant(np.array([-1])))
    f = g("Div", g.dft(g("Div", z, roots[0]), 3, width, onesided=1), roots[1])
    f = g.dft(f, 2)
    view = g("Reshape", f, g.constant(np.array([0, blocks, size, height, bins, 2])))
    parts = [g("Gather", view, g.constant(np.int64(i)), axis=5) for i in (0, 1)]
    for layer in (0, 1):
        re, im = parts
        weights = [g.constant(w[layer, i]) for i in (0, 1)]
        mix = lambda v, i: g("Einsum", v, weights[i], equation="bkihw,kio->bkohw")  # noqa: E731
        parts = [g("Add", g("Sub", mix(re, 0), mix(im, 1)), g.constant(bias[layer, 0])),
                 g("Add", g("Add", mix(im, 0), mix(re, 1)), g.constant(bias[layer, 1]))]  # fmt: skip
        if layer == 0:
            parts = [g("Relu", part) for part in parts]
    if not stacked:
        parts = [softshrink(g, part, 0.01) for part in parts]
    mask = g("Concat", *(g("Unsqueeze", part, g.constant(np.array([-1]))) for part in parts), axis=-1)
    if stacked:
        mask = softshrink(g, mask, 0.01)
    mask = g("Reshape", mask, g.constant(np.array([0, channels, height, bins, 2])))
    s = g("Mul", g.dft(product(g, mask, f), 2, inverse=1), g.constant(np.array([height**0.5], np.float32)))
    s = g("Mul", g.dft(s, 3, width, inverse=1, onesided=1), g.constant(np.array([width**0.5], np.float32)))
    y = g("Add", "x", g("Squeeze", g.part(s, 0), g.constant(np.array([-1]))))

    x = rng.standard_normal((2, channels, height, width)).astype(np.float32)
    spectrum = np.fft.rfft2(x.astype(np.float64), norm="ortho")
    p = spectrum.reshape(2, blocks, size, height, bins)
    for layer in (0, 1):
        weight = w[layer, 0].astype(np.float64) + 1j * w[layer, 1]
        p = np.einsum("bkihw,kio->bkohw", p, weight) + (bias[layer, 0] + 1j * bias[layer, 1])
        if layer == 0:
            p = np.maximum(p.real, 0) + 1j * np.maximum(p.imag, 0)
    shrink = lambda v: np.sign(v) * np.maximum(np.abs(v) - np.float32(0.01), 0)  # noqa: E731
    p = (shrink(p.real) + 1j * shrink(p.imag)).reshape(spectrum.shape)
    expected = x + np.fft.irfft2(p * spectrum, (height, width), norm="ortho")
    model = g.model(y)
    assert_close(run_model(compile_model(model), {"x": x})[y], expected)
    kernels = compile_model(model, "--emit", "mlir-kernel", output="stage.mlir").read_text()
    assert not interleavings(kernels), interleavings(kernels)


def test_static_filter(compile_model, run_model, rng, assert_close):
    """A constant factor for each frequency, of an image whose channels come last."""
    shape, bins = (2, 6, 8, 12), 5
    g = Graph(shape)
    filters = rng.standard_normal((6, bins, 12, 2)).astype(np.float32)
    z = g("Unsqueeze", "x", g.constant(np.array([-1])))
    f = product(g, g.dft(g.dft(z, 2, 8, onesided=1), 1), g.constant(filters))
    s = g.dft(g.dft(f, 1, inverse=1), 2, 8, inverse=1, onesided=1)
    y = g("Squeeze", g.part(s, 0), g.constant(np.array([-1])))
    x = rng.standard_normal(shape).astype(np.float32)
    spectrum = np.fft.rfft2(x.astype(np.float64), axes=(1, 2)) * (filters[..., 0] + 1j * filters[..., 1].astype(np.float64))
    model = g.model(y)
    assert_close(run_model(compile_model(model), {"x": x})[y], np.fft.irfft2(spectrum, (6, 8), axes=(1, 2)))
