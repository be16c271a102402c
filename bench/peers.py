"""What the peers' scripts share: their options, and how runs are timed and reported.

    peer_NAME.py model.onnx --threads T [--seconds S] --input NAME=f.npy ...

prints the keys of `strut bench --json` that compare.py reads.  One process times one model: two
pools that spin would halve each other.
"""

import argparse
import json
import sys
import time
from typing import Callable

import numpy as np

Feed = dict[str, np.ndarray]


def main(prepare: Callable[[str, int, Feed], Callable[[], object]], about: str) -> int:
    """`prepare(model, threads, feed)` gives a call that runs the model once on bound buffers."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--input", action="append", default=[], metavar="NAME=FILE")
    arguments = parser.parse_args()
    feed = {name: np.load(file) for name, file in (item.split("=", 1) for item in arguments.input)}
    run = prepare(arguments.model, arguments.threads, feed)
    # A fifth of the time warms up, caches and clocks included.
    until = time.perf_counter() + 0.2 * arguments.seconds
    while time.perf_counter() < until:
        run()
    times: list[float] = []
    until = time.perf_counter() + 0.8 * arguments.seconds
    while len(times) < 5 or time.perf_counter() < until:
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    report = {
        "median_ms": 1e3 * float(np.median(times)),
        "min_ms": 1e3 * min(times),
        "max_ms": 1e3 * max(times),
        "runs": len(times),
        "threads": arguments.threads,
    }
    json.dump(report, sys.stdout)
    print()
    return 0
