"""strut.explain: what the command says, as a dictionary."""

import subprocess
import sys

import numpy as np
import pytest

from mutations import Graph

strut_package = pytest.importorskip("strut")


@pytest.fixture
def model(root, tmp_path):
    path = tmp_path / "model.onnx"
    subprocess.run([sys.executable, root / "test/Driver/Inputs/explained.py", path], check=True)
    return path


def test_blocks_and_page(model, root, tmp_path):
    machine = root / "test/Rewrite/Inputs/machine.json"
    page = tmp_path / "page.html"
    answer = strut_package.explain(model, rows=[1, 64], dims={"rows": 7}, machine=machine, html=page)
    kinds = sorted(block["kind"] for block in answer["blocks"])
    assert kinds == ["dense", "lowrank", "permutation"]
    (low,) = [block for block in answer["blocks"] if block["kind"] == "lowrank"]
    assert all(set(form["predicted_us"]) == {"1", "64"} for form in low["forms"])
    assert answer["dims"] == {"rows": 7} and answer["machine"]["name"] == "plain"
    assert "relu <\\/script>" in page.read_text()


@pytest.mark.parametrize("normalised", [False, True])
def test_pooling(tmp_path, normalised):
    """The mean that a mixer takes off twice is not computed: over the reals, and only then."""
    graph, channels = Graph([("n", 8, 6, 6)]), 8
    x = "x0"
    if normalised:
        x = graph.node("Reshape", x, np.array([0, 1, -1]))
        x = graph.node("InstanceNormalization", x, np.ones(1, np.float32), np.zeros(1, np.float32))
        x = graph.node("Reshape", x, graph.node("Shape", "x0"))
        x = graph.node("Mul", x, np.arange(channels, dtype=np.float32)[:, None, None])
        x = graph.node("Add", x, np.ones((channels, 1, 1), np.float32))
    pool = graph.node("AveragePool", x, kernel_shape=[3, 3], pads=[1] * 4, count_include_pad=0)
    path = tmp_path / "pool.onnx"
    path.write_bytes(graph.model(**{graph.node("Sub", pool, x): 4}).SerializeToString())
    (block,) = strut_package.explain(path)["blocks"]
    assert block["kind"] == "pool_mixer"
    assert block["exactness"] == ("over the reals" if normalised else "bit-exact")


@pytest.mark.parametrize("spelled", [False, True], ids=["operators", "formulas"])
def test_idioms(tmp_path, spelled):
    """Blocks that a formula became are equal over the reals; those of the file are the file's."""
    graph = Graph([("n", 2, 5, 8)] * 3, opset=23)
    weight = np.ones((8, 8), np.float32)
    if spelled:
        scores = graph.node("MatMul", "x0", graph.node("Transpose", "x1", perm=[0, 1, 3, 2]))
        scores = graph.node("Mul", scores, np.float32(0.5))
        y = graph.node("MatMul", graph.node("Softmax", scores, axis=-1), "x2")
        hidden = graph.node("MatMul", y, weight)
        error = graph.node("Erf", graph.node("Div", hidden, np.float32(2**0.5)))
        half = graph.node("Mul", graph.node("Add", error, np.float32(1)), np.float32(0.5))
        z = graph.node("Mul", half, hidden)
    else:
        y = graph.node("Attention", "x0", "x1", "x2", scale=0.5)
        z = graph.node("Gelu", graph.node("MatMul", y, weight))
    z = graph.node("Max", graph.node("MatMul", z, weight), np.float32(0))
    path = tmp_path / "idioms.onnx"
    path.write_bytes(graph.model(**{z: 4}).SerializeToString())
    answer = strut_package.explain(path)
    blocks = {block["kind"]: block for block in answer["blocks"]}
    exact = "over the reals" if spelled else "bit-exact"
    assert blocks["attention"]["exactness"] == exact
    assert blocks["dense"]["exactness"] == "bit-exact"
    rewrites = {rewrite["name"]: rewrite for rewrite in answer["rewrites"]}
    assert ("lift-idioms" in rewrites) == spelled
    if spelled:
        # The scores are of the block, what they are made from is not; GELU is a second place.
        assert len(blocks["attention"]["nodes"]) == 4, blocks["attention"]["nodes"]
        assert rewrites["lift-idioms"]["fired"] == 2


def test_refusals(model):
    with pytest.raises(strut_package.CompileError, match="no dimension 'batch'; it has rows"):
        strut_package.explain(model, dims={"batch": 3})
    with pytest.raises(strut_package.CompileError, match="No such file"):
        strut_package.explain("absent.onnx")
