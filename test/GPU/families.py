"""Networks of a few layers that have what distinguishes each family of bench/networks and test/Models."""

import numpy as np
from onnx import TensorProto

from GPU.writer import Writer


class Layers(Writer):
    def draw(self, *shape):
        return self.rng.standard_normal(shape) / np.sqrt(max(1, np.prod(shape[1:])))

    def conv(self, x, inner, outer, size=1, group=1, stride=1, kind="Conv"):
        shape = (outer, inner // group, size, size) if kind == "Conv" else (inner, outer, size, size)
        options = dict(strides=[stride] * 2, group=group)
        if kind == "Conv":
            options["pads"] = [size // 2] * 4
        return self.add(kind, x, self.draw(*shape), self.draw(outer), **options)

    def norm(self, x, width):
        scale = 1 + self.rng.standard_normal(width) / 8
        return self.add("LayerNormalization", x, scale, self.rng.standard_normal(width) / 8, axis=-1)

    def batch_norm(self, x, channels):
        scale, variance = (self.rng.uniform(0.5, 2, channels) for _ in range(2))
        return self.add("BatchNormalization", x, scale, self.draw(channels), self.draw(channels), variance)

    def image(self, y, channels, side, of=3, size=8):
        return self.model(y, {"x": (["B", of, size, size],)}, ["B", channels, side, side])

    def sequence(self, y, width, length, inner=16):
        return self.model(y, {"x": (["B", length, inner],)}, ["B", length, width])


def mobile(rng):
    """MobileNet, EfficientNet, RegNet: depthwise convolutions, channels weighed by their means."""
    g = Layers(rng)
    x = g.add("HardSwish", g.batch_norm(g.conv("x", 3, 16, 3, stride=2), 16))
    y = g.add("HardSwish", g.conv(x, 16, 16, 5, group=16))
    means = g.add("Relu", g.conv(g.add("GlobalAveragePool", y), 16, 8))
    y = g.add("Mul", y, g.add("HardSigmoid", g.conv(means, 8, 16), alpha=1 / 6))
    y = g.add("Add", g.conv(y, 16, 16), x)
    return g.image(g.conv(y, 16, 24, 3, group=4), 24, 4)


def convnext(rng):
    g = Layers(rng)
    y = g.add("Transpose", g.conv("x", 16, 16, 7, group=16), perm=[0, 2, 3, 1])
    y = g.linear(g.add("Gelu", g.linear(g.norm(y, 16), 16, 48)), 48, 16)
    y = g.add("Transpose", g.add("Mul", y, g.draw(16)), perm=[0, 3, 1, 2])
    return g.image(g.add("Add", y, "x"), 16, 8, of=16)


def dense(rng):
    """DenseNet, ResNet, RepVGG: parts beside each other, branches that are added."""
    g = Layers(rng)
    x = g.add("MaxPool", g.conv("x", 3, 16, 3), kernel_shape=[2, 2], strides=[2, 2])
    for channels in (16, 24, 32):
        part = g.conv(g.add("Relu", g.batch_norm(x, channels)), channels, 8, 3)
        x = g.add("Concat", x, part, axis=1)
    branches = [g.batch_norm(g.conv(x, 40, 40, size), 40) for size in (1, 3)]
    y = g.add("Relu", g.add("Add", g.add("Add", *branches), g.batch_norm(x, 40)))
    return g.image(g.add("AveragePool", y, kernel_shape=[3, 3], pads=[1] * 4), 40, 4)


def unet(rng):
    """Parts of the picture are halved and doubled again, by a convolution and by interpolation."""
    g = Layers(rng)
    above = g.add("Relu", g.conv("x", 3, 16, 3))
    below = g.add("InstanceNormalization", g.conv(above, 16, 16, 3, stride=2), g.draw(16), g.draw(16))
    doubled = g.conv(below, 16, 16, 2, stride=2, kind="ConvTranspose")
    enlarged = g.add("Resize", below, "", np.float32([1, 1, 2, 2]), mode="linear")
    y = g.add("Concat", above, doubled, enlarged, axis=1)
    return g.image(g.conv(y, 48, 4, 3), 4, 8)


def windows(rng):
    """Swin: attention within shifted windows of a picture, with a bias for each head."""
    g = Layers(rng)
    heads, width, side = 2, 32, 4
    x = g.add("Transpose", g.conv("x", 3, width), perm=[0, 2, 3, 1])
    for axis in (1, 2):
        ends = [g.add("Slice", x, np.int64([a]), np.int64([b]), np.int64([axis])) for a, b in ((2, 8), (0, 2))]
        x = g.add("Concat", *ends, axis=axis)
    x = g.add("Reshape", x, np.int64([-1, 2, side, 2, side, width]))
    x = g.add("Reshape", g.add("Transpose", x, perm=[0, 1, 3, 2, 4, 5]), np.int64([-1, side * side, width]))
    parts = g.add("Reshape", g.linear(x, width, 3 * width), np.int64([-1, side * side, 3, heads, width // heads]))
    parts = g.add("Transpose", parts, perm=[2, 0, 3, 1, 4])
    q, k, v = (g.add("Gather", parts, np.int64(number), axis=0) for number in range(3))
    scores = g.add("MatMul", g.add("Mul", q, np.float64(0.25)), g.add("Transpose", k, perm=[0, 1, 3, 2]))
    scores = g.add("Add", scores, g.rng.standard_normal((heads, side * side, side * side)))
    y = g.add("Transpose", g.add("MatMul", g.add("Softmax", scores, axis=-1), v), perm=[0, 2, 1, 3])
    y = g.linear(g.add("Reshape", y, np.int64([-1, side * side, width])), width, width)
    y = g.add("Transpose", g.add("Reshape", y, np.int64([-1, 2, 2, side, side, width])), perm=[0, 1, 3, 2, 4, 5])
    y = g.add("Transpose", g.add("Reshape", y, np.int64([-1, 8, 8, width])), perm=[0, 3, 1, 2])
    return g.image(y, width, 8)


def t5(rng):
    """Norms without a mean, a bias by the distance of places, a gated net; no scale."""
    g = Layers(rng)

    def root_norm(x):
        mean = g.add("ReduceMean", g.add("Pow", x, np.float64(2)), np.int64([-1]))
        root = g.add("Sqrt", g.add("Add", mean, np.float64(1e-6)))
        return g.add("Mul", 1 + g.draw(32), g.add("Mul", x, g.add("Reciprocal", root)))

    def heads(x, perm):
        split = g.reshape(g.linear(x, 32, 32), g.extent(x, 0), g.extent(x, 1), 2, 16)
        return g.add("Transpose", split, perm=perm)

    x = root_norm("x")
    count = g.add("Squeeze", g.extent("x", 1), np.int64([0]))
    places = g.add("Range", np.int64(0), count, np.int64(1))
    rows, columns = (g.add("Unsqueeze", places, np.int64([axis])) for axis in (1, 0))
    apart = g.add("Clip", g.add("Sub", columns, rows), np.int64(-8), np.int64(7))
    bias = g.add("Gather", g.draw(16, 2), g.add("Add", apart, np.int64(8)), axis=0)
    bias = g.add("Unsqueeze", g.add("Transpose", bias, perm=[2, 0, 1]), np.int64([0]))
    scores = g.add("Add", g.add("MatMul", heads(x, [0, 2, 1, 3]), heads(x, [0, 2, 3, 1])), bias)
    y = g.add("MatMul", g.add("Softmax", scores, axis=-1), heads(x, [0, 2, 1, 3]))
    y = g.reshape(g.add("Transpose", y, perm=[0, 2, 1, 3]), g.extent("x", 0), g.extent("x", 1), 32)
    y = g.add("Add", g.add("MatMul", y, g.draw(32, 32)), "x")
    net = root_norm(y)
    gate = g.add("Gelu", g.add("MatMul", net, g.draw(32, 64)), approximate="tanh")
    net = g.add("Mul", gate, g.add("MatMul", net, g.draw(32, 64)))
    return g.sequence(g.add("Add", g.add("MatMul", net, g.draw(64, 32)), y), 32, "S", 32)


def recurrent(rng):
    """A convolution over time, an LSTM both ways, a GRU: loops of the host function."""
    g = Layers(rng)
    x = g.add("Relu", g.add("Conv", g.add("Transpose", "x", perm=[0, 2, 1]), g.draw(16, 16, 3), pads=[1, 1]))
    x = g.add("Transpose", x, perm=[2, 0, 1])
    both = g.add(
        "LSTM", x, g.draw(2, 32, 16), g.draw(2, 32, 8), g.draw(2, 64), outputs=1, hidden_size=8, direction="bidirectional"
    )
    both = g.add("Transpose", both, perm=[0, 2, 1, 3])
    x = g.reshape(both, g.extent(both, 0), g.extent(both, 1), 16)
    y = g.add("Squeeze", g.add("GRU", x, g.draw(1, 24, 16), g.draw(1, 24, 8), hidden_size=8), np.int64([1]))
    return g.sequence(g.add("Transpose", y, perm=[1, 0, 2]), 8, 6)


def mixers(rng):
    """MLP-Mixer, gMLP, PoolFormer, FNet: what mixes places, one after another."""
    g = Layers(rng)

    def over_places(x, net):
        return g.add("Transpose", net(g.add("Transpose", x, perm=[0, 2, 1])), perm=[0, 2, 1])

    x = g.add("Add", over_places("x", lambda t: g.linear(g.add("Gelu", g.linear(t, 12, 24)), 24, 12)), "x")
    gate, value = g.add("Split", g.linear(x, 16, 32), np.int64([16, 16]), outputs=2, axis=-1)
    x = g.add("Mul", value, over_places(g.norm(gate, 16), lambda t: g.linear(t, 12, 12)))
    picture = g.add("Unsqueeze", g.add("Transpose", x, perm=[0, 2, 1]), np.int64([3]))
    pooled = g.add("AveragePool", picture, kernel_shape=[3, 1], pads=[1, 0, 1, 0])
    x = g.add("Transpose", g.add("Squeeze", g.add("Sub", pooled, picture), np.int64([3])), perm=[0, 2, 1])
    waves = g.add("DFT", g.add("Unsqueeze", x, np.int64([3])), "", np.int64(2))
    waves = g.add("DFT", waves, "", np.int64(1))
    real = g.add("Squeeze", g.add("Slice", waves, np.int64([0]), np.int64([1]), np.int64([3])), np.int64([3]))
    return g.sequence(g.add("Add", real, x), 16, 12)


def structured(rng):
    """Low rank, blocks of a diagonal, their shuffle, a layer beside a net, waves of random features."""
    g = Layers(rng)
    x = g.add("MatMul", g.add("MatMul", "x", g.draw(32, 4)), g.draw(4, 32))
    blocks = g.add("Einsum", g.reshape(x, g.extent(x, 0), 4, 8), g.draw(4, 8, 8), equation="bgi,gio->bgo")
    shuffled = g.reshape(g.add("Transpose", blocks, perm=[0, 2, 1]), g.extent(x, 0), 8, 4)
    x = g.reshape(g.add("Einsum", shuffled, g.draw(8, 4, 4), equation="bgi,gio->bgo"), g.extent(x, 0), 32)
    net = g.add("MatMul", g.add("Relu", g.linear(x, 32, 48)), g.draw(48, 32))
    x = g.add("Add", g.add("MatMul", x, g.draw(32, 32)), net)
    phase = g.add("MatMul", x, g.draw(32, 16))
    features = g.add("Concat", g.add("Sin", phase), g.add("Cos", phase), axis=-1)
    return g.model(g.linear(features, 32, 20), {"x": (["B", 32],)}, ["B", 20])


def lowrank(rng):
    """Few features between many: with a function between them, with a bias, beside what they come from."""
    g = Layers(rng)
    hidden = g.add("Gelu", g.linear("x", 96, 16))
    x = g.add("Add", g.linear(hidden, 16, 96), "x")
    gates = g.add("Sigmoid", g.add("MatMul", g.add("Relu", g.add("MatMul", x, g.draw(96, 24))), g.draw(24, 96)))
    return g.model(g.add("Mul", gates, x), {"x": (["B", 96],)}, ["B", 96])


def quantised(rng):
    """Integers of 8 bits, whose scale is found while it runs."""
    g = Layers(rng)
    codes, scale, zero = g.add("DynamicQuantizeLinear", "x", outputs=3)
    weight = g.rng.integers(-127, 128, (32, 24)).astype(np.int8)
    sums = g.add("Cast", g.add("MatMulInteger", codes, weight, zero), to=TensorProto.FLOAT)
    return g.model(g.add("Mul", sums, g.add("Mul", scale, np.float64(1 / 64))), {"x": (["B", 32],)}, ["B", 24])


def graph(rng):
    """Sums over the edges that end at a node."""
    g = Layers(rng)
    ends = np.array([0, 1, 2, 2, 3, 4, 4, 4, 6])
    starts = np.array([1, 0, 3, 4, 2, 2, 5, 6, 6])
    x = g.linear("x", 16, 16)
    seen = g.add("Gather", x, starts, axis=0)
    sums = g.add("ScatterND", np.zeros((7, 16)), ends[:, None], seen, reduction="add")
    return g.model(g.add("Relu", g.add("Add", sums, x)), {"x": ([7, 16],)}, [7, 16])


NETWORKS = {
    f.__name__: f
    for f in (mobile, convnext, dense, unet, windows, t5, recurrent, mixers, structured, lowrank, quantised, graph)
}


def inputs(model, size, rng):
    """For a batch of `size`."""
    dims = model.graph.input[0].type.tensor_type.shape.dim
    shape = [d.dim_value or {"B": size, "S": 4 * size + 1}[d.dim_param] for d in dims]
    return {"x": rng.standard_normal(shape).astype(np.float32)}
