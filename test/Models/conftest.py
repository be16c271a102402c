"""Fixtures of the tests on whole networks."""

import subprocess

import pytest


@pytest.fixture(scope="module")
def compile_file(strut, tmp_path_factory):
    """compile_file(model.onnx, *flags): the compiled library, in a folder that lives as long as the
    module."""

    def compile(model, *flags, timeout=300):
        output = tmp_path_factory.mktemp(model.stem) / f"{model.stem}.so"
        done = subprocess.run(
            [strut, "compile", model, "-o", output, *flags], capture_output=True, text=True, timeout=timeout
        )
        assert done.returncode == 0, f"strut compile {model}\n{done.stdout}{done.stderr}"
        return output

    return compile
