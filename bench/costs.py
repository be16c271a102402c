#!/usr/bin/env python3
"""What Strut costs besides the arithmetic: one call, and one compilation.

    costs.py [--model FILE] [--json FILE]

The call is timed on a model of one op on four numbers.  Compiling is timed on MiniLM-L6 (or on
--model): wall time, and the largest anonymous memory of the process, sampled every 2 ms.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from bench import compare, models  # noqa: E402
from examples import cache  # noqa: E402
from examples.minilm import model  # noqa: E402


def call(rounds: int) -> compare.Result:
    make = lambda path: onnx.save(models.single(), path)  # noqa: E731
    file, _ = cache.exported("relu", [Path(models.__file__)], make)
    library, _ = cache.compiled(file)
    case = compare.Case("call", file, library, {"x": np.ones(4, np.float32)})
    return compare.measure(case, rounds, 0.5)


def anonymous_bytes(pid: int) -> int:
    """RssAnon of a process; 0 once it has ended."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def compilation(file: Path) -> dict:
    """Seconds, and peak anonymous bytes beside those of the weights."""
    with tempfile.TemporaryDirectory() as work, tempfile.TemporaryFile() as log:
        command = [str(cache.compiler()), "compile", str(file), "-o", f"{work}/model.so"]
        begin = time.perf_counter()
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        peak = 0
        while process.poll() is None:
            peak = max(peak, anonymous_bytes(process.pid))
            time.sleep(0.002)
        seconds = time.perf_counter() - begin
        if process.returncode:
            log.seek(0)
            raise compare.BenchError(f"{' '.join(command)}\n{log.read().decode().strip()}")
        sizes = {item.name: item.stat().st_size for item in Path(work).iterdir()}
    return {"seconds": seconds, "anonymous": peak, "model": file.stat().st_size, "files": sizes}


def report(file: Path, tries: list[dict]) -> None:
    """Prints the shortest of several compilations of `file`, and the most memory one of them took."""
    best = min(tries, key=lambda t: t["seconds"])
    most = max(t["anonymous"] for t in tries)
    allowed = 1.3 * best["model"] + 400e6
    print(f"compiling {file.name}:  {best['seconds']:.2f} s")
    print(f"  anonymous memory {most / 1e6:.0f} MB, model {best['model'] / 1e6:.0f} MB"
          f" (1.3 times that and 400 MB: {allowed / 1e6:.0f} MB)")  # fmt: skip
    print("  " + ", ".join(f"{name} {size / 1e6:.1f} MB" for name, size in best["files"].items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="an ONNX file to compile (MiniLM-L6 unless given)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = compare.header()
    one = call(options.rounds)
    print(f"one call:  Strut {one.best('strut') * 1e3:.2f} us   ONNX Runtime {one.best('onnxruntime') * 1e3:.2f} us")
    file = options.model or model.onnx_file()[0]
    tries = [compilation(file) for _ in range(options.rounds)]
    report(file, tries)
    if options.json:
        numbers = {"versions": found, "call": one.to_json(), "compile": tries}
        options.json.write_text(json.dumps(numbers, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(compare.run(main))
