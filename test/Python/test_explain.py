"""strut.explain: what the command says, as a dictionary."""

import subprocess
import sys

import pytest

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


def test_refusals(model):
    with pytest.raises(strut_package.CompileError, match="no dimension 'batch'; it has rows"):
        strut_package.explain(model, dims={"batch": 3})
    with pytest.raises(strut_package.CompileError, match="No such file"):
        strut_package.explain("absent.onnx")
