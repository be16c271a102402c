"""Artefacts written by hand: C sources of Inputs/ linked with the runtime's."""

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CLANG = os.environ.get("STRUT_CLANG") or shutil.which("clang-22") or "/usr/lib/llvm-22/bin/clang"


def build(source: str, output: Path) -> Path:
    """Compiles Inputs/`source` and the runtime into the shared library `output`."""
    command = [CLANG, "-std=c11", "-O1", "-shared", "-fPIC", "-fvisibility=hidden", "-ffreestanding"]
    command += ["-nostdlibinc", f"-I{ROOT / 'include'}", f"-I{ROOT}", str(ROOT / "test/Driver/Inputs" / source)]
    command += [str(path) for path in sorted((ROOT / "lib/Runtime").glob("*.c"))]
    subprocess.run([*command, "-o", str(output)], check=True)
    return output


if __name__ == "__main__":  # for lit: artifact.py SOURCE OUTPUT
    import sys

    build(sys.argv[1], Path(sys.argv[2]))
