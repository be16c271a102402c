"""Structured linear layers, from the layer dialect to results: which kernels they become, and
what these compute, against the matrices in float64."""

import json
import subprocess

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from bench import structured

SIZES = [(24, 96), (96, 24), (64, 64), (768, 1536), (130, 520)]


def layer(form, k, n):
    """Stages small enough for any size, of the same kind as the bench's."""
    if form == "lowrank":
        return [structured.Stage((k, 7)), structured.Stage((7, n))]
    blocks = 2
    if form == "blockdense":
        return [structured.Stage((blocks, k // blocks, 5)), structured.Stage((5 * blocks, n))]
    return structured.blockshuffle(k, n, 60)


def reference(x, weights, stages, bias):
    value = np.float64(x)
    for stage, weight in zip(stages, weights):
        if stage.places is not None:
            value = value[:, stage.places]
        elif weight.ndim == 2:
            value = value @ weight
        else:
            pieces = value.reshape(len(value), weight.shape[0], weight.shape[1])
            value = np.einsum("mbk,bkn->mbn", pieces, weight)
            value = value.reshape(len(x), weight.shape[0] * weight.shape[2])
    return value + bias


@pytest.mark.parametrize("k, n", SIZES, ids=str)
@pytest.mark.parametrize("form", structured.FORMS)
def test_forms(strut, compile_file, fewest_flops, load, tmp_path, rng, assert_close, form, k, n):
    stages = layer(form, k, n)
    text, weights, bias = structured.module(k, n, stages, rng)
    (tmp_path / "layer.mlir").write_text(text)
    library = compile_file(tmp_path / "layer.mlir", tmp_path / "layer.so", *fewest_flops)
    told = subprocess.run([strut, "inspect", "--json", library], capture_output=True, text=True, check=True)
    # Factors that save nothing are multiplied out; no permutation is left of either form.
    are_fewer = sum(weight.size for weight in weights if weight is not None) < k * n
    assert kinds(json.loads(told.stdout)) == {"contract": 2 if are_fewer else 1}
    one, two = load(library, 1), load(library, 2)
    for rows in (1, 7, 0, 50):
        x = rng.standard_normal((rows, k)).astype(np.float32)
        y = two.run({"x": x})["y"]
        assert_close(y, reference(x, weights, stages, bias), what=f"{form} {rows} rows")
        np.testing.assert_array_equal(one.run({"x": x})["y"], y)


def kinds(report):
    return {row["kind"]: row["kernels"] for row in report["lowering"]}


@pytest.mark.parametrize("upper", [0, 1])
def test_epilogue_knows_its_column(compile_model, run_model, rng, upper):
    """A triangle after a product is part of its epilogue, which asks for the column."""
    w = rng.standard_normal((8, 70)).astype(np.float32)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["t"]), helper.make_node("Trilu", ["t"], ["y"], upper=upper)]
    sizes = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["M", e]) for name, e in (("x", 8), ("y", 70))]
    graph = helper.make_graph(nodes, "g", sizes[:1], sizes[1:], [numpy_helper.from_array(w, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    x = rng.standard_normal((70, 8)).astype(np.float32)
    y = run_model(compile_model(model), {"x": x})["y"]
    wanted = np.float64(x) @ w
    np.testing.assert_allclose(y, np.triu(wanted) if upper else np.tril(wanted), rtol=1e-4, atol=1e-4)
