"""Concatenations whose parts are computed where they lie: no copy is left, and nothing else changes."""

import re

import numpy as np
import pytest
from bench.convnets import Network, dense
from Execute.graphs import in_float64
from onnx.reference import ReferenceEvaluator


def block(net, layers=4, channels=24):
    """A dense block: each layer reads all before it, put together anew."""
    parts = [net.conv(net.start, channels)]
    for _ in range(layers):
        x = net.concat(*parts) if len(parts) > 1 else parts[0]
        parts.append(net.conv(net.conv(net.act(x, "relu"), 20), 16, 3, act=None))
    return net.conv(net.concat(*parts), 19)


def nested(net):
    """The same, each concatenation a part of the next."""
    return net.conv(dense(net, net.conv(net.start, 24), 4, 16), 19)


def unet(net, kernel):
    """What goes down comes back beside what comes up, in windows of 2 pixels."""
    across = net.conv(net.conv(net.start, 16, 3), 32, 3)
    down = net.conv(net.conv(across, 32, 3, 2), 64, 3)
    size = net._sizes[across[0]]
    weight = net.weight(net._rng.standard_normal((64, 24, kernel, kernel)) / 8)
    up = net.op("ConvTranspose", [down[0], weight], size, strides=[2, 2], auto_pad="SAME_UPPER"), 24
    return net.conv(net.concat(across, up), 8, 3)


def direct(net):
    """A layer that reads what it is to be put beside cannot write there."""
    x = net.concat(net.conv(net.start, 16), net.conv(net.start, 32))
    return net.conv(net.concat(x, net.conv(x, 16, 1, act=None)), 5)


def twice(net):
    x, y = net.conv(net.start, 16), net.conv(net.start, 32)
    return net.conv(net.concat(x, y, net.act(x, "hardswish"), x), 7)


def thin(net):
    """Parts of 12 bytes an element of the image, which others would have to read one by one."""
    x, y = net.conv(net.start, 3), net.conv(net.start, 3)
    return net.conv(net.concat(net.concat(x, y), net.conv(x, 5, 3), y), 6)


def branches(net):
    """One beginning, two ends; and the same parts in another order."""
    x, y, z = (net.conv(net.start, n) for n in (16, 32, 48))
    one, two, short, turned = (net.concat(*parts) for parts in ((x, y, z), (x, y, net.start), (x, y), (y, x)))
    ends = [net.conv(net.act(each, "silu"), 9, 3) for each in (one, two, short, turned)]
    return net.conv(net.concat(*ends), 4)


# How many copies stay.
NETWORKS = {
    "block": (block, 9, 0),
    "nested": (nested, 7, 0),
    "unet": (lambda net: unet(net, 3), 8, 0),
    # A tile lies in several rows of the image, and is copied.
    "tiles": (lambda net: unet(net, 2), 8, 1),
    "direct": (direct, 6, 1),
    "twice": (twice, 5, 2),
    "thin": (thin, 6, 3),
    "branches": (branches, 5, 7),
}


def copies(text):
    """The kernels that do nothing but what a Concat asks for."""
    names = dict(re.findall(r'^(#loc\d+) = loc\("([^"]*)"', text, re.M))
    made = re.findall(r"kernel\.map ins.*?\n.*?\n *kernel\.yield (%\w+).*?\n *\} -> [^\n]* loc\((#loc\d+)\)", text)
    return sum("concat" in names.get(loc, "") for value, loc in made if value.startswith("%arg"))


@pytest.mark.parametrize("name", NETWORKS)
def test_parts(compile_file, load, tmp_path, rng, assert_close, name):
    build, size, stay = NETWORKS[name]
    net = Network(3, size, int(rng.integers(1 << 30)))
    made = net.model(build(net))
    source = tmp_path / "model.onnx"
    source.write_bytes(made.SerializeToString())
    kernels = compile_file(source, tmp_path / "model.mlir", "--emit", "mlir-kernel").read_text()
    assert copies(kernels) == stay
    path = compile_file(source, tmp_path / "model.so")
    one, two = load(path, 1), load(path, 2)
    evaluator = ReferenceEvaluator(in_float64(made))
    for count in (3, 1, 0, 2):
        images = rng.standard_normal((count, 3, size, size)).astype(np.float32)
        actual = one.run({"x": images})["y"]
        np.testing.assert_array_equal(actual, two.run({"x": images})["y"], err_msg="on two threads")
        assert actual.shape[0] == count
        if count:
            assert_close(actual, evaluator.run(None, {"x": images.astype(np.float64)})[0], what=name)
