"""Convolutions, filters per channel and pools in small networks, against onnx's own evaluator in
float64: extents that fill no block, channels that fill no vector, every stride and padding."""

import platform

import numpy
import pytest
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

from bench.convnets import Network, inverted
from Execute.graphs import in_float64


def filters(net, kernel, stride):
    """A filter per channel behind a convolution that it alone reads, and beside others."""
    x = net.conv(net.start, 21, act="hardswish")
    y = net.conv(x, 21, kernel, stride, 21, "relu")
    z = net.conv(net.conv(x, 21), 21, kernel, stride, 21, "silu")
    return net.add(y, z)


def dense(net):
    """Windows over values that others read too, and over parts put together."""
    x = net.conv(net.start, 18, 3)
    y = net.conv(x, 5, 3)
    z = net.conv(net.concat(x, y, net.start), 33, 3, 2, act=None)
    return net.linear(net.concat(z, net.pool(x)), 7)


def residual(net):
    x = net.conv(net.start, 32, 7, 2)
    y = net.conv(net.conv(x, 16), 16, 3)
    x = net.add(net.conv(y, 32, act=None), x, "relu")
    return net.linear(net.mean(net.conv(x, 70, 1, 2)), 5)


def groups(net, count, inputs, outputs, kernel, stride):
    """Groups of channels, of a value that they alone read and of one beside others."""
    x = net.conv(net.start, count * inputs)
    y = net.conv(x, count * outputs, kernel, stride, count, "silu")
    z = net.conv(net.conv(x, count * inputs, 3), count * outputs, kernel, stride, count, None)
    return net.add(y, z, "relu")


def tiles(net, outputs, kernel, stride, size):
    """Each pixel becomes a window of the result: beside each other, apart, or one over another."""
    x = net.conv(net.start, 11)
    rng = numpy.random.default_rng(outputs)
    weight, shift = net.weight(rng.standard_normal((11, outputs, kernel, kernel))), net.weight(rng.standard_normal(outputs))
    y = net.op("ConvTranspose", [x[0], weight, shift], (size - 1) * stride + kernel, strides=[stride] * 2)
    return net.conv(net.act((y, outputs), "relu"), 6, 3)


def deep(net):
    """More than one block of products in a window."""
    return net.conv(net.conv(net.start, 130), 19, 3)


NETWORKS = {
    **{
        f"filters{k}s{s}at{size}": (3, size, lambda net, k=k, s=s: filters(net, k, s))
        for k, s, size in [(3, 1, 7), (3, 2, 9), (5, 1, 12), (5, 2, 8), (7, 1, 10), (2, 2, 6), (3, 1, 1)]
    },
    **{
        f"groups{'x'.join(map(str, how))}at{size}": (5, size, lambda net, how=how: groups(net, *how))
        for *how, size in [(3, 8, 8, 3, 1, 7), (13, 5, 7, 3, 2, 9), (2, 24, 16, 1, 1, 5), (4, 3, 4, 5, 1, 6),
                           (5, 2, 6, 3, 1, 4), (3, 6, 2, 3, 2, 8), (2, 40, 33, 3, 1, 1)]
    },
    **{
        f"tiles{'x'.join(map(str, how))}at{size}": (4, size, lambda net, how=(*how, size): tiles(net, *how))
        for *how, size in [(8, 2, 2, 7), (5, 3, 3, 4), (33, 2, 2, 1), (1, 4, 4, 3), (6, 3, 2, 5), (6, 2, 3, 5)]
    },
    "inverted": (24, 11, lambda net: inverted(net, net.start, 50, 24, 5, 1, "hardswish", 8, "hardsigmoid", "relu")),
    "dense": (6, 13, dense),
    "residual": (3, 29, residual),
    "pools": (17, 11, lambda net: net.add(net.pool(net.start), net.pool(net.start, "AveragePool"))),
    "deep": (3, 5, deep),
    # 768 products of a patch, in rows of 16 that do not follow each other.
    "patches": (3, 32, lambda net: net.conv(net.start, 24, 16, 16)),
}  # fmt: skip


# None is the processor at hand; vectors of 8 and of 4 lanes see fewer networks.
CASES = [(name, None) for name in NETWORKS]
CASES += [(name, cpu) for name in ("filters3s1at7", "groups13x5x7x3x2at9", "inverted", "dense", "patches") for cpu in ("x86-64-v3", "x86-64-v2")]


@pytest.mark.parametrize(("name", "cpu"), CASES)
def test_networks(compile_file, load, tmp_path, rng, assert_close, name, cpu):
    if cpu and platform.machine() != "x86_64":
        pytest.skip(f"{cpu} needs an x86-64 machine")
    channels, size, build = NETWORKS[name]
    net = Network(channels, size, int(rng.integers(1 << 30)))
    made = net.model(build(net))
    (tmp_path / "model.onnx").write_bytes(made.SerializeToString())
    flags = ["--target-cpu", cpu] if cpu else []
    path = compile_file(tmp_path / "model.onnx", tmp_path / "model.so", *flags)
    one, two = load(path, 1), load(path, 2)
    evaluator = ReferenceEvaluator(in_float64(made))
    images = rng.standard_normal((3, channels, size, size)).astype(numpy.float32)
    whole = None
    for count in (3, 1, 0, 2):
        feed = {"x": images[:count]}
        actual = one.run(feed)["y"]
        if count == 0:
            assert actual.shape[0] == 0
            continue
        assert_close(actual, evaluator.run(None, {"x": feed["x"].astype(numpy.float64)})[0], what=name)
        numpy.testing.assert_array_equal(actual, two.run(feed)["y"], err_msg="on two threads")
        whole = actual if whole is None else whole
        numpy.testing.assert_array_equal(actual, whole[:count], err_msg="alone and in a batch")


def test_sums_in_blocks(compile_file, load, tmp_path, rng):
    """4608 products in one float32 accumulator would be some three times as far off."""
    net = Network(512, 3)
    made = net.model(net.conv(net.start, 64, 3, act=None, norm=False, pad=0))
    (tmp_path / "model.onnx").write_bytes(made.SerializeToString())
    path = compile_file(tmp_path / "model.onnx", tmp_path / "model.so")
    images = rng.standard_normal((20, 512, 3, 3)).astype(numpy.float32)
    weight, bias = (numpy_helper.to_array(constant) for constant in made.graph.initializer)
    products = images[:, None].transpose(0, 1, 3, 4, 2) * weight[None].transpose(0, 1, 3, 4, 2)
    products = products.reshape(20, 64, -1)
    exact = (images.astype(numpy.float64).reshape(20, -1) @ weight.astype(numpy.float64).reshape(64, -1).T) + bias
    plain = numpy.cumsum(products, axis=-1, dtype=numpy.float32)[..., -1] + bias

    def error(value):
        return numpy.sqrt(numpy.mean((value - exact) ** 2))

    assert error(load(path).run({"x": images})["y"].reshape(20, 64)) < 0.6 * error(plain)
