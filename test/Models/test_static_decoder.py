"""A decoder whose cache has its full length from the start, as both exporters write it: each step
updates the caller's arrays in place.

It needs an environment with torch, which `./scripts/test models` installs."""

import json
import subprocess

import numpy as np
import pytest
import strut as strut_package

from bench import architectures

pytestmark = [pytest.mark.models, pytest.mark.timeout(1800)]

LAYERS = 3
HALVES = [f"{kind}{layer}" for layer in range(LAYERS) for kind in ("key", "value")]
ALIASES = {f"next_{half}": f"cache{i}" for i, half in enumerate(HALVES)}


@pytest.fixture(params=["dynamo", "legacy"])
def exported(request):
    if not architectures.torch_python().exists():
        pytest.skip("there is no environment with torch: ./scripts/test models installs it")
    return architectures.exported("llama_static", request.param)


@pytest.fixture
def library(exported, compile_file):
    flags = [f"--alias={output}={cache}" for output, cache in ALIASES.items()]
    return compile_file(exported, *flags, timeout=600)


def test_steps_in_place(exported, library, assert_close):
    model = strut_package.load(str(library), threads=2)
    cases = architectures.cases(exported)
    assert len(cases) > 1
    for case in cases:
        inputs = {name: value.copy() for name, value in case.inputs.items()}
        results = model.run(inputs, in_place=True, copy=False)
        for output, cache in ALIASES.items():
            assert results[output] is inputs[cache]
        for output, exact in case.outputs.items():
            assert_close(results[output], exact, what=f"{output} at {case.sizes}")


def test_a_step_writes_what_is_new(library, strut):
    """Attention reads all of a cache; what updates it does not, and nothing copies it."""
    told = {}
    for length in (64, 4096):
        sizes = {"batch": 2, "seq": 1, "length": length}
        dims = [f"--dim={name}={size}" for name, size in sizes.items()]
        command = [str(strut), "inspect", str(library), "--json", *dims]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        told[length] = {kind["kind"]: kind for kind in json.loads(done.stdout)["lowering"]}
        assert told[length]["region"]["kernels"] == 2 * LAYERS
    rows = 2 * 2 * 32 * 4  # of a layer's keys, in bytes
    assert told[64]["region"]["bytes"] == told[4096]["region"]["bytes"] < 3 * 2 * LAYERS * rows
    # A mask has an element for each place of the cache, which has 2 · 32 there.
    grown = told[4096]["map"]["bytes"] - told[64]["map"]["bytes"]
    assert grown < (4096 - 64) * 2 * 32
