"""A small network of each family is in emulation what it is on the CPU."""

import pytest

import strut
from GPU.families import NETWORKS, inputs


@pytest.mark.parametrize("name", NETWORKS)
def test_a_family(rng, assert_close, name):
    model = NETWORKS[name](rng)
    on_cpu = strut.compile(model)
    on_gpu = strut.compile(model, gpu_arch="emulate", no_cpu=True, device="emulate")
    for size in (1, 3):
        feed = inputs(model, size, rng)
        expected = on_cpu.run(feed)["y"].copy()
        assert_close(on_gpu.run(feed)["y"], expected, what=f"{name} of {size}")
