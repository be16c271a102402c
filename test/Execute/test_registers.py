"""Sums of full tiles stay in registers, for each CPU that LLVM schedules in its own way."""

import itertools
import os
import re
import shutil
import subprocess

import pytest

from Execute.kernels import Program, random_array

OBJDUMP = shutil.which("llvm-objdump-22") or "/usr/lib/llvm-22/bin/llvm-objdump"
INSTRUCTION = re.compile(r"^\s*([0-9a-f]+):\s+(\S+)\s*([^#\n]*)", re.MULTILINE)

# The sums of a full tile: six rows of four vectors, or of two where there are 16 registers.
FULL = {"sapphirerapids": 24, "skylake-avx512": 24, "znver4": 24, "znver5": 24, "haswell": 12, "znver3": 12}


def innermost_loops(library):
    """The instructions (name, operands) of each loop without a jump inside."""
    command = [OBJDUMP, "-d", "--no-show-raw-insn", "--x86-asm-syntax=intel", library]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    code = [(int(at, 16), name, operands.strip()) for at, name, operands in INSTRUCTION.findall(text)]
    places = {at: number for number, (at, _, _) in enumerate(code)}
    jumps = [number for number, (_, name, _) in enumerate(code) if name.startswith("j")]
    for before, here in itertools.pairwise([-1, *jumps]):
        target = re.match(r"0x([0-9a-f]+)", code[here][2])
        begin = places.get(int(target[1], 16)) if target else None
        if begin is not None and before < begin <= here:
            yield [instruction[1:] for instruction in code[begin : here + 1]]


def sums_of(loop):
    return len({operands.split(",")[0] for name, operands in loop if re.match(r"vfmadd\w+p[sd]", name)})


def is_spill(instruction):
    """Whether a vector goes to the stack or comes from it."""
    name, operands = instruction
    return name.startswith("vmov") and "rsp" in operands


@pytest.mark.skipif(not os.path.exists(OBJDUMP), reason="needs llvm-objdump")
@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize("cpu", FULL)
def test_sums_of_full_tiles_stay_in_registers(compile_program, rng, cpu, dtype):
    """For Zen 4 LLVM unrolled the loop over k, and the loads of the second step pushed most sums out:
    two thirds of the speed. Tiles of f64 had as many elements as those of f32: half of it."""
    program = Program(symbols=["M"])
    lhs = program.input("x", dtype, ("M", 96)), ["m", "k"]
    rhs = program.weight("w", random_array(rng, dtype, (96, 256)), dtype), ["k", "n"]
    program.contract("m, n, k", lhs, rhs, (("M", 256), ["m", "n"]))
    library = compile_program(program, "--target=x86_64-linux-gnu", f"--target-cpu={cpu}")
    loops = list(innermost_loops(library))
    assert max(map(sums_of, loops)) == FULL[cpu]
    for loop in loops:
        assert sums_of(loop) <= FULL[cpu] // 2 or not any(map(is_spill, loop)), loop
