"""The launcher through the emulator's driver: which code it takes, where tensors may lie, streams,
graphs of whole runs, and what it says when the driver fails."""

import contextlib
import ctypes as c
import os
import subprocess

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from Execute.abi import Context, Failure, Session
from GPU.driver import DEVICE, HOST, Driver, tensor, view

K, N = 12, 20


def values(given):
    """A copy, with no regard to streams: the emulator's memory is the host's."""
    shape = given.shape[: given.ndim]
    content = c.string_at(given.data + given.byte_offset, 4 * int(np.prod(shape)))
    return np.frombuffer(content, np.float32).reshape(shape).copy()


@pytest.fixture(scope="module")
def driver(build):
    return Driver(build / "lib" / "libstrut-emulator.so")


def save(path, nodes, inputs, outputs, constants):
    def infos(shapes):
        return [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]

    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "g", infos(inputs), infos(outputs), initializers)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)


@pytest.fixture(scope="module")
def weight():
    return np.random.default_rng(7).standard_normal((K, N)).astype(np.float32)


@pytest.fixture(scope="module")
def library(strut, weight, tmp_path_factory):
    """y = relu(x w), z = x + 1, for two architectures, the emulator and the CPU."""
    folder = tmp_path_factory.mktemp("launcher")
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["p"]),
        helper.make_node("Relu", ["p"], ["y"]),
        helper.make_node("Add", ["x", "one"], ["z"]),
    ]
    constants = {"w": weight, "one": np.float32(1)}
    save(folder / "m.onnx", nodes, {"x": ("M", K)}, {"y": ("M", N), "z": ("M", K)}, constants)
    command = [strut, "compile", folder / "m.onnx", "-o", folder / "m.so", "--gpu-arch", "sm_80,sm_90a,emulate"]
    subprocess.run(list(map(str, command)), check=True, timeout=300)
    return folder / "m.so"


@contextlib.contextmanager
def emulated(arch="", fail=""):
    """What the emulator is told of its device when a session is opened."""
    names = {"STRUT_EMULATE_DEVICE": arch, "STRUT_EMULATE_FAIL": fail}
    os.environ.update(names)
    try:
        yield
    finally:
        for name in names:
            del os.environ[name]


@pytest.fixture
def opened(library, driver):
    """opened(...): a context on the emulator."""
    made = []

    def make(path=library, device="cuda", **told):
        with emulated(**told):
            made.append(Session(path, device=device, driver=driver.path))
            made.append(Context(made[-1]))
        return made[-1]

    yield make
    for owner in reversed(made):
        if isinstance(owner, Context):
            owner.destroy()
        else:
            owner.close()


@pytest.fixture
def right(weight, assert_close):
    """right(results, x): that these are y and z."""

    def check(results, x):
        wide = x.astype(np.float64)
        assert_close(results[0], np.maximum(wide @ weight, 0))
        assert_close(results[1], wide + 1)

    return check


@pytest.fixture
def x(rng):
    return rng.standard_normal((5, K)).astype(np.float32)


# Which code


@pytest.mark.parametrize("arch,code", [("sm_80", "80"), ("sm_89", "80"), ("sm_90", "90a"), ("sm_100", "80")])
def test_the_code_that_suits_best_is_taken(opened, arch, code, x, right):
    context = opened(arch=arch)
    assert context.session.device == f"cuda:0 ({arch}, code for the emulator of sm_{code})"
    right(context.run(x, outputs=2), x)


def test_models_beside_each_other(strut, opened, x, right, tmp_path):
    """Each has its own kernels, though all count them alike."""
    first = opened()
    for name, operator in (("negative", "Neg"), ("positive", "Abs")):
        save(tmp_path / f"{name}.onnx", [helper.make_node(operator, ["x"], ["y"])], {"x": ("M", K)}, {"y": ("M", K)}, {})
        command = [strut, "compile", tmp_path / f"{name}.onnx", "-o", tmp_path / f"{name}.so", "--gpu-arch", "emulate"]
        subprocess.run(list(map(str, command)), check=True, timeout=300)
    negative, positive = (opened(tmp_path / f"{name}.so") for name in ("negative", "positive"))
    assert np.array_equal(positive.run(x)[0], np.abs(x))
    assert np.array_equal(negative.run(x)[0], -x)
    right(first.run(x, outputs=2), x)


def test_no_code_for_an_older_gpu(opened):
    message = "no code for this GPU, an sm_75; it has .*machine code for sm_80.* Compile it for this GPU"
    with pytest.raises(Failure, match=message):
        opened(arch="sm_75")


def test_weights_are_packed_once_for_all_gpus(library, weight):
    # The CPU has them in panels of its own; both GPUs read the same rows.
    assert library.read_bytes().count(weight.tobytes()) == 1


