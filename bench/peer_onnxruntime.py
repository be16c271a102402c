#!/usr/bin/env python3
"""Times one ONNX model in ONNX Runtime (see peers.py).

Inputs and outputs are bound once, so that a run copies nothing and Python's share of it is a few
microseconds.
"""

import sys

import onnxruntime

import peers


def prepare(model: str, threads: int, feed: peers.Feed):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    for name, value in feed.items():
        binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(value))
    # A first run shapes the buffers of the outputs.
    names = [output.name for output in session.get_outputs()]
    for name, value in zip(names, session.run(names, feed)):
        binding.bind_ortvalue_output(name, onnxruntime.OrtValue.ortvalue_from_numpy(value))
    return lambda: session.run_with_iobinding(binding)


if __name__ == "__main__":
    sys.exit(peers.main(prepare, __doc__))
