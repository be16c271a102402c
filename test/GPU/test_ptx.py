"""PTX of whole models: complete in itself, and what ptxas makes of it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from GPU.networks import ALL, network

REGISTERS = 65536  # of a multiprocessor


@pytest.fixture
def compile_ptx(strut):
    def compile(model, *flags):
        command = [strut, "compile", model, "--emit", "ptx", *flags]
        return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300)

    return compile


@pytest.fixture
def perceptron(rng, tmp_path):
    path = tmp_path / "mlp.onnx"
    path.write_bytes(ALL["mlp"](rng).SerializeToString())
    return path


@pytest.fixture(scope="session")
def ptxas():
    roots = [os.environ.get("CUDA_HOME"), "/usr/local/cuda"]
    found = shutil.which("ptxas") or next(
        (f"{root}/bin/ptxas" for root in roots if root and os.path.exists(f"{root}/bin/ptxas")), None
    )
    if not found:
        pytest.skip("ptxas is not installed: no CUDA toolkit")
    return found


def assembled(ptxas, ptx, arch, folder):
    """What ptxas says of each kernel: {name: (registers of the blocks that it asks room for, bytes spilled)}."""
    source = folder / f"{arch}.ptx"
    source.write_text(ptx)
    command = [ptxas, "-v", f"-arch={arch}", str(source), "-o", str(folder / f"{arch}.cubin")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    report = done.stdout + done.stderr
    assert done.returncode == 0, report
    assert not re.search(r"\(C75\d\d\)|warning", report), report
    kernels = re.findall(
        r"entry function '(\w+)'.*?(\d+) bytes spill stores, (\d+) bytes spill loads.*?Used (\d+) registers",
        report,
        re.DOTALL,
    )
    wanted = re.findall(r"\.entry (\w+)\(.*?\.maxntid (\d+).*?\.minnctapersm (\d+)", ptx, re.DOTALL)
    threads = {name: int(most) * int(blocks) for name, most, blocks in wanted}
    return {
        name: (int(registers) * threads[name], int(stores) + int(loads)) for name, stores, loads, registers in kernels
    }


@pytest.mark.parametrize("arch", ["sm_70", "sm_80", "sm_90a"])
def test_ptx_is_complete(compile_ptx, network, arch):
    _, model = network
    done = compile_ptx(model, "--gpu-arch", arch)
    assert done.returncode == 0, done.stderr
    assert re.findall(r"^\.target (.*)$", done.stdout, re.MULTILINE) == [arch]
    assert ".visible .entry" in done.stdout
    assert ".extern .func" not in done.stdout and "call" not in done.stdout


def test_ptxas_spills_nothing(compile_ptx, network, ptxas, tmp_path):
    _, model = network
    for arch in ("sm_80", "sm_90a"):
        ptx = compile_ptx(model, "--gpu-arch", arch).stdout
        kernels = assembled(ptxas, ptx, arch, tmp_path)
        assert len(kernels) == ptx.count(".visible .entry")
        heavy = {k: v for k, v in kernels.items() if v[0] > REGISTERS or v[1] > 0}
        assert not heavy, f"{arch}: registers, bytes spilled: {heavy}"


def test_ptxas_spills_nothing_of_two_products_in_a_sum(compile_ptx, ptxas, rng, tmp_path):
    constants = {name: rng.standard_normal((64, 96)).astype(np.float32) for name in ("u", "v")}
    nodes = [
        helper.make_node("MatMul", ["a", "u"], ["p"]),
        helper.make_node("MatMul", ["b", "v"], ["q"]),
        helper.make_node("Add", ["p", "q"], ["y"]),
    ]
    model = tmp_path / "sum.onnx"
    onnx.save(network(nodes, {"a": ("M", 64), "b": ("M", 64)}, {"y": ("M", 96)}, constants), model)
    kernels = assembled(ptxas, compile_ptx(model, "--gpu-arch", "sm_80").stdout, "sm_80", tmp_path)
    assert any(name.startswith("tensor_contract_k16_w16_k16_w16_") for name in kernels), kernels
    assert all(registers <= REGISTERS and not spilled for registers, spilled in kernels.values()), kernels


@pytest.mark.parametrize("size", [64, 128])
@pytest.mark.parametrize("precision", ["f32", "tf32", "f16", "bf16"])
@pytest.mark.parametrize("mask", [(), ("mask",)])
def test_ptxas_spills_nothing_of_large_heads(compile_ptx, ptxas, tmp_path, precision, size, mask):
    """Causal ones, and those with a mask in memory."""
    shapes = {"q": ("B", 8, "M", size), "k": ("B", 2, "S", size), "v": ("B", 2, "S", size), "mask": ("M", "S")}
    inputs = ["q", "k", "v", *mask]
    info = helper.make_tensor_value_info
    infos = [info(name, TensorProto.FLOAT, shapes[name]) for name in inputs]
    node = helper.make_node("Attention", inputs, ["y"], is_causal=int(not mask))
    graph = helper.make_graph([node], "g", infos, [info("y", TensorProto.FLOAT, shapes["q"])])
    model = tmp_path / "attention.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=10), model)
    ptx = compile_ptx(model, "--gpu-arch", "sm_80", "--precision", precision).stdout
    kernels = assembled(ptxas, ptx, "sm_80", tmp_path)
    assert all(name.startswith("tensor_attention_k16_k16_w16") for name in kernels if "attention" in name), kernels
    assert all(registers <= REGISTERS and not spilled for registers, spilled in kernels.values()), kernels


def test_a_maximum_is_one_instruction(compile_ptx, rng, tmp_path):
    model = tmp_path / "cnn.onnx"
    model.write_bytes(ALL["cnn"](rng).SerializeToString())
    ptx = compile_ptx(model, "--gpu-arch", "sm_80").stdout
    assert "max.NaN.f32" in ptx


def test_the_same_model_gives_the_same_ptx(compile_ptx, network):
    _, model = network
    assert compile_ptx(model, "--gpu-arch", "sm_80").stdout == compile_ptx(model, "--gpu-arch", "sm_80").stdout


@pytest.mark.parametrize(
    "flags,message",
    [
        ([], "say which GPU the code is for"),
        (["--gpu-arch", "sm_81"], "unknown GPU architecture 'sm_81'; did you mean: "),
        (["--gpu-arch", "sm_60"], "before sm_70 is not generated"),
        (["--gpu-arch", "hopper"], "unknown GPU architecture 'hopper'"),
        (["--gpu-arch", "sm_80", "--precision", "fp8"], "unknown precision 'fp8'"),
    ],
)
def test_refusals(compile_ptx, perceptron, flags, message):
    done = compile_ptx(perceptron, *flags)
    assert done.returncode == 1 and message in done.stderr and not done.stdout, done.stderr


def test_stages_are_of_the_first_architecture(compile_ptx, perceptron):
    done = compile_ptx(perceptron, "--gpu-arch", "sm_90a,sm_80")
    assert re.findall(r"^\.target (.*)$", done.stdout, re.MULTILINE) == ["sm_90a"], done.stderr
    done = compile_ptx(perceptron, "--gpu-arch", "sm_80,sm_90a", "--emit", "mlir-gpu")
    assert done.returncode == 0 and re.findall(r"#cuda.target<(\w+)>", done.stdout) == ["sm_80"], done.stderr
    assert "nvvm.kernel" in done.stdout and "strut_rt_device_launch" in done.stdout


def test_machine_code_and_its_absence(strut_run, perceptron, ptxas, tmp_path, monkeypatch):
    cubin, library = tmp_path / "mlp.cubin", tmp_path / "mlp.so"
    flags = ("compile", perceptron, "--gpu-arch", "sm_80,sm_90a")
    monkeypatch.setenv("CUDA_HOME", str(Path(ptxas).parents[1]))
    monkeypatch.setenv("PATH", "/nowhere")
    strut_run(*flags, "--emit", "cubin", "-o", cubin)
    assert cubin.read_bytes().startswith(b"\x7fELF")
    assert "note:" not in strut_run(*flags, "-o", library).stderr
    assert cubin.read_bytes() in library.read_bytes()
    for variable in ("CUDA_HOME", "CUDA_PATH", "CUDA_ROOT"):
        monkeypatch.delenv(variable, raising=False)
    said = strut_run(*flags, "-o", library).stderr
    assert said.count("note: the library has PTX and no machine code") == 1
    assert cubin.read_bytes() not in library.read_bytes()
    said = strut_run(*flags, "--emit", "cubin", "-o", cubin, code=1).stderr
    assert "machine code for sm_80 cannot be made: there is no ptxas of the CUDA toolkit" in said


def test_control_flow_by_data_is_refused(compile_ptx, tmp_path):
    def info(name, shape, kind=TensorProto.FLOAT):
        return helper.make_tensor_value_info(name, kind, shape)

    branches = {
        f"{name}_branch": helper.make_graph([helper.make_node(op, ["x"], [name])], name, [], [info(name, ["M", 3])])
        for name, op in (("then", "Exp"), ("else", "Neg"))
    }
    node = helper.make_node("If", ["c"], ["y"], name="choose", **branches)
    inputs = [info("x", ["M", 3]), info("c", [], TensorProto.BOOL)]
    graph = helper.make_graph([node], "g", inputs, [info("y", ["M", 3])])
    model = tmp_path / "if.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), model)
    done = compile_ptx(model, "--gpu-arch", "sm_80")
    assert done.returncode == 1 and not done.stdout
    assert "node 'choose'" in done.stderr and "the data lies on the GPU" in done.stderr, done.stderr
