"""A small network of each family: it compiles for GPUs, and is in emulation what it is on the CPU."""

import numpy as np
import pytest

import strut
from GPU.families import NETWORKS


@pytest.mark.parametrize("name", NETWORKS)
def test_a_family(rng, tmp_path, assert_close, name):
    model = NETWORKS[name](rng)
    ptx = tmp_path / "network.ptx"
    strut.compile(model, ptx, gpu_arch="sm_90a", emit="ptx")
    assert ".visible .entry" in ptx.read_text() and ".extern" not in ptx.read_text()
    on_cpu = strut.compile(model)
    on_gpu = strut.compile(model, gpu_arch="emulate", no_cpu=True, device="emulate")
    for size in (1, 3):
        shape = [d.dim_value or {"B": size, "S": 4 * size + 1}[d.dim_param] for d in model.graph.input[0].type.tensor_type.shape.dim]
        x = rng.standard_normal(shape).astype(np.float32)
        expected = on_cpu.run({"x": x})["y"].copy()
        assert_close(on_gpu.run({"x": x})["y"], expected, what=f"{name} of {size}")
