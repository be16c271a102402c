"""Where exported and compiled models are kept between runs.

Everything lives outside the tree, under $STRUT_CACHE, $XDG_CACHE_HOME/strut or ~/.cache/strut.
The name of an entry holds a hash of what it was made from, so that a change of an exporter or of
the compiler makes a new entry and anything else is found again.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Callable

ROOT = Path(__file__).resolve().parents[1]
KEPT = 3  # entries of one name: checkouts and compilers of a machine share the folder
IN_USE = 3600  # seconds after its last use that an entry may still be in use


class CompileError(RuntimeError):
    """The compiler refused a model; the message is the compiler's own."""


def folder() -> Path:
    base = os.environ.get("STRUT_CACHE")
    if not base:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "strut"
    path = Path(base) / "models"
    path.mkdir(parents=True, exist_ok=True)
    return path


def compiler() -> Path:
    """The `strut` executable: $STRUT, or the release build of this tree."""
    return Path(os.environ.get("STRUT") or ROOT / "build" / "release" / "bin" / "strut")


def _kept(name: str, key: "hashlib._Hash", make: Callable[[Path], None]) -> tuple[Path, float]:
    """The folder of entry `name`, made by `make` if it is new, and the seconds that took."""
    path = folder() / f"{name}-{key.hexdigest()[:16]}"
    try:
        os.utime(path)  # it has been used now
        return path, 0.0
    except FileNotFoundError:
        pass
    begin = time.perf_counter()
    work = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=folder()))
    try:
        make(work)
        seconds = time.perf_counter() - begin
        try:
            work.rename(path)
        except OSError:
            if not path.is_dir():  # otherwise another process was faster
                raise
        return path, seconds
    finally:
        shutil.rmtree(work, ignore_errors=True)
        _prune(name)


def _last_use(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # another process has just removed it
        return time.time()


def _prune(name: str) -> None:
    """Removes entries of `name` that have not been used of late, but for the last few."""
    entries = folder().glob(f"{name}-" + "[0-9a-f]" * 16)
    for path in sorted(entries, key=_last_use)[:-KEPT]:
        if _last_use(path) < time.time() - IN_USE:
            shutil.rmtree(path, ignore_errors=True)


def exported(name: str, sources: list[Path], make: Callable[[Path], None]) -> tuple[Path, float]:
    """`name`.onnx, written by `make(path)` unless a run with the same `sources` did it before.

    Returns the path and the seconds it took (0 when found).
    """
    key = hashlib.sha256()
    for source in sources:
        status = source.stat()
        # Scripts count by content; of big data files size and time are enough.
        key.update(source.read_bytes() if status.st_size < 1 << 20 else repr(status[6:9:2]).encode())
    path, seconds = _kept(name, key, lambda work: make(work / f"{name}.onnx"))
    return path / f"{name}.onnx", seconds


def compiled(model: Path, *options: str) -> tuple[Path, float]:
    """`model` compiled to a native library, and the seconds it took (0 when found)."""
    strut = compiler()
    if not strut.is_file():
        raise CompileError(f"{strut} is not there; run scripts/build first")
    key = hashlib.sha256(repr(options).encode())
    for file in [model, strut, *sorted((strut.parents[1] / "lib").glob("libStrut.so*"))]:
        key.update(repr((str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns)).encode())

    def make(work: Path) -> None:
        output = work / f"{model.stem}.so"
        command = [str(strut), "compile", str(model), "-o", str(output), *options]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            raise CompileError(f"{' '.join(command)}\n{done.stdout.strip()}")

    path, seconds = _kept(model.stem + ".so", key, make)
    return path / f"{model.stem}.so", seconds
