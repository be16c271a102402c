"""Every model of the ONNX backend suite is imported, verified, printed and read back as the
same text: as it is, and brought to the newest version of the standard."""

import pathlib
import subprocess

import onnx
import pytest
from onnx.backend.test.case.node import collect_testcases


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    folder = tmp_path_factory.mktemp("suite")
    data = pathlib.Path(onnx.__file__).parent / "backend" / "test" / "data"
    paths = sorted(data.glob("**/*.onnx"))
    for case in collect_testcases(None):
        paths.append(folder / f"{case.name}.onnx")
        paths[-1].write_bytes(case.model.SerializeToString())
    assert len(paths) >= 2033
    return paths


# The reference values, which are not used here, are full of overflows.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def test_function_bodies(suite, importer, strut_opt, tmp_path):
    """Every operator of the suite that has a function body can be expanded."""
    files = tmp_path / "files.txt"
    files.write_text("\n".join(map(str, suite)))
    modules = subprocess.run(
        [importer, f"@{files}"], capture_output=True, text=True, check=True, timeout=600
    )
    command = [strut_opt, "--split-input-file", "--strut-expand-functions", "--strut-infer-shapes"]
    done = subprocess.run(
        command, input=modules.stdout, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr[:4000]
    for op in ("Celu", "Gelu", "LayerNormalization", "Softmax", "Range", "Attention"):
        assert f"onnx.{op}(" in modules.stdout and f"onnx.{op}(" not in done.stdout


@pytest.mark.parametrize("flags", [[], ["--no-convert"]], ids=["newest", "as-is"])
def test_suite(suite, import_all, flags):
    results = import_all(suite, *flags)
    failed = {path: result for path, result in results.items() if result != "ok"}
    assert not failed
