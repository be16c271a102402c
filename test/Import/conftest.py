"""Fixtures for importing models. Only this file knows by which tool."""

import os
import pathlib
import resource
import subprocess

import pytest


@pytest.fixture(scope="session")
def importer(build):
    path = build / "bin" / "strut-import"
    if not path.exists():
        pytest.fail(f"{path} is not there: run scripts/build, or set STRUT_BUILD")
    return path


@pytest.fixture
def import_model(importer, tmp_path):
    """import_model(model, *flags, code=0, seconds=300): imports an onnx.ModelProto, bytes, or a
    file, and returns the finished process, whose standard output is the module with locations.
    It may compute for so many seconds, however busy the machine is."""

    def run(model, *flags, code=0, seconds=300):
        path = model
        if not isinstance(model, (str, os.PathLike)):
            path = tmp_path / "model.onnx"
            path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
        command = [str(importer), str(path), "--locations", *flags]
        done = subprocess.run(
            command,
            capture_output=True,
            timeout=600,
            stdin=subprocess.DEVNULL,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds)),
        )
        # What a model contains need not be UTF-8, and messages quote it.
        done.stdout, done.stderr = (
            s.decode(errors="backslashreplace") for s in (done.stdout, done.stderr)
        )
        assert code is None or done.returncode == code, (
            f"{' '.join(command)}\nended with {done.returncode}, not {code}\n{done.stdout}{done.stderr}"
        )
        return done

    return run


@pytest.fixture
def refuse(import_model):
    """refuse(model, *words): the import ends with one short message that has all the words."""

    def run(model, *words):
        done = import_model(model, code=None, seconds=10)
        assert 1 <= done.returncode <= 125, f"ended with {done.returncode}\n{done.stderr}"
        assert done.stdout == ""
        assert done.stderr.count("error:") == 1, done.stderr
        assert done.stderr.count("\n") <= 40, done.stderr
        for word in words:
            assert word in done.stderr, f"no {word!r} in:\n{done.stderr}"
        return done.stderr

    return run


@pytest.fixture
def import_all(importer, tmp_path):
    """import_all(paths, *flags): imports many files in one process, printing and reading back
    each, and returns {path: "ok", "refused: ..." or "differs"}."""

    def run(paths, *flags, timeout=600):
        paths = [str(path) for path in paths]
        files = tmp_path / "files.txt"
        files.write_text("\n".join(paths))
        command = [str(importer), "--round-trip", *flags, f"@{files}"]
        done = subprocess.run(
            command, capture_output=True, timeout=timeout, stdin=subprocess.DEVNULL
        )
        results = {}
        for line in done.stdout.decode(errors="backslashreplace").splitlines():
            path, colon, result = line.partition(": ")
            if colon and pathlib.Path(path).is_absolute():
                results[path] = result
        unfinished = [path for path in paths if not results.get(path)]
        assert not unfinished, (
            f"ended with {done.returncode} at {unfinished[0]}\n{done.stderr.decode()}"
        )
        return results

    return run
