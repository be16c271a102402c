#!/usr/bin/env python3
"""Convolutional networks with random weights: bodies of well-known ones, and their single layers.

    convnets.py [NAME ...] [--threads 1] [--batch 1] [--json FILE]      against ONNX Runtime
    convnets.py NAME --save FILE                                        writes the model only

Without names the networks are timed; `--list` names the layers as well.  Weights are scaled so
that activations keep their size from layer to layer.
"""

import argparse
import math
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from bench import compare, models  # noqa: E402
from examples import cache  # noqa: E402


class Network:
    """Collects nodes and weights of a network on NCHW images; values are (name, channels).

    `flops` counts the products and sums of convolutions and matrix products of one image.
    """

    def __init__(self, channels: int, size: int, seed: int = 0):
        self.nodes, self.constants, self.flops = [], [], 0
        self._rng = np.random.default_rng(seed)
        self.input = ["N", channels, size, size]
        self._sizes = {"x": size}
        self.start = ("x", channels)

    def weight(self, values: np.ndarray) -> str:
        name = f"w{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def op(self, kind: str, inputs: list[str], size: int, **attributes) -> str:
        name = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], f"/{name}", **attributes))
        self._sizes[name] = size
        return name

    def conv(self, x, outputs, kernel=1, stride=1, groups=1, act="relu", norm=True, pad=None, bias=False):
        """Convolution, BatchNormalization (unless `norm` is off) and an activation."""
        name, channels = x
        pad = (kernel - 1) // 2 if pad is None else pad
        size = (self._sizes[name] + 2 * pad - kernel) // stride + 1
        fan = channels // groups * kernel * kernel
        weight = self._rng.standard_normal((outputs, channels // groups, kernel, kernel)) * math.sqrt(1.6 / fan)
        inputs = [name, self.weight(weight)]
        if bias or not norm:
            inputs.append(self.weight(self._rng.standard_normal(outputs) * 0.1))
        self.flops += 2 * fan * outputs * size * size
        y = self.op(
            "Conv", inputs, size, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4, group=groups
        )  # fmt: skip
        if norm:
            scale, shift, mean = (self._rng.standard_normal(outputs) * 0.1 for _ in range(3))
            variance = self._rng.uniform(0.8, 1.2, outputs)
            parameters = [self.weight(v) for v in (1 + scale, shift, mean, variance)]
            y = self.op("BatchNormalization", [y, *parameters], size)
        return self.act((y, outputs), act)

    def act(self, x, kind):
        name, size = x[0], self._sizes[x[0]]
        if kind == "silu":
            return self.op("Mul", [name, self.op("Sigmoid", [name], size)], size), x[1]
        names = {"relu": "Relu", "hardswish": "HardSwish", "hardsigmoid": "HardSigmoid", "sigmoid": "Sigmoid"}
        attributes = {"alpha": 1 / 6} if kind == "hardsigmoid" else {}
        return (self.op(names[kind], [name], size, **attributes), x[1]) if kind else x

    def add(self, x, y, act=None):
        return self.act((self.op("Add", [x[0], y[0]], self._sizes[x[0]]), x[1]), act)

    def concat(self, *values):
        name = self.op("Concat", [v[0] for v in values], self._sizes[values[0][0]], axis=1)
        return name, sum(v[1] for v in values)

    def pool(self, x, kind="MaxPool", kernel=3, stride=2, pad=1):
        size = (self._sizes[x[0]] + 2 * pad - kernel) // stride + 1
        attributes = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": [pad] * 4}
        return self.op(kind, [x[0]], size, **attributes), x[1]

    def mean(self, x):
        return self.op("GlobalAveragePool", [x[0]], 1), x[1]

    def squeeze_excite(self, x, inner, act, gate):
        s = self.conv(self.mean(x), inner, act=act, norm=False)
        s = self.conv(s, x[1], act=gate, norm=False)
        return self.op("Mul", [x[0], s[0]], self._sizes[x[0]]), x[1]

    def linear(self, x, outputs):
        """Flatten and Gemm."""
        fan = x[1] * self._sizes[x[0]] ** 2
        weight = self.weight(self._rng.standard_normal((outputs, fan)) / math.sqrt(fan))
        self.flops += 2 * fan * outputs
        flat = self.op("Flatten", [x[0]], 1)
        bias = self.weight(self._rng.standard_normal(outputs))
        return self.op("Gemm", [flat, weight, bias], 1, transB=1), outputs

    def model(self, result, opset: int = 18) -> onnx.ModelProto:
        """The model whose output `y` is `result`."""
        self.nodes[-1].output[0] = "y"
        name, channels = result
        flat = self.nodes[-1].op_type == "Gemm"
        shape = ["N", channels] if flat else ["N", channels, *[self._sizes[name]] * 2]
        return models.model(self.nodes, [("x", self.input)], [("y", shape)], self.constants, opset)


def resnet50(net: Network):
    def block(x, inner, stride):
        y = net.conv(net.conv(x, inner), inner, 3, stride)
        y = net.conv(y, 4 * inner, act=None)
        same = stride == 1 and x[1] == 4 * inner
        return net.add(y, x if same else net.conv(x, 4 * inner, 1, stride, act=None), "relu")

    x = net.pool(net.conv(net.start, 64, 7, 2))
    for inner, count, stride in [(64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)]:
        for i in range(count):
            x = block(x, inner, stride if i == 0 else 1)
    return net.linear(net.mean(x), 1000)


def inverted(net: Network, x, inner, outputs, kernel, stride, act, squeeze=None, gate="sigmoid", inside="silu"):
    """The block of MobileNet and EfficientNet: expand, depthwise, squeeze-excite, project."""
    y = net.conv(x, inner, act=act) if inner != x[1] else x
    y = net.conv(y, inner, kernel, stride, inner, act)
    if squeeze:
        y = net.squeeze_excite(y, squeeze, inside, gate)
    y = net.conv(y, outputs, act=None)
    return net.add(y, x) if stride == 1 and outputs == x[1] else y


def mobilenet_v3(net: Network):
    x = net.conv(net.start, 16, 3, 2, act="hardswish")
    relu, swish = "relu", "hardswish"
    for kernel, inner, outputs, squeeze, act, stride in [
        (3, 16, 16, 0, relu, 1), (3, 64, 24, 0, relu, 2), (3, 72, 24, 0, relu, 1),
        (5, 72, 40, 24, relu, 2), (5, 120, 40, 32, relu, 1), (5, 120, 40, 32, relu, 1),
        (3, 240, 80, 0, swish, 2), (3, 200, 80, 0, swish, 1), (3, 184, 80, 0, swish, 1),
        (3, 184, 80, 0, swish, 1), (3, 480, 112, 120, swish, 1), (3, 672, 112, 168, swish, 1),
        (5, 672, 160, 168, swish, 2), (5, 960, 160, 240, swish, 1), (5, 960, 160, 240, swish, 1),
    ]:  # fmt: skip
        x = inverted(net, x, inner, outputs, kernel, stride, act, squeeze, "hardsigmoid", relu)
    x = net.mean(net.conv(x, 960, act=swish))
    return net.linear(net.act(net.conv(x, 1280, norm=False, act=None), swish), 1000)


def efficientnet_b0(net: Network):
    x = net.conv(net.start, 32, 3, 2, act="silu")
    for expand, outputs, count, kernel, stride in [
        (1, 16, 1, 3, 1), (6, 24, 2, 3, 2), (6, 40, 2, 5, 2), (6, 80, 3, 3, 2),
        (6, 112, 3, 5, 1), (6, 192, 4, 5, 2), (6, 320, 1, 3, 1),
    ]:  # fmt: skip
        for i in range(count):
            x = inverted(
                net, x, expand * x[1], outputs, kernel, stride if i == 0 else 1, "silu", max(1, x[1] // 4)
            )  # fmt: skip
    return net.linear(net.mean(net.conv(x, 1280, act="silu")), 1000)


def dense(net: Network, x, count: int, growth: int):
    """Dense layers: each reads all before it, concatenated."""
    for _ in range(count):
        x = net.concat(x, net.conv(net.conv(x, 4 * growth), growth, 3))
    return x


def densenet(net: Network):
    x = net.pool(net.conv(net.start, 64, 7, 2))
    for count in (6, 12):
        x = dense(net, x, count, 32)
        x = net.pool(net.conv(x, x[1] // 2), "AveragePool", 2, 2, 0)
    return net.linear(net.mean(x), 1000)


NETWORKS = {
    "resnet50": (3, 224, resnet50),
    "mobilenetv3": (3, 224, mobilenet_v3),
    "efficientnet-b0": (3, 224, efficientnet_b0),
    "densenet": (3, 224, densenet),
}
LAYERS = {
    "stem7": (3, 224, lambda net: net.conv(net.start, 64, 7, 2)),
    "stem3": (3, 224, lambda net: net.conv(net.start, 32, 3, 2, act="hardswish")),
    **{f"c3x{c}": (c, s, lambda net, c=c: net.conv(net.start, c, 3)) for c, s in ((64, 56), (128, 28), (256, 14), (512, 7))},
    "c3s2x128": (128, 56, lambda net: net.conv(net.start, 128, 3, 2)),
    "c1x64-256": (64, 56, lambda net: net.conv(net.start, 256)),
    "c1x256-64": (256, 56, lambda net: net.conv(net.start, 64)),
    "c1x1024-256": (1024, 14, lambda net: net.conv(net.start, 256)),
    "c1x24-72": (24, 56, lambda net: net.conv(net.start, 72)),
    "c1x72-24": (72, 56, lambda net: net.conv(net.start, 24, act=None)),
    **{
        f"dw{k}s{t}x{c}": (c, s, lambda net, k=k, t=t, c=c: net.conv(net.start, c, k, t, c, "hardswish"))
        for k, t, c, s in ((3, 1, 72, 56), (3, 2, 64, 112), (5, 1, 120, 28), (5, 1, 960, 7), (5, 2, 72, 56), (7, 1, 96, 56))
    },
    "maxpool3": (64, 112, lambda net: net.pool(net.start)),
    "maxpool2": (64, 112, lambda net: net.pool(net.start, kernel=2, pad=0)),
    "avgpool2": (64, 112, lambda net: net.pool(net.start, "AveragePool", 2, 2, 0)),
    "mean": (960, 7, lambda net: net.mean(net.start)),
    "squeeze": (120, 28, lambda net: net.squeeze_excite(net.start, 32, "relu", "hardsigmoid")),
    "residual": (256, 56, lambda net: net.add(net.conv(net.conv(net.start, 64), 256, act=None), net.start, "relu")),
    "inverted": (40, 28, lambda net: inverted(net, net.start, 120, 40, 5, 1, "hardswish", 32, "hardsigmoid", "relu")),
    "dense": (64, 56, lambda net: dense(net, net.start, 3, 32)),
}  # fmt: skip


def build(name: str) -> tuple[onnx.ModelProto, Network]:
    channels, size, make = {**NETWORKS, **LAYERS}[name]
    net = Network(channels, size)
    return net.model(make(net)), net


def measure(name: str, options, threads: int) -> dict:
    made = {}
    model, net = build(name)
    file, _ = cache.exported(f"convnet-{name}", [Path(__file__), Path(models.__file__)], lambda path: onnx.save(model, path))
    library, _ = cache.compiled(file)
    shape = [options.batch, *net.input[1:]]
    made["x"] = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    case = compare.Case(name, file, library, made, threads, net.flops * options.batch)
    result = compare.measure(case, options.rounds, options.seconds)
    gflops = case.flops / result.best("strut") / 1e6
    print(
        f"{name:16} {threads} {result.best('strut'):9.3f} ms  {result.best('onnxruntime'):9.3f} ms"
        f"  {result.ratio():5.2f}  {gflops:6.1f} GFLOP/s",
        flush=True,
    )
    return result.to_json()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--save", type=Path)
    parser.add_argument("--list", action="store_true")
    compare.arguments(parser, [1])
    options = parser.parse_args()
    if options.list:
        print("\n".join([*NETWORKS, *LAYERS]))
        return
    if options.save:
        onnx.save(build(options.names[0])[0], options.save)
        return
    found = compare.header()
    print("name        threads     Strut   ONNX Runtime  ratio")
    results = [measure(n, options, t) for t in options.threads for n in options.names or NETWORKS]
    compare.save(options.json, found, results)


if __name__ == "__main__":
    sys.exit(compare.run(main))
