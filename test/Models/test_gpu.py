"""Real architectures for a GPU: all compile at full size, and as small networks give what the CPU
gives.  They need an environment with torch, which `./scripts/test models` installs."""

import re
import subprocess

import numpy as np
import pytest

from bench import architectures
from examples import cache
from Models import test_structured_layers
from Models.test_families import EXPORTED, exports  # noqa: F401 (a fixture)

structured_exports = test_structured_layers.exports

pytestmark = [pytest.mark.models, pytest.mark.timeout(900)]

# As bench/networks/small.py has them, which only torch can import.
SMALL = (
    *architectures.NAMES, "gmlp_s", "repvgg_a0", "mobileone_s1", "repvit_m1", "repavit_s", "repavit_split",
    "structured_lowrank", "structured_blockdense", "structured_blockshuffle", "lora_plain", "lora_routed",
    "experts_8", "repa_mask", "repa_assign", "repa_split", "repa_mask_fixed", "repa_assign_fixed", "repa_all_idle",
    "repa_mostly_active", "repa_layer_norm",
)  # fmt: skip
EXPORTERS = ("dynamo", "legacy")
ON_SM_80 = ("--gpu-arch", "emulate")
HALVES_ON_SM_90A = ("--gpu-arch", "sm_90a,emulate", "--precision", "f16")


@pytest.fixture
def exported(request):
    if not architectures.torch_python().exists():
        pytest.skip("there is no environment with torch: ./scripts/test models installs it")
    return architectures.exported(request.param, "dynamo")


@pytest.fixture(scope="module")
def small(root):
    """The folder of small networks, made once a machine."""
    if not architectures.torch_python().exists():
        pytest.skip("there is no environment with torch: ./scripts/test models installs it")

    def export(path):
        command = [architectures.torch_python(), "-m", "bench.networks.small", path.parent]
        done = subprocess.run(list(map(str, command)), cwd=root, capture_output=True, text=True, timeout=1800)
        if done.returncode:
            raise RuntimeError(f"small networks are not exported:\n{done.stderr[-2000:]}")
        path.touch()

    sources = sorted((root / "bench" / "networks").glob("*.py"))
    return cache.exported("small-networks", sources, export)[0].parent


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


def _inputs(model):
    """Of two cases of a network."""
    return [case.inputs for case in architectures.cases(model)[:2]]


def _compare(library, inputs, strut, folder, check):
    """The same inputs on the emulator and on the CPU."""
    for feed in inputs:
        options = []
        for name, value in feed.items():
            np.save(folder / f"{name}.npy", value)
            options += ["--input", f"{name}={folder / name}.npy"]
        results = {}
        for device in ("cpu", "emulate"):
            file = folder / f"{device}.npz"
            command = [strut, "run", library, "--device", device, *options, "-o", file]
            done = subprocess.run(command, capture_output=True, text=True, timeout=600)
            assert done.returncode == 0, done.stderr
            results[device] = dict(np.load(file))
        assert results["cpu"] and results["cpu"].keys() == results["emulate"].keys()
        for name, value in results["cpu"].items():
            shapes = {name: each.shape for name, each in feed.items()}
            check(results["emulate"][name], value, what=f"{name} of {shapes}")


def _near(actual, expected, what):
    """Within what products of f16 are off, and batch norms of few values make of that."""
    assert actual.shape == expected.shape and np.isfinite(actual).all(), what
    assert np.abs(actual - expected).max(initial=0) <= 3e-2 * np.abs(expected).max(initial=0), what


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("name", SMALL)
def test_a_network_gives_what_the_cpu_gives(name, exporter, small, compile_file, strut, tmp_path, assert_close):
    model = small / f"{name}-{exporter}" / "model.onnx"
    _compare(compile_file(model, *ON_SM_80), _inputs(model), strut, tmp_path, assert_close)


@pytest.mark.parametrize("name", SMALL)
def test_a_network_in_halves_is_near(name, small, compile_file, strut, tmp_path):
    """With the kernels of warpgroups."""
    model = small / f"{name}-dynamo" / "model.onnx"
    _compare(compile_file(model, *HALVES_ON_SM_90A), _inputs(model), strut, tmp_path, _near)


@pytest.mark.parametrize("name, exporter", EXPORTED)
def test_a_family_gives_what_the_cpu_gives(
    name, exporter, exports, compile_file, strut, tmp_path, assert_close
):  # noqa: F811
    model = exports / f"{name}-{exporter}" / "model.onnx"
    _compare(compile_file(model, *ON_SM_80), _inputs(model), strut, tmp_path, assert_close)


def _structured(folder, name, exporter):
    """The file of a layer, and two inputs."""
    model = folder / f"{name}-{exporter}-dynamic.onnx"
    with np.load(model.with_suffix(".npz")) as cases:
        return model, [{"x": cases["in0"]}, {"x": cases["in2"]}]


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("name", test_structured_layers.EXPECTED)
def test_a_structured_layer_gives_what_the_cpu_gives(
    name, exporter, structured_exports, compile_file, fewest_flops, strut, tmp_path, assert_close
):
    model, inputs = _structured(structured_exports, name, exporter)
    _compare(compile_file(model, *ON_SM_80, *fewest_flops), inputs, strut, tmp_path, assert_close)


@pytest.mark.parametrize("name", test_structured_layers.EXPECTED)
def test_a_structured_layer_in_halves_is_near(name, structured_exports, compile_file, fewest_flops, strut, tmp_path):
    model, inputs = _structured(structured_exports, name, "dynamo")
    _compare(compile_file(model, *HALVES_ON_SM_90A, *fewest_flops), inputs, strut, tmp_path, _near)