# Where tensors lie


def test_tensors_on_the_device_are_used_where_they_are(opened, driver, x, right):
    context = opened()
    outputs = [driver.memory(np.zeros((5, N), np.float32)), driver.memory(np.zeros((5, K), np.float32))]
    for _ in range(3):  # the last ones as a graph
        context.run_into([driver.memory(x)], outputs)
        right([values(output) for output in outputs], x)


def test_views_on_the_device(opened, driver, x, right):
    context = opened()
    for _ in range(3):
        results = context.run_into([x], [view(DEVICE), view(HOST)])
        assert [result.device_type for result in results] == [DEVICE, HOST]
        right([values(result) for result in results], x)
    with pytest.raises(Failure, match="input 'x' lies in this context's own memory"):
        context.run_into([tensor(x, results[0].data, DEVICE)], [view(HOST), view(HOST)])
    with pytest.raises(Failure, match="input 'x' lies in this context's own memory"):
        context.run_into([tensor(x, results[1].data, HOST)], [view(HOST), view(HOST)])


def test_tensors_at_any_address_of_the_device(opened, driver, x, right):
    context = opened()
    outputs = [driver.memory(np.zeros((5, N), np.float32), 4), driver.memory(np.zeros((5, K), np.float32), 12)]
    context.run_into([driver.memory(x, 8)], outputs)
    right([values(output) for output in outputs], x)


def test_pinned_memory(opened, driver, x, right):
    context = opened()
    outputs = [driver.pinned(np.zeros((5, N), np.float32)), driver.pinned(np.zeros((5, K), np.float32))]
    for _ in range(3):
        context.run_into([driver.pinned(x)], outputs)
        right([values(output) for output in outputs], x)


def test_memory_that_a_session_cannot_reach(opened, driver, x):
    elsewhere = tensor(x, x.ctypes.data, DEVICE)
    with pytest.raises(Failure, match="input 'x' lies on DLPack device type 2, the model takes host memory"):
        opened(device="cpu").run_into([elsewhere], [view(HOST), view(HOST)])
    elsewhere.device_id = 1
    with pytest.raises(Failure, match="input 'x' lies on GPU number 1, the session runs on number 0"):
        opened().run_into([elsewhere], [view(HOST), view(HOST)])


# Streams and graphs


def test_a_run_on_a_stream_of_the_callers_is_not_waited_for(opened, driver, x, right):
    context, stream = opened(), driver.stream()
    context.set_stream(stream)
    outputs = [driver.memory(np.zeros((5, N), np.float32)), driver.memory(np.zeros((5, K), np.float32))]
    context.run_into([driver.memory(x)], outputs)
    assert not any(values(output).any() for output in outputs)
    driver.call("cuStreamSynchronize", stream)
    right([values(output) for output in outputs], x)
    right(context.run(x, outputs=2), x)  # host memory: waited for
    context.set_stream(None)
    context.run_into([driver.memory(2 * x)], outputs)
    right([values(output) for output in outputs], 2 * x)


def test_the_cpu_has_no_streams(opened, driver):
    with pytest.raises(Failure, match="set_stream: the session runs on the CPU"):
        opened(device="cpu").set_stream(driver.stream())


def test_a_repeated_run_is_a_graph(opened, x, right):
    context = opened(fail="cuGraphLaunch:1:719")
    right(context.run(x, outputs=2), x)
    with pytest.raises(Failure, match="the run on the GPU failed: unspecified launch failure"):
        context.run(x, outputs=2)


def test_graphs_take_new_data_and_new_sizes(opened, rng, right):
    context = opened()
    for rows in (3, 3, 3, 7, 7, 7, 3, 3, 3, 0, 0, 0, 1):
        x = rng.standard_normal((rows, K)).astype(np.float32)
        right(context.run(x, outputs=2), x)


@pytest.mark.parametrize("function", ["cuStreamBeginCapture_v2", "cuStreamEndCapture", "cuGraphInstantiateWithFlags"])
def test_without_graphs_runs_go_on(opened, function, x, right):
    context = opened(fail=f"{function}:1:900")
    for _ in range(3):
        right(context.run(x, outputs=2), x)


# Caches


@pytest.fixture(scope="module")
def cache_library(strut, tmp_path_factory):
    """next = cache + row, in the memory of cache."""
    folder = tmp_path_factory.mktemp("cache")
    shapes = {"cache": ("M", K), "row": (1, K)}
    save(folder / "m.onnx", [helper.make_node("Add", ["cache", "row"], ["next"])], shapes, {"next": ("M", K)}, {})
    flags = ["--gpu-arch", "emulate", "--no-cpu", "--alias", "next=cache"]
    command = [strut, "compile", folder / "m.onnx", "-o", folder / "m.so", *flags]
    subprocess.run(list(map(str, command)), check=True, timeout=300)
    return folder / "m.so"


