"""Structured linear layers from both of torch's exporters: recognised, rewritten and right."""

import re
import subprocess

import numpy as np
import pytest

from bench import architectures
from examples import cache, engines

pytestmark = [pytest.mark.models, pytest.mark.timeout(1800)]

# As structured.py has them, which only torch can import: what maps are called, layers.
EXPECTED = {
    "lowrank": (["lowrank"], 2),
    "lowrank_mm": (["lowrank"], 2),
    "blockdense": (["blockdense"], 2),
    "blockshuffle": (["blockshuffle"], 2),
    "blockshuffle_down": (["blockshuffle"], 2),
    "blockshuffle_einsum": (["blockshuffle"], 2),
    "lora": (["dense"], 1),
    "lora_in_weight": ([], 1),
    "guided": (["lowrank"], 2),
    "large_blockshuffle": (["blockshuffle"], 2),
    "large_lora_in_weight": ([], 1),
}


@pytest.fixture(scope="module")
def exports(root):
    """The folder of exported networks, made once a machine."""
    if not architectures.torch_python().exists():
        pytest.skip("there is no environment with torch: ./scripts/test models installs it")
    script = root / "test" / "Models" / "structured.py"

    def export(path):
        command = [architectures.torch_python(), script, path.parent]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=1200)
        if done.returncode:
            raise RuntimeError(f"structured layers are not exported:\n{done.stderr[-2000:]}")
        path.touch()

    return cache.exported("structured", [script], export)[0].parent


@pytest.mark.parametrize("sizes", ["dynamic", "static"])
@pytest.mark.parametrize("exporter", ["dynamo", "legacy"])
@pytest.mark.parametrize("name", EXPECTED)
def test_layer(name, exporter, sizes, exports, compile_file, fewest_flops, strut, tmp_path, assert_close):
    model = exports / f"{name}-{exporter}-{sizes}.onnx"
    layer = tmp_path / "layer.mlir"
    subprocess.run([strut, "compile", model, "--emit", "mlir-layer", "-o", layer, *fewest_flops], check=True)
    text = layer.read_text()
    forms, layers = EXPECTED[name]
    assert re.findall(r'layer\.form = "(\w+)"', text) == forms
    assert len(re.findall(r"= layer\.\w*linear", text)) == layers
    for operator in ("Reshape", "Einsum", "MatMul", "Gemm", "Mul"):
        assert f"onnx.{operator}" not in text
    compiled = engines.Strut(compile_file(model, *fewest_flops), 2)
    with np.load(model.with_suffix(".npz")) as cases:
        for index in range(len(cases.files) // 2):
            (actual,) = compiled.run({"x": cases[f"in{index}"]}).values()
            assert_close(actual, cases[f"out{index}"], what=f"sizes {index}")
