"""Maps of places instead of channels (MLP-Mixer, ResMLP, gMLP, RaftMLP): right, and without a
transposition."""

import json
import math
import re

import numpy as np
import pytest
from onnx import helper, numpy_helper

TOKENS, CHANNELS, HIDDEN = 21, 40, 35


class Network:
    """Nodes on x [b, tokens, channels] and, beside each, what it computes in f64."""

    def __init__(self, rng, x):
        self.rng, self.nodes, self.constants, self.x = rng, [], [], x
        self.values = {"x": x.astype(np.float64)}

    def constant(self, *shape, scale=1.0, value=None):
        name = f"c{len(self.constants)}"
        array = np.asarray(value) if value is not None else (scale * self.rng.standard_normal(shape)).astype(np.float32)
        self.constants.append(numpy_helper.from_array(array, name))
        self.values[name] = array.astype(np.float64) if array.dtype.kind == "f" else array
        return name

    def node(self, kind, reads, function, **attributes):
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, reads, [name], **attributes))
        self.values[name] = function(*(self.values[r] for r in reads))
        return name

    def add(self, a, b):
        return self.node("Add", [a, b], np.add)

    def mul(self, a, b):
        return self.node("Mul", [a, b], np.multiply)

    def matmul(self, a, b):
        return self.node("MatMul", [a, b], np.matmul)

    def transpose(self, a, *perm):
        return self.node("Transpose", [a], lambda v: v.transpose(perm), perm=perm)

    def gelu(self, a):
        erf = np.vectorize(math.erf)
        return self.node("Gelu", [a], lambda v: v * 0.5 * (1 + erf(v / np.sqrt(2))))

    def norm(self, a, channels=CHANNELS):
        def normalised(v, scale, shift):
            centred = v - v.mean(-1, keepdims=True)
            return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * scale + shift

        return self.node(
            "LayerNormalization", [a, self.constant(channels), self.constant(channels)], normalised, axis=-1
        )

    def reshape(self, a, *shape):
        to = [self.values[a].shape[0] if s == 0 else s for s in shape]
        return self.node("Reshape", [a, self.constant(value=np.array(shape))], lambda v, _: v.reshape(to))

    def linear(self, a, inputs, outputs, bias_first=False):
        product = self.matmul(a, self.constant(inputs, outputs, scale=inputs**-0.5))
        bias = self.constant(outputs)
        return self.add(bias, product) if bias_first else self.add(product, bias)

    def left(self, a, inputs, outputs):
        """The matrix on the left, where nothing is transposed."""
        return self.add(self.matmul(self.constant(outputs, inputs, scale=inputs**-0.5), a), self.constant(outputs, 1))

    def convolution(self, a, inputs, outputs):
        """Places as the channels of a convolution over channels."""
        weight, bias = self.constant(outputs, inputs, 1, scale=inputs**-0.5), self.constant(outputs)
        return self.node(
            "Conv", [a, weight, bias], lambda v, w, b: np.einsum("btc,ot->boc", v, w[..., 0]) + b[:, None], kernel_shape=[1]
        )

    def model(self, result):
        shape = [*self.x.shape]
        value = helper.make_tensor_value_info
        graph = helper.make_graph(
            self.nodes, "graph", [value("x", 1, ["b", *shape[1:]])], [value(result, 1, None)], self.constants
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def mixer(n, spelling):
    """x + MLP over places, then x + MLP over channels, twice."""
    x = "x"
    for _ in range(2):
        y = n.norm(x)
        if spelling == "left":
            y = n.left(n.gelu(n.left(y, TOKENS, HIDDEN)), HIDDEN, TOKENS)
        elif spelling == "conv":
            y = n.convolution(n.gelu(n.convolution(y, TOKENS, HIDDEN)), HIDDEN, TOKENS)
        else:
            y = n.linear(n.transpose(y, 0, 2, 1), TOKENS, HIDDEN, spelling == "legacy")
            y = n.transpose(n.linear(n.gelu(y), HIDDEN, TOKENS, spelling == "legacy"), 0, 2, 1)
        x = n.add(x, y)
        y = n.linear(n.gelu(n.linear(n.norm(x), CHANNELS, HIDDEN)), HIDDEN, CHANNELS)
        x = n.add(x, y)
    return n.norm(x)


def resmlp(n, spelling):
    """Affine, one map of places, LayerScale."""
    x = "x"
    for _ in range(2):
        y = n.add(n.mul(n.constant(1, 1, CHANNELS), x), n.constant(1, 1, CHANNELS))
        if spelling == "left":
            y = n.left(y, TOKENS, TOKENS)
        elif spelling == "conv":
            y = n.convolution(y, TOKENS, TOKENS)
        else:
            y = n.transpose(n.linear(n.transpose(y, 0, 2, 1), TOKENS, TOKENS, spelling == "legacy"), 0, 2, 1)
        x = n.add(x, n.mul(n.constant(CHANNELS), y))
        x = n.add(x, n.linear(n.gelu(n.linear(x, CHANNELS, HIDDEN)), HIDDEN, CHANNELS))
    return x


def gmlp(n, spelling):
    """A gate: u times a map of places of the normalised v."""
    x = "x"
    for _ in range(2):
        y = n.gelu(n.linear(n.norm(x), CHANNELS, 2 * CHANNELS))
        ends = [n.constant(value=np.array([k])) for k in (0, CHANNELS, 2 * CHANNELS, 2)]
        u = n.node("Slice", [y, ends[0], ends[1], ends[3]], lambda v, *_: v[..., :CHANNELS])
        v = n.node("Slice", [y, ends[1], ends[2], ends[3]], lambda v, *_: v[..., CHANNELS:])
        v = n.norm(v)
        if spelling == "left":
            v = n.left(v, TOKENS, TOKENS)
        elif spelling == "conv":
            v = n.convolution(v, TOKENS, TOKENS)
        else:
            v = n.transpose(n.linear(n.transpose(v, 0, 2, 1), TOKENS, TOKENS, spelling == "legacy"), 0, 2, 1)
        x = n.add(x, n.linear(n.mul(u, v), CHANNELS, CHANNELS))
    return x


NETWORKS = {"mixer": mixer, "resmlp": resmlp, "gmlp": gmlp}


def moves(kernels):
    """Kernels that only move data: a map whose body passes on what it reads."""
    return re.findall(r"kernel\.map ins\([^)]*\)[^\n]*\{\s*\^bb0\([^\n]*\n\s*kernel\.yield %arg", kernels)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("spelling", ["dynamo", "legacy", "left", "conv"])
def test_no_transposition(compile_model, run_model, rng, assert_close, name, spelling):
    network = Network(rng, rng.standard_normal((3, TOKENS, CHANNELS)).astype(np.float32))
    result = NETWORKS[name](network, spelling)
    model = network.model(result)
    artefact = compile_model(model)
    got = run_model(artefact, {"x": network.x})[result]
    assert_close(got, network.values[result])
    for batch in (1, 0):
        np.testing.assert_array_equal(run_model(artefact, {"x": network.x[:batch]})[result], got[:batch])
    kernels = compile_model(model, "--emit", "mlir-kernel", output="stage.mlir").read_text()
    assert not moves(kernels), moves(kernels)


@pytest.mark.parametrize("spelling", ["dynamo", "left"])
def test_explained(strut_run, tmp_path, rng, spelling):
    network = Network(rng, rng.standard_normal((2, TOKENS, CHANNELS)).astype(np.float32))
    model = network.model(mixer(network, spelling))
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    blocks = json.loads(strut_run("explain", tmp_path / "model.onnx", "--json").stdout)["blocks"]
    kinds = [block["kind"] for block in blocks]
    assert kinds.count("spatial_mlp") == 4 and kinds.count("dense") == 4, kinds


def test_result_that_is_wanted_transposed(compile_model, run_model, rng, assert_close):
    """A map of places whose result somebody reads along places, too, stays as it is."""
    network = Network(rng, rng.standard_normal((2, TOKENS, CHANNELS)).astype(np.float32))
    y = network.linear(network.transpose("x", 0, 2, 1), TOKENS, HIDDEN)
    rows = network.norm(y, HIDDEN)
    result = network.transpose(network.gelu(rows), 0, 2, 1)
    model = network.model(result)
    assert_close(run_model(compile_model(model), {"x": network.x})[result], network.values[result])


def test_factored_axes(compile_model, run_model, rng, assert_close):
    """Vertical mixing of RaftMLP: over (raft, height) for each column and group of channels."""
    height, width, raft, group = 3, 7, 2, 20
    network = Network(rng, rng.standard_normal((2, TOKENS, CHANNELS)).astype(np.float32))
    y = network.reshape(network.norm("x"), 0, height, width, raft, group)
    y = network.transpose(y, 0, 2, 4, 3, 1)
    y = network.reshape(y, 0, width * group, raft * height)
    y = network.linear(network.gelu(network.linear(y, raft * height, 12)), 12, raft * height)
    y = network.reshape(y, 0, width, group, raft, height)
    y = network.reshape(network.transpose(y, 0, 4, 1, 3, 2), 0, TOKENS, CHANNELS)
    result = network.norm(network.add("x", y))
    model = network.model(result)
    assert_close(run_model(compile_model(model), {"x": network.x})[result], network.values[result])
