#!/usr/bin/env python3
"""act(x · w + b) with a dynamic number of rows, at transformer sizes, one library per weight.

    contraction.py [--sizes 768x3072 ...] [--rows 1 4 16 64 197 512] [--threads 1] [--json FILE]

Prints GFLOP/s and the share of the measured peak: of the FMA rate, or for one row of the rate at
which this machine reads as many bytes as the weight has.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import onnx

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from bench import compare, models  # noqa: E402
from examples import cache  # noqa: E402


def onnx_file(k: int, n: int, act: str) -> Path:
    make = lambda path: onnx.save(models.contraction(k, n, act), path)  # noqa: E731
    return cache.exported(f"contraction-{k}x{n}-{act}", [Path(models.__file__)], make)[0]


def measure(k: int, n: int, rows: int, threads: int, options) -> dict:
    """One line of the table, printed and returned."""
    file = onnx_file(k, n, options.act)
    library = None if options.peer_only else cache.compiled(file)[0]
    x = np.random.default_rng(1).standard_normal((rows, k)).astype(np.float32)
    weight_bytes = 4.0 * k * n
    case = compare.Case(f"{rows}x{k}x{n}", file, library, {"x": x}, threads, 2.0 * rows * k * n, weight_bytes)
    result = compare.measure(case, options.rounds, options.seconds)
    row = result.to_json()
    line = f"{rows:>6} {k:>5} {n:>5} {threads:>3}"
    if library:
        peak = compare.peak(threads, int(weight_bytes))
        gflops = case.flops / result.best("strut") / 1e6
        row["gflops"], row["peak"] = gflops, peak
        if rows == 1:
            row["of_peak"] = case.bytes / result.best("strut") / 1e6 / peak["gbytes"]
        else:
            row["of_peak"] = gflops / peak["gflops"]
        line += f" {result.best('strut') * 1e3:10.1f} {result.best('onnxruntime') * 1e3:10.1f}"
        line += f" {result.ratio():6.2f}x {gflops:9.1f} {row['of_peak']:7.1%}"
        line += " of read bandwidth" if rows == 1 else " of FMA peak"
    else:
        line += f" {'-':>10} {result.best('onnxruntime') * 1e3:10.1f}"
    print(line, flush=True)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sizes = [f"{k}x{n}" for k, n in models.TRANSFORMER_SIZES]
    parser.add_argument("--sizes", nargs="+", default=sizes, metavar="KxN")
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 4, 16, 64, 197, 512])
    parser.add_argument("--act", choices=models.GELU_SPELLINGS, default="erf")
    compare.arguments(parser, [1])
    options = parser.parse_args()
    found = compare.header()
    print(f"{'rows':>6} {'K':>5} {'N':>5} {'thr':>3} {'Strut us':>10} {'ORT us':>10} {'ratio':>7} {'GFLOP/s':>9}")
    results = [
        measure(*map(int, size.split("x")), rows, threads, options)
        for threads in options.threads
        for size in options.sizes
        for rows in options.rows
    ]
    compare.save(options.json, found, results)


if __name__ == "__main__":
    sys.exit(compare.run(main))
