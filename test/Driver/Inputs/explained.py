"""A model with a low-rank layer, a dense one and a product of two values; and a check of what
`strut explain --json` says of it."""

import json
import sys
from pathlib import Path


def write(path):
    import numpy as np
    import onnx
    from onnx import helper, numpy_helper

    weights = {"u": (128, 16), "v": (16, 128), "w": (128, 8)}
    rng = np.random.default_rng(0)
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "u"], ["a"], "down"),
            helper.make_node("MatMul", ["a", "v"], ["b"], "up"),
            helper.make_node("Relu", ["b"], ["c"], "relu </script>"),
            helper.make_node("MatMul", ["c", "w"], ["d"], "head"),
            helper.make_node("Transpose", ["d"], ["e"], "turn", perm=[1, 0]),
            helper.make_node("MatMul", ["d", "e"], ["y"], "scores"),
            helper.make_node("Gather", ["d", "order"], ["z"], "shuffle", axis=1),
        ],
        "explained",
        [helper.make_tensor_value_info("x", 1, ["rows", 128])],
        [helper.make_tensor_value_info(n, 1, ["rows", None]) for n in "yz"],
        [numpy_helper.from_array(rng.standard_normal(s).astype(np.float32), n) for n, s in weights.items()]
        + [numpy_helper.from_array(np.array([3, 1, 2, 0, 7, 6, 5, 4]), "order")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)]), path)


def check(answer):
    blocks = {block["kind"]: block for block in answer["blocks"]}
    assert set(blocks) == {"lowrank", "dense", "permutation"}, blocks
    low = blocks["lowrank"]
    assert low["nodes"] == ["down", "up"] and low["exactness"] == "over the reals"
    assert {form["name"]: form["flops"] for form in low["forms"]} == {"merged": 32768, "factored": 8192}
    assert {form["name"]: form["bytes"] for form in low["forms"]} == {"merged": 65536, "factored": 16384}
    assert low["taken"] == {"1": "merged", "16": "factored", "256": "factored"}, low
    for form in low["forms"]:
        times = [form["predicted_us"][m] for m in ("1", "16", "256")]
        assert times == sorted(times), times
    assert blocks["dense"]["nodes"] == ["head"] and blocks["dense"]["exactness"] == "bit-exact"
    assert answer["dims"] == {"rows": 64}
    assert [rest["op"] for rest in answer["unrecognised"]] == ["MatMul"]
    assert len(answer["graphs"]) == 2
    assert {node["label"] for node in answer["graphs"][1]["nodes"]} >= {"alternatives", "linear", "MatMul"}
    assert {rewrite["name"] for rewrite in answer["rewrites"]} >= {"choose-forms"}
    memory = answer["memory"]
    for buffer in memory["buffers"]:
        assert 0 <= buffer["first"] <= buffer["last"] < memory["steps"]
        assert buffer["offset"] + buffer["bytes"] <= memory["peak_bytes"]
    kernels = answer["kernels"]
    assert any(kernel["kind"] == "contract" and kernel["flops"] == 2 * 64 * 64 * 8 for kernel in kernels), kernels


if sys.argv[1] == "--check":
    check(json.loads(Path(sys.argv[2]).read_text()))
else:
    write(sys.argv[1])
