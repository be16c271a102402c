"""layer.alternatives: one library takes either form, by its dimensions."""

import json
import subprocess

import numpy as np
import pytest

from Execute.abi import Context, Session

# The forms differ by 1000, so that a result tells which of them ran.
FORMS = """
module {
  func.func @main(%x: tensor<?x16xf32> {onnx.name = "x", onnx.dims = ["rows", ""]})
      -> (tensor<?x24xf32> {onnx.name = "y"}) {
    %u = onnx.Constant() {value = dense<0.5> : tensor<16x4xf32>} : () -> tensor<16x4xf32>
    %v = onnx.Constant() {value = dense<0.25> : tensor<4x24xf32>} : () -> tensor<4x24xf32>
    %w = onnx.Constant() {value = dense<0.5> : tensor<16x24xf32>} : () -> tensor<16x24xf32>
    %c = onnx.Constant() {value = dense<1000.0> : tensor<24xf32>} : () -> tensor<24xf32>
    %y = layer.alternatives of %x : tensor<?x16xf32> by [#layer.case<[0] below 48 -> 0>] else 1
        -> tensor<?x24xf32> {
      %a = layer.linear %x, %u : tensor<?x16xf32>, tensor<16x4xf32> -> tensor<?x4xf32>
      %b = layer.linear %a, %v : tensor<?x4xf32>, tensor<4x24xf32> -> tensor<?x24xf32>
      layer.yield %b : tensor<?x24xf32>
    }, {
      %d = layer.linear %x, %w bias %c
          : tensor<?x16xf32>, tensor<16x24xf32>, tensor<24xf32> -> tensor<?x24xf32>
      layer.yield %d : tensor<?x24xf32>
    }
    %z = onnx.Neg(%y) : (tensor<?x24xf32>) -> tensor<?x24xf32>
    return %z : tensor<?x24xf32>
  }
}
"""


@pytest.fixture(scope="module")
def run(compile_file, tmp_path_factory):
    folder = tmp_path_factory.mktemp("alternatives")
    (folder / "forms.mlir").write_text(FORMS)
    session = Session(compile_file(folder / "forms.mlir", folder / "forms.so"))
    context = Context(session)
    yield lambda x: context.run(x)[0]
    context.destroy()
    session.close()


@pytest.mark.parametrize("rows,added", [(47, 0), (48, 1000), (49, 1000), (1, 0), (0, 0), (200, 1000), (47, 0)])
def test_both_sides_of_the_threshold(run, rows, added):
    x = np.random.default_rng(rows).standard_normal((rows, 16), np.float32)
    wanted = -(0.5 * np.float64(x).sum(1, keepdims=True) + added) * np.ones((1, 24))
    np.testing.assert_allclose(run(x), wanted, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("rows", [47, 48])
def test_inspect_counts_the_form_that_runs(rows, strut, compile_file, tmp_path):
    (tmp_path / "forms.mlir").write_text(FORMS)
    library = compile_file(tmp_path / "forms.mlir", tmp_path / "forms.so")
    command = [str(strut), "inspect", str(library), "--dim", f"rows={rows}", "--json"]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    factors, product = 2 * rows * (16 * 4 + 4 * 24), rows * (2 * 16 * 24 + 24)
    (contractions,) = [kind for kind in told["lowering"] if kind["kind"] == "contract"]
    assert contractions["flops"] == (factors if rows < 48 else product)
    assert contractions["kernels"] == (2 if rows < 48 else 1)
