"""Fixtures of the tests that run what was compiled. Artefacts are shared: each is compiled
once a session, and its symbols are checked as soon as it is there."""

import os
import shutil
import subprocess

import pytest

from bench import models


@pytest.fixture(scope="session")
def clang():
    return os.environ.get("STRUT_CLANG") or shutil.which("clang-22") or "/usr/lib/llvm-22/bin/clang"


@pytest.fixture(scope="session")
def allowed_symbols(root):
    """What an artefact may leave undefined."""
    names = set()
    for file in ("lib/Runtime/allowed-symbols.txt", "lib/Package/math-symbols.txt"):
        lines = (root / file).read_text().splitlines()
        names |= {line.strip() for line in lines if line.strip() and not line.startswith("#")}
    return names


@pytest.fixture(scope="session")
def check_symbols(allowed_symbols):
    """check_symbols(artefact): it needs nothing that is not allowed and exports its\n    table alone."""
    nm = shutil.which("llvm-nm-22") or "/usr/lib/llvm-22/bin/llvm-nm"

    def names(*arguments):
        listed = subprocess.run([nm, "--dynamic", *arguments], capture_output=True, text=True, check=True)
        # "strlen@GLIBC_2.17", weak references of the linker's own apart
        return {
            line.split()[-1].split("@")[0] for line in listed.stdout.splitlines() if " w " not in line
        }

    def check(artefact):
        undefined = names("--undefined-only", artefact)
        assert undefined <= allowed_symbols, f"{artefact} needs {sorted(undefined - allowed_symbols)}"
        exported = names("--defined-only", artefact)
        # The table under both its names, and where the artefacts of a process find its pool.
        named = {name for name in exported if name.startswith("strut_model_")}
        assert len(named) == 1 and exported == {"strut_model", "strut_process_v1"} | named, exported

    return check


@pytest.fixture(scope="session")
def compile_file(strut, check_symbols):
    """compile_file(source, output, *flags): runs `strut compile`, checks the symbols of a
    shared library, returns `output`."""

    def compile(source, output, *flags, timeout=300):
        command = [strut, "compile", source, "-o", output, *flags]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=timeout)
        assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
        if output.suffix == ".so":
            check_symbols(output)
        return output

    return compile


@pytest.fixture(scope="session")
def compile_program(compile_file, tmp_path_factory):
    """compile_program(program, *flags): a kernels.Program as a library."""

    def compile(program, *flags):
        folder = tmp_path_factory.mktemp("program")
        source = folder / "program.mlir"
        source.write_text(program.text(folder))
        return compile_file(source, folder / "program.so", *flags)

    return compile


@pytest.fixture(scope="session")
def load():
    """load(path, threads=2): the library as a model of the Python package."""

    def load(path, threads=2):
        import strut

        return strut.load(path, threads=threads)

    return load


@pytest.fixture(scope="session")
def contraction(compile_file, tmp_path_factory):
    """contraction("erf" or "tanh"): the model act(x · w + b), 96 to 160, and its library."""
    made = {}

    def make(act):
        if act not in made:
            folder = tmp_path_factory.mktemp(act)
            model = models.contraction(96, 160, act)
            (folder / "model.onnx").write_bytes(model.SerializeToString())
            made[act] = model, compile_file(folder / "model.onnx", folder / "model.so")
        return made[act]

    return make
