"""Real architectures for a GPU: all compile, and those that an emulator can finish give what the
CPU gives.  They need an environment with torch, which `./scripts/test models` installs."""

import re
import subprocess

import numpy as np
import pytest

from bench import architectures
from Models.test_families import EXPORTED, exports  # noqa: F401 (a fixture)

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
    code = ptx.read_text()
    assert ".visible .entry" in code and ".extern" not in code
    attentions = re.findall(r"\.entry (\w*attention\w*)\(", code)
    assert all(kernel.startswith("tensor_attention_k16_") for kernel in attentions), attentions


def _compare(model, compile_file, strut, folder, assert_close):
    """The first case of a network, on the emulator and on the CPU."""
    library = compile_file(model, "--gpu-arch", "emulate")
    case = architectures.cases(model)[0]
    options = []
    for name, value in case.inputs.items():
        np.save(folder / f"{name}.npy", value)
        options += ["--input", f"{name}={folder / name}.npy"]
    results = {}
    for device in ("cpu", "emulate"):
        file = folder / f"{device}.npz"
        command = [strut, "run", library, "--device", device, *options, "-o", file]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
        results[device] = dict(np.load(file))
    assert results["cpu"].keys() == results["emulate"].keys() == case.outputs.keys()
    for name, value in results["cpu"].items():
        assert_close(results["emulate"][name], value, what=name)


@pytest.mark.parametrize("exported", EMULATED, indirect=True)
def test_a_network_gives_what_the_cpu_gives(compile_file, strut, exported, tmp_path, assert_close):
    _compare(exported, compile_file, strut, tmp_path, assert_close)


@pytest.mark.parametrize("name, exporter", EXPORTED)
def test_a_family_gives_what_the_cpu_gives(
    name, exporter, exports, compile_file, strut, tmp_path, assert_close
):  # noqa: F811
    _compare(exports / f"{name}-{exporter}" / "model.onnx", compile_file, strut, tmp_path, assert_close)
