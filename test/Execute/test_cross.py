"""Libraries for AArch64, made here without a sysroot and run by qemu."""

import shutil
import subprocess
from pathlib import Path

import numpy
import pytest

from bench import models
from Execute.kernels import DTYPES
from Execute.test_attention import MASKED, attention_text, draw, random_mask, reference
from Execute.test_contract import every_shape, every_size

TRIPLE = "aarch64-unknown-linux-gnu"
SYSROOT = Path("/usr/aarch64-linux-gnu")
QEMU = shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static")

pytestmark = [
    pytest.mark.skipif(not QEMU, reason="qemu-aarch64 is not installed (qemu-user)"),
    pytest.mark.skipif(
        not (SYSROOT / "lib" / "libc.so.6").exists(),
        reason="no C library for AArch64 (libc6-dev-arm64-cross)",
    ),
]


@pytest.fixture(scope="module")
def run(clang, root, tmp_path_factory):
    """run(library, arrays, outputs): the outputs, given as (dtype, shape), of a run under qemu
    which allocated nothing when it was repeated."""
    program = tmp_path_factory.mktemp("cross") / "run_files"
    source = root / "test" / "Execute" / "Inputs" / "run_files.c"
    command = [clang, f"--target={TRIPLE}", "-O1", "-fuse-ld=lld", "-rdynamic", f"-I{root / 'include'}"]
    subprocess.run([*command, source, "-ldl", "-o", program], check=True)

    def run(library, arrays, outputs):
        folder = library.parent
        arguments = []
        for number, array in enumerate(arrays):
            array.tofile(folder / f"x{number}.bin")
            arguments.append(f"{folder / f'x{number}.bin'}:{','.join(map(str, array.shape))}")
        done = subprocess.run(
            [QEMU, "-L", SYSROOT, program, library, folder / "y", "2", *arguments],
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        return [
            numpy.frombuffer((folder / f"y{i}.bin").read_bytes(), dtype).reshape(shape)
            for i, (dtype, shape) in enumerate(outputs)
        ]

    return run


@pytest.mark.parametrize("what", ["f32", "f16", "bf16", "i8", "shapes"])
def test_contract(compile_program, run, rng, assert_close, what):
    program = every_shape(rng) if what == "shapes" else every_size(rng, what, [1, 10, 65])
    library = compile_program(program, "--target", TRIPLE)
    for dims in [{"M": 7, "B": 2, "K": 37, "N": 65}, {"M": 1, "B": 1, "K": 0, "N": 3}]:
        dims = {symbol: dims[symbol] for symbol in program.symbols}
        feed = program.feed(rng, dims)
        expected = program.reference(feed, dims)
        results = [result for result, *_ in program.results]
        shapes = [(DTYPES[r.dtype], expected[r.name].shape) for r in results]
        actual = run(library, [feed[i.name] for i in program.inputs], shapes)
        program.check({r.name: y for r, y in zip(results, actual)}, feed, dims, assert_close)


def test_attention(compile_file, run, rng, assert_close, tmp_path):
    (tmp_path / "a.mlir").write_text(attention_text(3, 3, 80, MASKED, "mask", ("B", "S", "S")))
    library = compile_file(tmp_path / "a.mlir", tmp_path / "a.so", "--target", TRIPLE)
    for b, s in [(2, 7), (3, 33), (1, 300), (0, 5), (2, 0)]:
        q, k, v = draw(rng, b, s, s, 3, 3, 80)
        mask = random_mask(rng, b, s)
        (y,) = run(library, [q, k, v, mask], [(numpy.float32, q.shape)])
        assert_close(y, reference(q, k, v, mask), what=f"batch {b}, sequence {s}")


def test_gelu(compile_file, run, rng, assert_close, tmp_path):
    """A whole model, from ONNX."""
    model = models.contraction(96, 160, "op-tanh")
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    library = compile_file(tmp_path / "m.onnx", tmp_path / "m.so", "--target", TRIPLE)
    weight, bias = (numpy.frombuffer(t.raw_data, numpy.float32) for t in model.graph.initializer[:2])
    x = rng.normal(0, 2, (33, 96)).astype(numpy.float32)
    (y,) = run(library, [x], [(numpy.float32, (33, 160))])
    linear = x.astype(numpy.float64) @ weight.reshape(96, 160).astype(numpy.float64) + bias
    inner = numpy.sqrt(2 / numpy.pi) * (linear + 0.044715 * linear**3)
    assert_close(y, 0.5 * linear * (1 + numpy.tanh(inner)))
