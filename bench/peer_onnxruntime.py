#!/usr/bin/env python3
"""Times one ONNX model in ONNX Runtime; prints the same keys as `strut bench --json`.

    peer_onnxruntime.py model.onnx --threads T [--seconds S] --input NAME=f.npy ...

Inputs and outputs are bound once, so that a run copies nothing and Python's share of it is a few
microseconds.  One process times one model: two pools that spin would halve each other.
"""

import argparse
import json
import sys
import time

import numpy as np
import onnxruntime


def bind(session: onnxruntime.InferenceSession, feed: dict[str, np.ndarray]):
    """A binding with the inputs and with buffers for all outputs, shaped by a first run."""
    binding = session.io_binding()
    for name, value in feed.items():
        binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(value))
    names = [output.name for output in session.get_outputs()]
    for name, value in zip(names, session.run(names, feed)):
        binding.bind_ortvalue_output(name, onnxruntime.OrtValue.ortvalue_from_numpy(value))
    return binding


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--input", action="append", default=[], metavar="NAME=FILE")
    arguments = parser.parse_args()
    feed = {name: np.load(file) for name, file in (item.split("=", 1) for item in arguments.input)}
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = arguments.threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        arguments.model, options, providers=["CPUExecutionProvider"]
    )
    binding = bind(session, feed)
    # A fifth of the time warms up, caches and clocks included.
    until = time.perf_counter() + 0.2 * arguments.seconds
    while time.perf_counter() < until:
        session.run_with_iobinding(binding)
    times: list[float] = []
    until = time.perf_counter() + 0.8 * arguments.seconds
    while len(times) < 5 or time.perf_counter() < until:
        begin = time.perf_counter()
        session.run_with_iobinding(binding)
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


if __name__ == "__main__":
    sys.exit(main())
