"""Feed-forward nets as torch's exporters write them: the structure is found however it is
spelled, and the results are those of the module in float64. bench/networks/ffn.py has the
networks; they need an environment with torch, which `./scripts/test models` installs."""

import re
import subprocess
from dataclasses import dataclass, field

import pytest

from bench import architectures
from examples import engines

pytestmark = [pytest.mark.models, pytest.mark.timeout(600)]

MASKS = ("BatchNormalization", "ScatterND", "Where", "Concat", "Slice", "Split", "Expand", "Range")


@dataclass
class Expected:
    """Weights of the linear maps that are left, and operators that are not."""

    weights: list[str]
    gone: tuple[str, ...] = field(default=MASKS)


DEPLOYED = Expected(["96x96"] * 3, (*MASKS, "Transpose"))
EXPECTED = {
    "repa_mask": DEPLOYED,
    "repa_assign": DEPLOYED,
    "repa_split": DEPLOYED,
    "repa_mask_fixed": DEPLOYED,
    "repa_assign_fixed": DEPLOYED,
    "repa_layer_norm": DEPLOYED,
    "repa_all_idle": Expected(["96x96"], (*MASKS, "Gelu", "Add")),
    # a < h - d / 2 does not hold: the net stays, with a vector for a mask.
    "repa_mostly_active": Expected(["384x96", "96x384"], ("BatchNormalization", "ScatterND", "Expand")),
    "repavit_s": Expected(["384x100", "384x1152", "384x1152"] + ["384x384"] * 8, ("BatchNormalization", "ScatterND", "Where")),
}  # fmt: skip


@pytest.mark.parametrize("spelling", architectures.SPELLINGS)
@pytest.mark.parametrize("name", EXPECTED)
def test_structure(name, spelling, strut, compile_file, assert_close, tmp_path):
    if not architectures.torch_python().exists():
        pytest.skip("there is no environment with torch: ./scripts/test models installs it")
    model = architectures.exported(name, spelling)
    layer = tmp_path / "layer.mlir"
    subprocess.run([strut, "compile", model, "--emit", "mlir-layer", "-o", layer], check=True)
    text = layer.read_text()
    weights = re.findall(r"layer\.linear .*? : tensor<[^>]*>, tensor<(\d+x\d+)xf32>", text)
    assert sorted(weights) == EXPECTED[name].weights
    assert not [op for op in EXPECTED[name].gone if f"onnx.{op}(" in text]
    compiled = engines.Strut(compile_file(model), 2)
    for case in architectures.cases(model):
        for output, exact in case.outputs.items():
            assert_close(compiled.run(case.inputs)[output], exact, what=f"{output} at {case.sizes}")
