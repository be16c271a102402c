"""The Attention operator in f32, f16 and bf16, against softmax(Q Kᵀ) V in float64."""

import json
import subprocess

import numpy as np
import pytest
from onnx import TensorProto, helper

from Execute.kernels import DTYPES

SHAPES = [(2, 5, 9), (1, 1, 300), (3, 33, 1), (0, 4, 4), (2, 0, 3)]


def attention(dtype, heads, kv_heads, size, value_size, mask=None, **attributes):
    """Open batch, queries and keys; heads lie side by side in a row if `q_num_heads` says so."""
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))

    def info(name, rows, count, each):
        shape = ["B", count, rows, each] if not attributes.get("q_num_heads") else ["B", rows, count * each]
        return helper.make_tensor_value_info(name, kind, shape)

    inputs = [info("q", "M", heads, size), info("k", "S", kv_heads, size), info("v", "S", kv_heads, value_size)]
    if mask is not None:
        kind_of_mask = TensorProto.BOOL if mask is np.bool_ else helper.np_dtype_to_tensor_dtype(np.dtype(mask))
        inputs.append(helper.make_tensor_value_info("mask", kind_of_mask, ["M", "S"]))
    node = helper.make_node("Attention", [value.name for value in inputs], ["y"], **attributes)
    graph = helper.make_graph([node], "g", inputs, [info("y", "M", heads, value_size)])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=10)


def reference(q, k, v, mask=None, scale=None, is_causal=0, softcap=0.0):
    """Of [B, H, L, D] in float64; rows that see no key are 0."""
    group = q.shape[1] // k.shape[1]
    k, v = np.repeat(k, group, 1), np.repeat(v, group, 1)
    scores = q @ k.swapaxes(2, 3) * (q.shape[-1] ** -0.5 if scale is None else scale)
    if softcap:
        scores = softcap * np.tanh(scores / softcap)
    if mask is not None:
        scores = scores + (np.where(mask, 0, -np.inf) if mask.dtype == bool else mask)
    if is_causal:
        scores = np.where(np.arange(k.shape[2]) > np.arange(q.shape[2])[:, None], -np.inf, scores)
    highest = scores.max(-1, keepdims=True, initial=-np.inf)
    weights = np.exp(scores - np.where(np.isfinite(highest), highest, 0))
    total = weights.sum(-1, keepdims=True)
    return weights / np.where(total == 0, 1, total) @ v


def split(x, heads):
    """[B, L, H·D] as [B, H, L, D]."""
    return x.reshape(*x.shape[:2], heads, x.shape[2] // heads).swapaxes(1, 2)


CASES = {
    "heads before rows": dict(heads=3, kv_heads=3, size=32, value_size=32),
    "heads in rows": dict(heads=4, kv_heads=2, size=16, value_size=24, q_num_heads=4, kv_num_heads=2),
    "mask": dict(heads=2, kv_heads=2, size=20, value_size=20, mask=np.float32, scale=0.25),
    "bool mask": dict(heads=4, kv_heads=1, size=16, value_size=16, mask=np.bool_),
    "causal": dict(heads=2, kv_heads=1, size=64, value_size=64, is_causal=1, softcap=2.0),
}


@pytest.mark.parametrize("dtype", ["f32", "f16", "bf16"])
@pytest.mark.parametrize("name", CASES)
def test_attention(compile_model, load, strut, rng, assert_close, name, dtype):
    case = dict(CASES[name])
    if case.get("mask") is np.float32:
        case["mask"] = DTYPES[dtype]
    library = compile_model(attention(DTYPES[dtype], **case))
    listed = subprocess.run([strut, "inspect", library, "--json"], capture_output=True, check=True, text=True)
    assert {kind["kind"] for kind in json.loads(listed.stdout)["lowering"]} == {"attention"}
    model = load(library)
    heads, kv_heads, in_rows = case["heads"], case["kv_heads"], "q_num_heads" in case
    for b, m, s in SHAPES:
        feed = {}
        for key, rows, count, each in [
            ("q", m, heads, case["size"]), ("k", s, kv_heads, case["size"]), ("v", s, kv_heads, case["value_size"])
        ]:  # fmt: skip
            shape = (b, rows, count * each) if in_rows else (b, count, rows, each)
            feed[key] = rng.standard_normal(shape).astype(DTYPES[dtype])
        if case.get("mask") is np.bool_:
            feed["mask"] = rng.random((m, s)) < 0.6
        elif "mask" in case:
            feed["mask"] = rng.standard_normal((m, s)).astype(case["mask"])
        exact = {key: x if x.dtype == bool else x.astype(np.float64) for key, x in feed.items()}
        if in_rows:
            exact |= {key: split(exact[key], kv_heads if key in "kv" else heads) for key in "qkv"}
        options = {key: case[key] for key in ("scale", "is_causal", "softcap") if key in case}
        expected = reference(exact["q"], exact["k"], exact["v"], exact.get("mask"), **options)
        if in_rows:
            expected = expected.swapaxes(1, 2).reshape(b, m, heads * case["value_size"])
        y = model.run(feed)["y"]
        assert y.dtype == DTYPES[dtype]
        assert_close(y, expected, str(DTYPES[dtype]), what=f"batch {b}, {m} queries, {s} keys")
