#!/usr/bin/env python3
"""Plain networks, compiled with and without recognition and rewrites, beside each other.

    passes.py [NAME...] [--threads 1 2] [--rounds 3] [--seconds 0.5] [--json FILE]

Without them, products with constants become layers one by one and nothing else is recognised; what
both have is the lifting of idioms, and everything from kernels on.  The two take turns of some
milliseconds in one process.  `ratio` is the time without by the time with the passes: 1 or more is
asked for.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from bench import compare, plain  # noqa: E402
from examples import cache  # noqa: E402

# What is left of the road to layers.
AS_WRITTEN = ["--strut-normalize-pipeline", "--strut-recognize-linear", "--canonicalize", "--cse"]


def as_written(model: Path) -> Path:
    """The library without the passes."""
    strut = cache.compiler()

    def make(path: Path) -> None:
        imported = path.with_suffix(".onnx.mlir")
        subprocess.run([strut, "compile", model, "--emit", "mlir-onnx", "-o", imported], check=True)
        command = [strut.with_name("strut-opt"), imported, *AS_WRITTEN]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        layers = path.with_suffix(".mlir")
        layers.write_text(text.replace("module attributes {", "module attributes {strut.layer_stage, ", 1))
        imported.unlink()

    layers = cache.exported(f"{model.stem}-as-written", [Path(__file__), model, strut], make)[0]
    return cache.compiled(layers.with_suffix(".mlir"))[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(plain.PLAIN))
    compare.arguments(parser, [1, 2])
    options = parser.parse_args()
    found, results = compare.header(), []
    print(f"{'network':>24} {'threads':>8} {'with ms':>10} {'without ms':>11} {'ratio':>6}")
    for name in options.names or plain.PLAIN:
        model = plain.exported(name)
        libraries = cache.compiled(model)[0], as_written(model)
        with tempfile.TemporaryDirectory() as folder:
            inputs = Path(folder) / "inputs.npz"
            np.savez(inputs, **plain.feed(plain.PLAIN[name]))
            for threads in options.threads:
                times = compare.against(*libraries, ["--input", str(inputs)], threads, options)
                # Of the round whose ratio is the median one.
                ours, written = sorted(times, key=lambda pair: pair[1] / pair[0])[len(times) // 2]
                results.append({"case": name, "threads": threads, "with_ms": ours, "without_ms": written})
                print(f"{name:>24} {threads:>8} {ours:10.2f} {written:11.2f} {written / ours:6.2f}", flush=True)
    compare.save(options.json, found, results)


if __name__ == "__main__":
    sys.exit(compare.run(main))
