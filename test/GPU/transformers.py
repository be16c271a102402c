"""Attention as torch's exporters write it, in small networks with open dimensions.

Each has what its namesake does to the heads: BERT splits three maps, GPT-2 slices one map and asks which
keys come before a query, ViT picks queries, keys and values out of an axis of three, LLaMA repeats
its heads of keys."""

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from GPU.writer import Writer

HEADS, SIZE = 4, 16
WIDTH = HEADS * SIZE


class Heads(Writer):
    def split_heads(self, x, heads=HEADS, size=SIZE):
        split = self.reshape(x, self.extent(x, 0), self.extent(x, 1), heads, size)
        return self.add("Transpose", split, perm=[0, 2, 1, 3])

    def joined_heads(self, y, x):
        """[B, H, S, D] as [B, S, H·D]."""
        rows = self.add("Transpose", y, perm=[0, 2, 1, 3])
        return self.reshape(rows, self.extent(x, 0), self.extent(x, 1), WIDTH)

    def weighted(self, q, k, v, scale, mask=None):
        """softmax(mask(scale·q·kᵀ))·v."""
        scores = self.add("MatMul", q, self.add("Transpose", k, perm=[0, 1, 3, 2]))
        scores = self.add("Mul", scores, np.float64(scale)) if scale != 1 else scores
        if mask is not None:
            scores = mask(scores)
        return self.add("MatMul", self.add("Softmax", scores, axis=-1), v)

    def finished(self, y, **more):
        return self.model(y, {"x": (["B", "S", WIDTH],), **more}, ["B", "S", WIDTH])


def lowest(dtype):
    return np.float64(ml_dtypes.finfo(dtype).min)


def bert(rng, dtype=np.float32):
    """A mask of padding, as integers."""
    g = Heads(rng, dtype)
    q, k, v = (g.split_heads(g.linear("x", WIDTH, WIDTH)) for _ in range(3))
    seen = g.add("Unsqueeze", "mask", np.int64([1, 2]))
    unseen = g.add("Sub", np.float64(1), g.add("Cast", seen, to=helper.np_dtype_to_tensor_dtype(g.dtype)))
    bias = g.add("Mul", unseen, lowest(g.dtype))
    y = g.weighted(q, k, v, SIZE**-0.5, lambda scores: g.add("Add", scores, bias))
    y = g.linear(g.joined_heads(y, "x"), WIDTH, WIDTH)
    return g.finished(g.add("Add", y, "x"), mask=(["B", "S"], np.int64))


def gpt2(rng, dtype=np.float32):
    g = Heads(rng, dtype)
    all_three = g.linear("x", WIDTH, 3 * WIDTH)
    q, k, v = (g.split_heads(part) for part in g.add("Split", all_three, np.int64([WIDTH] * 3), outputs=3, axis=2))
    before = np.tril(np.ones((1, 1, 256, 256), bool))
    count = g.extent("x", 1)
    before = g.add("Slice", before, np.int64([0, 0]), g.add("Concat", count, count, axis=0), np.int64([2, 3]))
    y = g.weighted(q, k, v, SIZE**-0.5, lambda scores: g.add("Where", before, scores, np.float64(-np.inf)))
    y = g.linear(g.joined_heads(y, "x"), WIDTH, WIDTH)
    return g.finished(g.add("Add", y, "x"))


def vit(rng, dtype=np.float32):
    g = Heads(rng, dtype)
    all_three = g.linear("x", WIDTH, 3 * WIDTH)
    split = g.reshape(all_three, g.extent("x", 0), g.extent("x", 1), 3, HEADS, SIZE)
    split = g.add("Transpose", split, perm=[2, 0, 3, 1, 4])
    q, k, v = (g.add("Gather", split, np.int64(part), axis=0) for part in range(3))
    root = np.float64(SIZE**-0.25)
    y = g.weighted(g.add("Mul", q, root), g.add("Mul", k, root), v, 1)
    y = g.linear(g.joined_heads(y, "x"), WIDTH, WIDTH)
    return g.finished(g.add("Add", y, "x"))


def llama(rng, dtype=np.float32):
    """Two heads of queries to one of keys; a causal mask that is added."""
    g = Heads(rng, dtype)
    q = g.split_heads(g.linear("x", WIDTH, WIDTH))
    k, v = (g.split_heads(g.linear("x", WIDTH, WIDTH // 2), HEADS // 2) for _ in range(2))
    batch, count = g.extent("x", 0), g.extent("x", 1)

    def repeated(heads):
        once = g.add("Unsqueeze", heads, np.int64([2]))
        shape = g.add("Concat", batch, np.int64([HEADS // 2, 2]), count, np.int64([SIZE]), axis=0)
        return g.reshape(g.add("Expand", once, shape), batch, HEADS, count, SIZE)

    later = np.where(np.tril(np.ones((1, 1, 256, 256), bool)), 0.0, lowest(g.dtype))
    later = g.add("Slice", later, np.int64([0, 0]), g.add("Concat", count, count, axis=0), np.int64([2, 3]))
    y = g.weighted(q, repeated(k), repeated(v), SIZE**-0.5, lambda scores: g.add("Add", scores, later))
    return g.finished(g.linear(g.joined_heads(y, "x"), WIDTH, WIDTH))


NETWORKS = {f.__name__: f for f in (bert, gpt2, vit, llama)}


def inputs(model, batch, length, rng):
    """Random ones by their names; of each sequence some of the last places are padding."""
    feed = {}
    for value in model.graph.input:
        if value.name == "mask":
            ends = rng.integers(length // 2, length, (batch, 1), endpoint=True) if length else 0
            feed["mask"] = (np.arange(length) < np.maximum(ends, 1)).astype(np.int64).reshape(batch, length)
        else:
            shape = [{"B": batch, "S": length}.get(d.dim_param, d.dim_value) for d in value.type.tensor_type.shape.dim]
            feed[value.name] = rng.standard_normal(shape).astype(np.float32)
    return feed


def in_float64(model):
    """The same network, all of whose floats are of 64 bits."""
    floats = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16)
    exact = onnx.ModelProto()
    exact.CopyFrom(model)
    for constant in exact.graph.initializer:
        if constant.data_type in floats:
            value = numpy_helper.to_array(constant).astype(np.float64)
            constant.CopyFrom(numpy_helper.from_array(value, constant.name))
    for value in (*exact.graph.input, *exact.graph.output):
        if value.type.tensor_type.elem_type in floats:
            value.type.tensor_type.elem_type = TensorProto.DOUBLE
    for node in exact.graph.node:
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.i in floats:
                attribute.i = TensorProto.DOUBLE
    return exact
