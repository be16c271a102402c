"""Attention of real networks: on tensor cores, and right at all sizes."""

import re

import ml_dtypes
import numpy as np
import pytest
from onnx.reference import ReferenceEvaluator

import strut
from GPU.transformers import NETWORKS, in_float64, inputs

ON_EMULATOR = {"gpu_arch": "emulate", "no_cpu": True, "device": "emulate"}
SIZES = [(1, 1), (3, 17), (1, 129), (0, 5), (2, 0)]
# Errors as shares of the largest output, where all tensors are halves.
BOUNDS = {np.float16: 6e-3, ml_dtypes.bfloat16: 5e-2}
HALVES = [*((name, np.float16) for name in NETWORKS), ("bert", ml_dtypes.bfloat16)]


def _attention_kernels(model, tmp_path, **options):
    output = tmp_path / "model.ptx"
    strut.compile(model, output, gpu_arch="sm_80", emit="ptx", **options)
    return [name for name in re.findall(r"\.entry (\w+)\(", output.read_text()) if "attention" in name]


@pytest.mark.parametrize("name", NETWORKS)
def test_heads_are_copied_in_runs_of_16_bytes(rng, tmp_path, name):
    found = {}
    for precision in ("f32", "bf16"):
        found[precision] = _attention_kernels(NETWORKS[name](rng), tmp_path, precision=precision)
    found["typed"] = _attention_kernels(NETWORKS[name](rng, np.float16), tmp_path)
    for kernels in found.values():
        assert kernels and all(kernel.startswith("tensor_attention_k16_k16_w16_") for kernel in kernels), found


@pytest.mark.parametrize("name", NETWORKS)
def test_f32_is_what_the_cpu_gives(rng, name, assert_close):
    model = NETWORKS[name](rng)
    on_cpu, on_gpu = strut.compile(model), strut.compile(model, **ON_EMULATOR)
    for batch, length in SIZES:
        feed = inputs(model, batch, length, rng)
        expected = on_cpu.run(feed)["y"].copy()
        assert_close(on_gpu.run(feed)["y"], expected, what=f"{batch} of {length}")


@pytest.mark.parametrize("name, dtype", HALVES, ids=lambda each: each if isinstance(each, str) else each.__name__)
def test_halves(rng, name, dtype):
    model = NETWORKS[name](rng, dtype)
    exact = ReferenceEvaluator(in_float64(model))
    on_cpu, on_gpu = strut.compile(model), strut.compile(model, **ON_EMULATOR)
    for batch, length in SIZES:
        feed = inputs(model, batch, length, rng)
        feed["x"] = feed["x"].astype(dtype)
        for compiled in (on_cpu, on_gpu):
            y = compiled.run(feed)["y"].astype(np.float64)
            if batch * length == 0:
                assert y.shape == feed["x"].shape
                continue
            (expected,) = exact.run(None, feed | {"x": feed["x"].astype(np.float64)})
            assert np.abs(y - expected).max() <= BOUNDS[dtype] * np.abs(expected).max(), f"{batch} of {length}"
