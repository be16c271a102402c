"""Every stage can be written, read again and compiled on, to the same bytes."""

import platform
import re
import subprocess

import onnx
import pytest

from bench import models
from examples.digits import classify
from examples.minilm import export, weights

STAGES = ["mlir-onnx", "mlir-layer", "mlir-kernel"]
MODELS = ["contraction", "digits", "minilm"]


@pytest.fixture(scope="session")
def model_file(tmp_path_factory):
    """model_file(name): the ONNX file of a model, made once."""
    made = {}

    def write(name, model):
        path = tmp_path_factory.mktemp(name) / f"{name}.onnx"
        onnx.save(model, path)
        return path

    def find(name):
        if name == "contraction":
            return write(name, models.contraction(96, 160))
        if name == "digits":
            return classify.onnx_file(report=lambda line: None)[0]
        try:
            return write(name, export.build(weights.tensors(), weights.config()))
        except weights.MissingWeights as missing:
            pytest.skip(str(missing))

    def get(name):
        if name not in made:
            made[name] = find(name)
        return made[name]

    return get


def take(folder):
    """The bytes of everything in `folder`, which is emptied."""
    found = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    for path in folder.iterdir():
        path.unlink()
    return found


@pytest.fixture(scope="session")
def direct(model_file, compile_file, tmp_path_factory):
    """direct(name): (output path, what a compile from ONNX writes there). All compiles of a
    model write to one path, for a library knows where its weights were written."""
    made = {}

    def get(name):
        if name not in made:
            folder = tmp_path_factory.mktemp(f"{name}-output")
            compile_file(model_file(name), folder / "model.so")
            made[name] = folder / "model.so", take(folder)
        return made[name]

    return get


def differing(one, other):
    return [name for name in sorted(one.keys() | other.keys()) if one.get(name) != other.get(name)]


@pytest.mark.parametrize("name", MODELS)
def test_twice_the_same(direct, model_file, compile_file, name):
    output, expected = direct(name)
    compile_file(model_file(name), output)
    assert not differing(expected, take(output.parent))
    assert {"model.so", "model.h"} <= expected.keys()


@pytest.mark.parametrize("suffix", ["mlir", "mlirbc"])
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", MODELS)
def test_resumed(direct, model_file, compile_file, tmp_path, name, stage, suffix):
    output, expected = direct(name)
    written = compile_file(model_file(name), tmp_path / f"stage.{suffix}", "--emit", stage)
    assert written.read_bytes().startswith(b"ML\xefR") == (suffix == "mlirbc")
    assert written.stat().st_size < 1_000_000, "weights are named, not copied"
    compile_file(written, output)
    assert not differing(expected, take(output.parent))


def test_a_stage_from_a_stage(model_file, compile_file, tmp_path):
    """Kernels written from the layer stage are those written from ONNX."""
    source = model_file("digits")
    layer = compile_file(source, tmp_path / "layer.mlir", "--emit", "mlir-layer")
    resumed = compile_file(layer, tmp_path / "resumed.mlir", "--emit", "mlir-kernel")
    direct = compile_file(source, tmp_path / "direct.mlir", "--emit", "mlir-kernel")
    assert resumed.read_text() == direct.read_text()


@pytest.mark.parametrize("late, early", [(2, 1), (2, 0), (1, 0)])
def test_no_way_back(model_file, strut_run, compile_file, tmp_path, late, early):
    stage = compile_file(model_file("contraction"), tmp_path / "late.mlir", "--emit", STAGES[late])
    done = strut_run("compile", stage, "--emit", STAGES[early], "-o", tmp_path / "early.mlir", code=1)
    assert "past the stage" in done.stderr
    assert not (tmp_path / "early.mlir").exists()


def test_llvm(model_file, compile_file, tmp_path):
    text = compile_file(model_file("digits"), tmp_path / "m.ll", "--emit", "llvm").read_text()
    assert "define void @strut_run(ptr" in text
    assert "@llvm.fma.v" in text
    opt = "/usr/lib/llvm-22/bin/opt"
    subprocess.run([opt, "-passes=verify", "-disable-output", tmp_path / "m.ll"], check=True)


def loops(assembly):
    """The innermost loops that are one block: lists of instructions."""
    found = []
    for block in re.split(r"^(?=\.L\w+:)", assembly, flags=re.MULTILINE):
        label = block.split(":", 1)[0]
        # Fall-through blocks have no label of their own but a comment: "# %bb.7:".
        body = re.split(r"^# %bb\.", block, maxsplit=1, flags=re.MULTILINE)[0]
        lines = [line.split("#")[0].strip() for line in body.splitlines()[1:]]
        jumps = [i for i, line in enumerate(lines) if re.match(rf"j\w+\s+{re.escape(label)}$", line)]
        if jumps:
            found.append([line for line in lines[: jumps[-1] + 1] if line and not line.startswith(".")])
    return found


@pytest.mark.skipif(platform.machine() != "x86_64", reason="reads x86-64 assembly")
def test_the_inner_loop_of_a_contraction(model_file, compile_file, tmp_path):
    """On AVX-512 a full tile of 160 columns is 5 rows by 5 vectors in registers: 25
    multiply-adds a step of k, and nothing on the stack."""
    output = tmp_path / "m.s"
    flags = ["--emit", "asm", "--target-cpu", "znver4"]
    assembly = compile_file(model_file("contraction"), output, *flags).read_text()
    full = []
    for loop in loops(assembly):
        products = [line for line in loop if line.startswith("vfmadd")]
        sums = {line.split()[-1] for line in products}
        if len(sums) == 25:
            full.append((loop, len(products) // 25))
    assert full, "no loop has 25 accumulators"
    for loop, steps in full:
        assert all("zmm" in line for line in loop if line.startswith("vfmadd"))
        assert not [line for line in loop if re.search(r"\((%rsp|%rbp)[,)]", line)], loop
        # Beside the products: five loads of the panel and five broadcasts a step, and counting.
        assert len([line for line in loop if line.startswith("vfmadd")]) == 25 * steps
        moves = [line for line in loop if re.match(r"v(mov|broadcast)", line)]
        assert all(re.search(r"\(.*\), %zmm\d+$", line) for line in moves), moves
        assert len(moves) <= 10 * steps, moves
        # Two lines of the next panel are fetched ahead.
        ahead = [line for line in loop if line.startswith("prefetcht1")]
        assert len(ahead) <= 2 * steps, ahead
        # Tiles of many ask L1 for the five lines of a later step, at an address of its own.
        near = [line for line in loop if line.startswith("prefetcht0")]
        assert len(near) in (0, 5 * steps), near
        assert len(loop) - 25 * steps - len(moves) - len(ahead) - len(near) <= (18 if near else 16), loop
