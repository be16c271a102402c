"""Models on a GPU from Python, as the emulator plays it."""

import numpy as np
import pytest
from onnx import TensorProto, helper

import strut

SHAPE = ("M", 6)


@pytest.fixture(scope="module")
def model():
    nodes = [helper.make_node("Exp", ["x"], ["y"]), helper.make_node("Add", ["cache", "x"], ["next"])]

    def info(name):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, SHAPE)

    graph = helper.make_graph(nodes, "g", [info("x"), info("cache")], [info("y"), info("next")])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    return strut.compile(made, gpu_arch=["emulate"], no_cpu=True, device="emulate", alias={"next": "cache"})


@pytest.fixture
def feed(rng):
    return {name: rng.standard_normal((4, 6)).astype(np.float32) for name in ("x", "cache")}


class Elsewhere:
    """A result that lies on the GPU, as another library would see it."""

    def __init__(self, result):
        self._result = result

    def __dlpack__(self, **_):
        return self._result.__dlpack__()

    def __dlpack_device__(self):
        return self._result.__dlpack_device__()


def test_host_arrays(model, feed):
    assert model.device == "cuda:0 (sm_90, code for the emulator of sm_80)"
    before = feed["cache"].copy()
    for _ in range(3):
        results = model.run(feed)
        assert np.allclose(results["y"], np.exp(feed["x"]), rtol=1e-5)
        assert np.allclose(results["next"], before + feed["x"], atol=1e-6)
        assert np.array_equal(feed["cache"], before)


def test_in_place(model, feed):
    right = feed["cache"] + feed["x"]
    assert model.run(feed, in_place=True)["next"] is feed["cache"]
    assert np.allclose(feed["cache"], right, atol=1e-6)


def test_results_stay_on_the_device(model, feed):
    first = model.run(feed, on_device=True)
    assert first["y"].__dlpack_device__() == (2, 0)
    on_device = Elsewhere(first["y"])  # whose memory is kept by it
    again = model.run({"x": on_device, "cache": feed["cache"]})
    assert np.allclose(again["y"], np.exp(np.exp(feed["x"])), rtol=1e-4)
    with pytest.raises(ValueError, match="input 'cache' lies on a GPU, and the run updates it: say so"):
        model.run({"x": feed["x"], "cache": on_device})
    result = model.run({"x": feed["x"], "cache": on_device}, in_place=True)
    assert result["next"] is on_device
    final = model.run({"x": on_device, "cache": feed["cache"]})
    assert np.allclose(final["next"], feed["cache"] + np.exp(feed["x"]) + feed["x"], rtol=1e-4, atol=1e-5)


def test_a_cpu_has_no_device_memory(feed):
    graph = helper.make_graph(
        [helper.make_node("Exp", ["x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, SHAPE)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, SHAPE)],
    )
    made = strut.compile(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10))
    assert made.device == "cpu"
    with pytest.raises(ValueError, match="the model runs on the CPU: its outputs lie on no GPU"):
        made.run({"x": feed["x"]}, on_device=True)
    with pytest.raises(RuntimeError, match="no code for a GPU: compile it with --gpu-arch"):
        strut.load(made.path, device="cuda")
