#!/usr/bin/env python3
"""MiniLM-L6, whole: Strut against ONNX Runtime, in milliseconds a run.

    minilm.py [--sizes 1x128 8x64 1x16] [--threads 1 2] [--rounds 3] [--json FILE]
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from bench import compare  # noqa: E402
from examples import cache  # noqa: E402
from examples.minilm import model, weights  # noqa: E402

LINEAR = 6 * (4 * 384 * 384 + 2 * 384 * 1536)  # weights that each token is multiplied with


def inputs(batch: int, seq: int) -> dict[str, np.ndarray]:
    """Random tokens, none of them masked: padding would make the work smaller for nobody."""
    rng = np.random.default_rng(0)
    ids = rng.integers(1000, weights.config()["vocab_size"], (batch, seq))
    return {
        "input_ids": ids,
        "attention_mask": np.ones_like(ids),
        "token_type_ids": np.zeros_like(ids),
    }


def flops(batch: int, seq: int) -> float:
    return 2.0 * batch * seq * (LINEAR + 6 * 2 * 384 * seq)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", default=["1x128", "8x64", "1x16"], metavar="BxS")
    compare.arguments(parser, [1, 2])
    options = parser.parse_args()
    found = compare.header()
    file, _ = model.onnx_file()
    library = None if options.peer_only else cache.compiled(file)[0]
    results = []
    print(f"{'batch x seq':>12} {'threads':>8} {'Strut ms':>10} {'ORT ms':>10} {'ratio':>7} {'of peak':>8}")
    for threads in options.threads:
        for size in options.sizes:
            batch, seq = map(int, size.split("x"))
            case = compare.Case(f"minilm {size}", file, library, inputs(batch, seq), threads, flops(batch, seq))
            result = compare.measure(case, options.rounds, options.seconds)
            row = result.to_json()
            line = f"{size:>12} {threads:>8}"
            if library:
                row["peak_gflops"] = compare.peak(threads)["gflops"]
                row["of_peak"] = case.flops / result.best("strut") / 1e6 / row["peak_gflops"]
                line += f" {result.best('strut'):10.3f} {result.best('onnxruntime'):10.3f}"
                line += f" {result.ratio():6.2f}x {row['of_peak']:8.1%}"
            else:
                line += f" {'-':>10} {result.best('onnxruntime'):10.3f}"
            print(line, flush=True)
            results.append(row)
    compare.save(options.json, found, results)


if __name__ == "__main__":
    sys.exit(compare.run(main))
