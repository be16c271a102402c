"""Every model of the ONNX backend suite is imported, verified, printed and read back as the
same text: as it is, and brought to the newest version of the standard."""

import pathlib

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
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("flags", [[], ["--no-convert"]], ids=["newest", "as-is"])
def test_suite(suite, import_all, flags):
    results = import_all(suite, *flags)
    failed = {path: result for path, result in results.items() if result != "ok"}
    assert not failed
