"""Real architectures for a GPU: all compile, and those that an emulator can finish give what the
CPU gives.  They need an environment with torch, which `./scripts/test models` installs."""

import subprocess

import numpy as np
import pytest

from bench import architectures

pytestmark = [pytest.mark.models, pytest.mark.timeout(900)]

# T5 is written by one exporter alone.
SPELLING = dict.fromkeys(architectures.NAMES, "dynamo") | {"t5_encoder": "legacy", "t5_decoder": "legacy"}
EMULATED = ("gnn", "llama", "llama_static", "cnn_lstm", "t5_encoder", "whisper_encoder")


@pytest.fixture
def exported(request):
    if not architectures.torch_python().exists():
        pytest.skip("there is no environment with torch: ./scripts/test models installs it")
    return architectures.exported(request.param, SPELLING[request.param])


@pytest.mark.parametrize("exported", architectures.NAMES, indirect=True)
def test_a_network_compiles(strut, exported, tmp_path):
    ptx = tmp_path / "network.ptx"
    command = [strut, "compile", exported, "--emit", "ptx", "--gpu-arch", "sm_80", "-o", ptx]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert ".visible .entry" in ptx.read_text() and ".extern" not in ptx.read_text()


@pytest.mark.parametrize("exported", EMULATED, indirect=True)
def test_a_network_gives_what_the_cpu_gives(compile_file, strut, exported, tmp_path, assert_close):
    library = compile_file(exported, "--gpu-arch", "emulate")
    case = architectures.cases(exported)[0]
    options = []
    for name, value in case.inputs.items():
        np.save(tmp_path / f"{name}.npy", value)
        options += ["--input", f"{name}={tmp_path / name}.npy"]
    results = {}
    for device in ("cpu", "emulate"):
        file = tmp_path / f"{device}.npz"
        command = [strut, "run", library, "--device", device, *options, "-o", file]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
        results[device] = dict(np.load(file))
    assert results["cpu"].keys() == results["emulate"].keys() == case.outputs.keys()
    for name, value in results["cpu"].items():
        assert_close(results["emulate"][name], value, what=name)
