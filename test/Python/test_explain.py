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


def test_refusals(model):
    with pytest.raises(strut_package.CompileError, match="no dimension 'batch'; it has rows"):
        strut_package.explain(model, dims={"batch": 3})
    with pytest.raises(strut_package.CompileError, match="No such file"):
        strut_package.explain("absent.onnx")
