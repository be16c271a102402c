"""scripts/gpu-check, with the emulator for a GPU."""

import importlib.machinery
import json
import os
import subprocess
import sys

import numpy as np
import pytest


@pytest.fixture(scope="module")
def prepare(root, build, tmp_path_factory):
    """prepare(names): a folder with what is prepared of these cases."""

    def run(names):
        made = tmp_path_factory.mktemp("check")
        environment = dict(os.environ, PYTHONPATH=str(build / "python"))
        command = [sys.executable, "-m", "bench.gpu_prepare", str(made), "--device", "emulate", "--only", names]
        subprocess.run(command, cwd=root, env=environment, check=True)
        return made

    return run


@pytest.fixture(scope="module")
def folder(prepare):
    return prepare(
        "layout 1x,layout 16,layout f16 kw 17,convolution 8x40x5x2 f16,heads 128 tf32,mixture bf16 17,norms 17,found 17"
    )


def run(folder, *flags, **told):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("STRUT_EMULATE")}
    command = [sys.executable, str(folder / "run"), *flags]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment | told)


def test_all_is_right(folder, tmp_path):
    done = run(folder, "--device", "emulate", "--json", str(tmp_path / "told.json"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "device cuda:0 (sm_90, code for the emulator of sm_90a)" in done.stdout
    assert done.stdout.count("right  ") == 10 and "all is right" in done.stdout
    assert json.loads((tmp_path / "told.json").read_text()) == {"wrong": 0, "times": []}


def test_a_wrong_value_is_found(folder):
    file = folder / "layout-1x136x72.outputs.npz"
    content = file.read_bytes()
    with np.load(file) as archive:
        changed = archive["arr_0"].copy()
    changed[0, 71] += 1
    np.savez(file, changed)
    done = run(folder, "--device", "emulate", "--quick")
    file.write_bytes(content)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "WRONG  layout-1x136x72" in done.stdout and "1 of 72 elements differ, the first at 71" in done.stdout


def test_a_failing_driver_is_told(folder):
    done = run(folder, "--device", "emulate", "--quick", STRUT_EMULATE_FAIL="cuLaunchKernel:2:719")
    assert done.returncode == 1 and "unspecified launch failure" in done.stdout, done.stdout + done.stderr


def test_without_a_device(folder):
    done = run(folder, "--device", "emulate", STRUT_EMULATE_FAIL="cuInit:0:100")
    assert done.returncode == 2 and "no device: no NVIDIA GPU can be used" in done.stdout, done.stderr
    if not os.path.exists("/dev/nvidiactl"):
        done = run(folder)
        assert done.returncode == 2 and done.stdout.startswith("no device: "), done.stdout + done.stderr


def test_cases_that_are_drawn_where_they_run(prepare, capsys):
    folder = prepare("product f16,product bf16,attention f16 64,causal attention f16 64,mlp f16 17")
    check = importlib.machinery.SourceFileLoader("gpu_run", str(folder / "run")).load_module()
    driver = check.Driver(folder / "libstrut-emulator.so")
    driver.enter()
    cases = json.loads((folder / "cases.json").read_text())
    assert len(cases) == 5 and sum(case["drawn"] for case in cases) == 4
    assert [check.first_problem(case, driver) for case in cases] == [""] * 5
    # Ratios are told beside their goals: a peer that takes no time is faster.
    idle = (lambda: None, lambda: None)
    for peers, reached, said in (((None, None), None, ""), ((idle, None), False, "MISSED")):
        check.peers_of = lambda case, peers=peers: peers
        (row,) = check.measure(cases[1:2], driver, seconds=0, rounds=1)
        assert row["goal"] == 0.8 and row["reached"] is reached
        line = capsys.readouterr().out.splitlines()[-1]
        assert "0.8" in line and line.endswith(said)
