"""Comparison with ONNX Runtime, node by node."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from strut import verify

MODEL = Path(__file__).resolve().parents[1] / "Driver" / "Inputs" / "model.py"


def differs(ours, reference, rtol=1e-4, atol=1e-5):
    return not verify.difference(np.asarray(ours), np.asarray(reference), rtol, atol).ok


def test_difference():
    y = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    off = y.copy()
    off[7] += 0.01
    found = verify.difference(off, y, 1e-4, 1e-5)
    assert not found.ok and "1 of 1000 values differ" in found.text and "at [7]" in found.text
    assert not differs(y * np.float32(1 + 1e-5), y)
    assert differs(y.astype(np.float64), y)
    assert differs(y[:5], y)
    assert not differs(np.zeros(3, np.float32), np.zeros(3, np.float32))
    assert differs(np.full(3, 1e-3, np.float32), np.zeros(3, np.float32))
    assert not differs(np.array([], np.float32), np.array([], np.float32))


def test_difference_of_odd_numbers():
    odd = np.array([1, np.nan, np.inf, -np.inf], np.float32)
    assert not differs(odd, odd)
    for index, value in ((1, 0), (2, 1), (2, np.nan), (3, np.inf), (0, np.nan), (0, np.inf)):
        other = odd.copy()
        other[index] = value
        assert differs(other, odd), (index, value)


def test_difference_of_integers():
    assert not differs([1, 2], [1, 2])
    assert differs([1, 3], [1, 2])
    assert differs([True, False], [True, True])


def test_halves_have_their_own_precision():
    y = np.linspace(1, 2, 100).astype(np.float16)
    assert not differs(np.nextafter(y, np.float16(3)), y)
    assert differs(y * np.float16(1.01), y)


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.onnx"
    subprocess.run([sys.executable, MODEL, path], check=True)
    return path


def run(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["verify", *map(str, arguments)])
    code = verify.main()
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_agreement(model, monkeypatch, capsys):
    code, out, _ = run(monkeypatch, capsys, model, "--dim", "rows=3")
    assert code == 0 and out.startswith("all 3 tensors agree with ONNX Runtime"), out


def test_first_difference_is_named(model, monkeypatch, capsys):
    both = verify.Runs.both

    def wrong(self, proto, name):
        ours, reference = both(self, proto, name)
        for tensor in ("sum", "y"):  # what 'first' and 'second' make
            if tensor in ours:
                ours[tensor] = ours[tensor] + np.float32(0.1)
        return ours, reference

    monkeypatch.setattr(verify.Runs, "both", wrong)
    code, out, _ = run(monkeypatch, capsys, model, "--dim", "rows=3")
    assert code == 1 and out.startswith("node 'first' (Add) differs: its output 'sum' has "), out


def test_a_difference_of_the_whole_is_found(model, monkeypatch, capsys):
    both = verify.Runs.both

    def wrong(self, proto, name):
        ours, reference = both(self, proto, name)
        if name == "whole":
            ours["y"] = ours["y"] + np.float32(0.1)
        return ours, reference

    monkeypatch.setattr(verify.Runs, "both", wrong)
    code, out, _ = run(monkeypatch, capsys, model, "--dim", "rows=3")
    assert code == 1 and "node 'second' (Add) differs" in out and "rewrite or a fusion" in out, out


def test_inputs(model, tmp_path, monkeypatch, capsys):
    np.save(tmp_path / "x.npy", np.ones((2, 4), np.float32))
    code, _, err = run(monkeypatch, capsys, model, "--input", f"x={tmp_path / 'x.npy'}")
    assert code == 0 and "note" not in err
    code, _, err = run(monkeypatch, capsys, model, "--input", f"z={tmp_path / 'x.npy'}")
    assert code == 2 and "error: cannot verify" in err
    code, _, err = run(monkeypatch, capsys, tmp_path / "absent.onnx")
    assert code == 2 and "absent.onnx" in err
