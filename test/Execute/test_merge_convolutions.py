"""Sums of convolutions of one image: that they merge, and that the results stay."""

import numpy as np
import onnx
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from onnx import TensorProto, helper, numpy_helper


def convolution(x, weight, bias, pads, stride, groups):
    """What Conv is in float64: x [n, in, h, w], weight [out, in / groups, kh, kw]."""
    low, high = pads
    x = np.pad(x, [(0, 0), (0, 0), *zip(low, high)])
    windows = sliding_window_view(x, weight.shape[2:], (2, 3))[:, :, ::stride, ::stride]
    n, channels, h, w, *kernel = windows.shape
    windows = windows.reshape(n, groups, channels // groups, h, w, *kernel)
    weight = weight.reshape(groups, -1, *weight.shape[1:])
    y = np.einsum("ngihwab,goiab->ngohw", windows, weight).reshape(n, weight.shape[0] * weight.shape[1], h, w)
    return y + bias[:, None, None]


class Sum:
    """A model that adds branches of its input x, and what it computes in float64."""

    def __init__(self, rng, channels, stride=1, groups=1):
        self.rng, self.channels, self.stride, self.groups = rng, channels, stride, groups
        self.nodes, self.constants, self.terms, self.functions = [], [], [], []

    def constant(self, value):
        self.constants.append(numpy_helper.from_array(value.astype(np.float32), f"c{len(self.constants)}"))
        return self.constants[-1].name

    def node(self, kind, operands, **attributes):
        self.nodes.append(helper.make_node(kind, operands, [f"t{len(self.nodes)}"], **attributes))
        return self.nodes[-1].output[0]

    def conv(self, kernel, groups=None, bias=True, magnitude=1.0):
        """A window with its middle on the place; even ones reach further after it."""
        groups = groups or self.groups
        low = [(k - 1) // 2 for k in kernel]
        high = [k - 1 - before for k, before in zip(kernel, low)]
        shape = (self.channels, self.channels // groups, *kernel)
        weight = np.float32(magnitude * self.rng.standard_normal(shape))
        shift = np.float32(self.rng.standard_normal(self.channels) if bias else np.zeros(self.channels))
        operands = ["x", self.constant(weight)] + [self.constant(shift)] * bias
        options = {"group": groups, "pads": [*low, *high], "strides": [self.stride] * 2}
        self.terms.append(self.node("Conv", operands, **options))
        self.functions.append(
            lambda x: convolution(x, np.float64(weight), np.float64(shift), (low, high), self.stride, groups)
        )

    def normalised(self):
        scale, shift, mean = (np.float32(self.rng.standard_normal(self.channels)) for _ in range(3))
        variance = np.float32(self.rng.uniform(0.2, 2, self.channels))
        operands = ["x", *map(self.constant, (scale, shift, mean, variance))]
        self.terms.append(self.node("BatchNormalization", operands, epsilon=1e-3))
        factor = np.float64(scale) / np.sqrt(np.float64(variance) + np.float64(np.float32(1e-3)))
        self.functions.append(lambda x: (x - mean[:, None, None]) * factor[:, None, None] + shift[:, None, None])

    def itself(self):
        self.terms.append("x")
        self.functions.append(lambda x: x)

    def model(self):
        order = self.rng.permutation(len(self.terms))
        total = self.terms[order[0]]
        for index in order[1:]:
            pair = [total, self.terms[index]]
            total = self.node("Add", pair if self.rng.random() < 0.5 else pair[::-1])
        self.nodes[-1].output[0] = "y"
        graph = helper.make_graph(
            self.nodes, "sum",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", self.channels, "h", "w"])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
            self.constants,
        )  # fmt: skip
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)

    def exact(self, x):
        return sum(function(np.float64(x)) for function in self.functions)


def repvgg(rng):
    found = Sum(rng, 16)
    found.conv((3, 3))
    found.conv((1, 1), bias=False)
    found.normalised()
    return found


def repvit(rng):
    found = Sum(rng, 19, groups=19)
    found.conv((3, 3))
    found.conv((1, 1))
    found.itself()
    return found


def large_kernel_at_stride(rng):
    """7 x 7 with 3 x 3 at stride 2: both windows stand on the same place."""
    found = Sum(rng, 8, stride=2, groups=8)
    found.conv((7, 7))
    found.conv((3, 3), magnitude=1e3)
    return found


def asymmetric(rng):
    found = Sum(rng, 6)
    found.conv((3, 3), magnitude=1e-4)
    found.conv((1, 3))
    found.conv((3, 1))
    return found


def even_windows(rng):
    found = Sum(rng, 5)
    found.conv((4, 4))
    found.conv((2, 2))
    found.conv((2, 3))
    return found


def groups_within_groups(rng):
    found = Sum(rng, 12, groups=3)
    found.conv((3, 3))
    found.conv((3, 3), groups=6)
    found.conv((1, 1), groups=12)
    found.itself()
    return found


def over_parametrised(rng):
    found = Sum(rng, 7)
    for _ in range(4):
        found.conv((3, 3))
    found.conv((1, 1))
    found.normalised()
    return found


FAMILIES = [
    repvgg, repvit, large_kernel_at_stride, asymmetric, even_windows, groups_within_groups, over_parametrised,
]  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_branches_become_one(family, rng, compile_model, strut_run, tmp_path, assert_close):
    import strut

    branches = family(rng)
    model = strut.load(str(compile_model(branches.model())), threads=2)
    strut_run("compile", tmp_path / "model.onnx", "--emit", "mlir-layer", "-o", tmp_path / "layer.mlir")
    layer = (tmp_path / "layer.mlir").read_text()
    assert layer.count("onnx.Conv(") == 1 and "onnx.Add(" not in layer, layer
    for n, h, w in [(2, 9, 7), (1, 1, 1), (1, 2, 13), (0, 5, 5)]:
        x = rng.standard_normal((n, branches.channels, h, w), np.float32)
        assert_close(model.run({"x": x})["y"], branches.exact(x))
