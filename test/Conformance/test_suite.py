"""The ONNX backend suite: what the compiler takes it computes right, the rest it refuses with a
reason. `suite.py` alone prints the outcome of every case."""

import importlib.util
import os
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location("suite", Path(__file__).with_name("suite.py"))
suite = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(suite)

PASSED = 870  # once; never fewer again


@pytest.mark.full
@pytest.mark.serial
@pytest.mark.timeout(3600)
def test_backend_suite():
    outcomes = suite.run_all(suite.cases(), len(os.sched_getaffinity(0)))
    wrong = [
        f"{name}: {outcome}"
        for name, outcome in sorted(outcomes.items())
        if outcome != "ok" and not outcome.startswith("refused: ")
    ]
    assert not wrong, "\n".join(wrong[:40])
    assert sum(outcome == "ok" for outcome in outcomes.values()) >= PASSED


def test_elementwise_cases():
    """A share of the suite that is quick enough for every run."""
    names = ("test_abs", "test_add", "test_gelu_", "test_softmax_", "test_layer_normalization_2d")
    chosen = [case for case in suite.cases() if case.name.startswith(names) and "uint" not in case.name]
    outcomes = suite.run_all(chosen, 1)
    assert len(outcomes) > 20
    assert all(outcome == "ok" for outcome in outcomes.values()), outcomes
