"""Small networks of each family from both of torch's exporters: named as what they are, however the
file is written, and right. families.py has the networks."""

import json
import subprocess

import numpy as np
import onnx
import pytest

from bench import architectures
from examples import cache, engines
from mutations import MUTATIONS, mutated

pytestmark = [pytest.mark.models, pytest.mark.timeout(600)]

# Blocks but dense ones, by kind. A dense layer is what nothing more can be said of.
EXPECTED = {
    "swiglu": ["gated"],
    "geglu": ["gated"],
    "dual": ["dual"],
    "lora": ["lora"],
    "lora_routed": ["lora", *["lowrank"] * 4],
    "lora_stacked": ["lora"],
    "blockdense": ["blockdense"],
    "blockshuffle": ["blockshuffle"],
    "random_features": ["lowrank", "random_feature"],
    "random_waves": ["lowrank", "random_feature"],
    "fourier_head": ["fourier_head", "lowrank"],
    "kan": ["kan"],
    "boosted": [],  # one net
    "attention": ["attention"],
    "prefix": ["prefix"],
    "prefix_gated": ["gated"],
    "channels_lowrank": ["lowrank"],
    "channels_shuffle": ["blockshuffle"],
    "channels_lora": ["lora"],
    "chunks": ["blockdense"],
    "adapters": ["lowrank"],
    "lora_factors_shared": ["lora", "lora"],
    "lora_base_shared": ["lowrank", "lowrank"],  # with the base as a layer of its own
    "beside": [],  # one layer
    "neuron_adjust": ["unlearned"],
    "key_space_all": ["unlearned"],
    "key_space_count": ["unlearned"],
    "activator": ["gated"],
    "moe_masked": ["moe"],
    "moe_batched": ["moe"],
    "moe_gathered": ["moe"],
    "moe_loop": ["moe"],
    "mlp_mixer": ["spatial_mlp", "spatial_mlp"],
    "gmlp": ["spatial_mlp"],
    "fnet": ["spectral", "spectral"],
    "affnet": ["spectral"] * 4,
    "poolformer": ["pool_mixer"],
    "repvgg": ["conv_branches"],
    "mobileone": ["conv_branches"],
    "repvit": ["conv_branches"],
    "fastvit": ["conv_branches"],
}
# Rewrites of the last passes, and how often they fire.
REWRITTEN = {
    "lora": {"merge-sums": 1},
    "channels_lora": {"merge-sums": 1},
    "lora_factors_shared": {"merge-sums": 2},
    "lora_base_shared": {"merge-sums": 0},
    "adapters": {"merge-sums": 1},
    "boosted": {"stack-nets": 1},
    "prefix": {"narrow-prefixes": 1},
    "prefix_gated": {"narrow-prefixes": 1},
    "chunks": {"recognize-maps": 1},
    "beside": {"recognize-maps": 1},
    "channels_shuffle": {"recognize-maps": 1},
}
EXPORTED = [
    (name, exporter)
    for name in EXPECTED
    for exporter in ("dynamo", "legacy")
    if (name, exporter) not in {("fnet", "legacy"), ("affnet", "legacy")}  # complex values
]


@pytest.fixture(scope="module")
def exports(root):
    """The folder of exported networks, made once a machine."""
    if not architectures.torch_python().exists():
        pytest.skip("there is no environment with torch: ./scripts/test models installs it")
    script = root / "test" / "Models" / "families.py"

    def export(path):
        command = [architectures.torch_python(), script, path.parent]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=1800)
        if done.returncode:
            raise RuntimeError(f"families are not exported:\n{done.stderr[-2000:]}")
        path.touch()

    return cache.exported("families", [script, script.with_name("adapted.py")], export)[0].parent


def explained(strut, model, *flags):
    said = subprocess.run([strut, "explain", model, "--json", *flags], capture_output=True, text=True, check=True)
    return json.loads(said.stdout)


def fired(answer, name):
    return sum(rewrite["fired"] for rewrite in answer["rewrites"] if rewrite["name"] == name)


def kinds(strut, model):
    """Of all blocks but dense ones, and what is in no block."""
    answer = explained(strut, model)
    found = sorted(block["kind"] for block in answer["blocks"] if block["kind"] not in ("dense", "permutation"))
    return found, [rest["op"] for rest in answer["unrecognised"]]


@pytest.mark.parametrize("name, exporter", EXPORTED)
def test_kinds(name, exporter, exports, strut, rng, tmp_path):
    model = exports / f"{name}-{exporter}" / "model.onnx"
    found, rest = kinds(strut, model)
    assert found == sorted(EXPECTED[name])
    # Nets for each frequency, whose channels are not the last axis, have no name.
    assert rest == (["Einsum"] if name == "affnet" else [])
    for mutation in MUTATIONS:
        changed = tmp_path / f"{mutation}.onnx"
        onnx.save(mutated(onnx.load(model), mutation, rng), changed)
        assert kinds(strut, changed) == (found, rest), f"{mutation}: {changed}"


@pytest.mark.parametrize("exporter", ["dynamo", "legacy"])
@pytest.mark.parametrize("name", REWRITTEN)
def test_rewrites(name, exporter, exports, strut, rng, tmp_path):
    model, changed = exports / f"{name}-{exporter}" / "model.onnx", tmp_path / "changed.onnx"
    onnx.save(mutated(onnx.load(model), "all", rng), changed)
    for file in (model, changed):
        answer = explained(strut, file)
        assert {rewrite: fired(answer, rewrite) for rewrite in REWRITTEN[name]} == REWRITTEN[name]


def test_queries_keys_and_values_are_one_map(exports, strut, root):
    """Where starting a kernel takes 5 us. In the older exporter's file they are multiplied by a factor
    that it computes from shapes, which is pointwise code: there they stay three."""
    model = exports / "attention-dynamo" / "model.onnx"
    answer = explained(strut, model, "--machine", root / "test" / "Rewrite" / "Inputs" / "machine.json")
    assert fired(answer, "concatenate-maps") == 1


@pytest.mark.parametrize("name, exporter", EXPORTED)
def test_values(name, exporter, exports, compile_file, assert_close, rng, tmp_path):
    """Of the model, and of one that is written otherwise in every way."""
    model = exports / f"{name}-{exporter}" / "model.onnx"
    changed = tmp_path / "changed.onnx"
    onnx.save(mutated(onnx.load(model), "all", rng), changed)
    for file in (model, changed):
        compiled = engines.Strut(compile_file(file), 2)
        for case in architectures.cases(model):
            for output, exact in case.outputs.items():
                assert_close(np.asarray(compiled.run(case.inputs)[output]), exact, what=f"{file} at {case.sizes}")
