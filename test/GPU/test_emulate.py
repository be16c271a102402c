"""Whole models on the emulator, through the launcher that a GPU has: every output is the
CPU's, whatever the order of threads."""

import json
import os
import subprocess

import numpy as np
import onnx
import pytest

from GPU.networks import ALL

SCHEDULES = ("forward", "backward", "greedy:1", "random:1")
SIZES = (1, 17)


@pytest.fixture
def command(strut):
    """command(*arguments, schedule=None): runs the tool."""

    def run(*arguments, schedule=None):
        environment = dict(os.environ)
        environment.pop("STRUT_EMULATE", None)
        if schedule:
            environment["STRUT_EMULATE"] = schedule
        return subprocess.run(
            [str(strut), *map(str, arguments)], capture_output=True, text=True, timeout=600, env=environment
        )

    return run


@pytest.fixture
def compiled(command, network, tmp_path):
    """(model, library with code for CPU and emulator)."""
    _, source = network
    library = tmp_path / "model.so"
    done = command("compile", source, "-o", library, "--gpu-arch", "emulate")
    assert done.returncode == 0, done.stderr
    return onnx.load(source), library


def random_inputs(model, size, rng, folder):
    """--input options with an array for each input."""
    options = []
    for info in model.graph.input:
        shape = [d.dim_value or size for d in info.type.tensor_type.shape.dim]
        if info.type.tensor_type.elem_type == onnx.TensorProto.INT64:
            value = rng.integers(0, 31, shape)
        else:
            value = rng.uniform(0.1, 1, shape).astype(np.float32)
        np.save(folder / f"{info.name}.npy", value)
        options += ["--input", f"{info.name}={folder / info.name}.npy"]
    return options


def outputs(command, library, device, options, folder, schedule=None):
    file = folder / f"{device}.npz"
    done = command("run", library, "--device", device, *options, "-o", file, schedule=schedule)
    assert done.returncode == 0, f"{schedule}: {done.stderr}"
    return dict(np.load(file))


def test_models_give_what_the_cpu_gives(command, compiled, rng, tmp_path, assert_close):
    model, library = compiled
    for size in SIZES:
        options = random_inputs(model, size, rng, tmp_path)
        expected = outputs(command, library, "cpu", options, tmp_path)
        first = None
        for schedule in SCHEDULES if size == max(SIZES) else SCHEDULES[-1:]:
            got = outputs(command, library, "emulate", options, tmp_path, schedule)
            assert got.keys() == expected.keys()
            for name, value in expected.items():
                if value.dtype.kind == "f":
                    assert_close(got[name], value)
                else:
                    assert np.array_equal(got[name], value), name
            # The order of threads changes no bit.
            first = first or got
            assert all(np.array_equal(first[name], got[name]) for name in got), schedule


@pytest.fixture
def perceptron(rng, tmp_path):
    path = tmp_path / "mlp.onnx"
    path.write_bytes(ALL["mlp"](rng).SerializeToString())
    return path


def test_empty_inputs(command, perceptron, tmp_path):
    library = tmp_path / "model.so"
    assert command("compile", perceptron, "-o", library, "--gpu-arch", "emulate").returncode == 0
    np.save(tmp_path / "x.npy", np.zeros((0, 96), np.float32))
    got = outputs(command, library, "emulate", ["--input", f"x={tmp_path / 'x.npy'}"], tmp_path)
    assert got["y"].shape == (0, 7)


def test_without_a_gpu_the_cpu_runs(command, perceptron, tmp_path):
    library = tmp_path / "model.so"
    assert command("compile", perceptron, "-o", library, "--gpu-arch", "sm_80,emulate").returncode == 0
    assert command("run", library, "--random").returncode == 0
    done = command("run", library, "--random", "--device", "emulate")
    assert done.returncode == 0, done.stderr


def test_a_library_for_the_gpu_alone(command, perceptron, tmp_path):
    library = tmp_path / "model.so"
    done = command("compile", perceptron, "-o", library, "--gpu-arch", "emulate", "--no-cpu")
    assert done.returncode == 0, done.stderr
    assert command("run", library, "--random", "--device", "emulate").returncode == 0
    done = command("run", library, "--random", "--device", "cpu")
    assert done.returncode == 1 and "no code for the CPU" in done.stderr, done.stderr


def test_bench_names_the_device(command, perceptron, tmp_path):
    library = tmp_path / "model.so"
    assert command("compile", perceptron, "-o", library, "--gpu-arch", "emulate").returncode == 0
    done = command("bench", library, "--time", "0", "--device", "emulate")
    assert "on cuda:0 (sm_90, code for the emulator of sm_80), M=1" in done.stdout, done.stderr
    assert "GFLOP/s" in done.stdout and "peak" not in done.stdout
    done = command("bench", library, "--time", "0", "--device", "emulate", "--json")
    told = json.loads(done.stdout)
    assert told["device"].startswith("cuda:0") and told["peak_fraction"] is None and told["gflops"] > 0


def test_refusals(command, perceptron, tmp_path):
    library, plain = tmp_path / "model.so", tmp_path / "plain.so"
    assert command("compile", perceptron, "-o", library, "--gpu-arch", "sm_80", "--no-cpu").returncode == 0
    assert command("compile", perceptron, "-o", plain).returncode == 0

    def message(*arguments, schedule=None):
        done = command(*arguments, schedule=schedule)
        assert done.returncode == 1, done.stdout
        return done.stderr

    run = ("run", library, "--random", "--device")
    assert "the model has no code for this GPU, an sm_90; it has " in message(*run, "emulate")
    assert 'must be "cpu", "cuda" or "cuda:N"' in message(*run, "gpu")
    assert "no code for a GPU: compile it with --gpu-arch" in message("run", plain, "--random", "--device", "emulate")
    assert "STRUT_EMULATE must be forward" in message(*run, "emulate", schedule="sideways")
    assert "--no-cpu leaves nothing" in message("compile", perceptron, "-o", plain, "--no-cpu")
    if not os.path.exists("/dev/nvidiactl"):
        assert "no NVIDIA" in message(*run, "cuda")