@pytest.mark.parametrize("offset", [0, 4])
def test_a_cache_on_the_device_is_updated_there(opened, cache_library, driver, x, offset):
    context, row = opened(cache_library), np.ones((1, K), np.float32)
    cache = driver.memory(x, offset)
    for step in range(1, 5):
        (result,) = context.run_into([cache, row], [view(DEVICE)])
        assert (result.data, result.device_type) == (cache.data + cache.byte_offset, DEVICE)
        assert np.allclose(values(cache), x + step, atol=1e-5)


def test_a_cache_on_the_host_is_updated_there(opened, cache_library, x):
    context, row = opened(cache_library), np.ones((1, K), np.float32)
    cache = x.copy()
    for step in range(1, 5):
        context.run_into([cache, row], [view(HOST)])
        assert np.allclose(cache, x + step, atol=1e-5)


@pytest.mark.parametrize("source", [HOST, DEVICE])
@pytest.mark.parametrize("target", [HOST, DEVICE])
def test_an_output_elsewhere_leaves_the_cache(opened, cache_library, driver, x, source, target):
    context, row = opened(cache_library), np.ones((1, K), np.float32)
    cache = driver.memory(x) if source == DEVICE else driver.pinned(x)
    result = driver.memory(0 * x) if target == DEVICE else driver.pinned(0 * x)
    for _ in range(3):
        context.run_into([cache, row], [result])
        assert np.array_equal(values(cache), x)
        assert np.array_equal(values(result), x + row)


# Failures


@pytest.mark.parametrize(
    "fail,message",
    [
        ("cuInit:0:100", "no NVIDIA GPU can be used: no CUDA-capable device is detected"),
        ("cuDevicePrimaryCtxRetain:1:2", "the GPU cannot be used: out of memory"),
        ("cuModuleLoadDataEx:0:209", "does not take the model's code for the emulator of sm_80: no kernel image"),
        ("cuModuleLoadDataEx:1:2", "does not take the model's code for the emulator of sm_90a: out of memory"),
        ("cuModuleGetFunction:1:500", "the model's code lacks a kernel"),
        ("cuMemAlloc_v2:1:2", "there is no room for the model's weights on the GPU: out of memory"),
        ("cuMemcpyHtoDAsync_v2:1:719", "the model's weights cannot be copied to the GPU: unspecified launch failure"),
        ("cuStreamCreate:1:2", "the GPU gives no stream: out of memory"),
    ],
)
def test_opening_fails(opened, fail, message):
    with pytest.raises(Failure, match=message):
        opened(fail=fail)


@pytest.mark.parametrize(
    "fail,message",
    [
        ("cuMemAlloc_v2:2:2", "there is no room for the model's working memory on the GPU: out of memory"),
        ("cuMemHostAlloc:1:2", "there is no pinned memory by which to copy inputs and outputs: out of memory"),
        ("cuMemcpyHtoDAsync_v2:2:1", "the run on the GPU failed: error 1"),
        ("cuLaunchKernel:1:719", r"kernel '\w+' cannot run on the GPU: unspecified launch failure"),
        ("cuMemcpyDtoHAsync_v2:1:719", "the run on the GPU failed: unspecified launch failure"),
    ],
)
def test_a_run_fails_and_the_next_one_does_not(opened, fail, message, x, right):
    context = opened(fail=fail)
    with pytest.raises(Failure, match=message):
        context.run(x, outputs=2)
    right(context.run(x, outputs=2), x)


def test_other_code_is_taken_where_the_driver_refuses_the_best(opened, x, right):
    context = opened(fail="cuModuleLoadDataEx:1:209")
    assert context.session.device == "cuda:0 (sm_90, code for the emulator of sm_80)"
    right(context.run(x, outputs=2), x)


def test_a_device_too_small(opened, rng):
    context = opened(arch="sm_90:40000")
    context.run(rng.standard_normal((2, K)).astype(np.float32), outputs=2)
    with pytest.raises(Failure, match="no room for the model's working memory on the GPU: out of memory"):
        context.run(rng.standard_normal((2000, K)).astype(np.float32), outputs=2)


def test_without_a_device_the_cpu_runs(opened, x, right):
    context = opened(device=None, fail="cuInit:0:100")
    assert context.session.device == "cpu"
    right(context.run(x, outputs=2), x)


def test_senseless_settings_are_refused(opened):
    for told in ({"arch": "hopper"}, {"arch": "sm_80:much"}, {"fail": "cuInit"}):
        with pytest.raises(Failure, match="STRUT_EMULATE_DEVICE must be an architecture like sm_80"):
            opened(**told)
