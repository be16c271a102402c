#!/usr/bin/env python3
"""Times one ONNX model in OpenVINO (see peers.py).

It computes in f32 with the latency hint; the inputs share memory with the request, whose output
tensors stay its own, so that a run copies nothing.
"""

import sys

import openvino
import openvino.properties
import openvino.properties.hint

import peers


def prepare(model: str, threads: int, feed: peers.Feed):
    core = openvino.Core()
    core.set_property(
        "CPU",
        {
            openvino.properties.inference_num_threads: threads,
            openvino.properties.hint.inference_precision: openvino.Type.f32,
            openvino.properties.hint.performance_mode: openvino.properties.hint.PerformanceMode.LATENCY,
            openvino.properties.num_streams: 1,
        },
    )
    request = core.compile_model(core.read_model(model), "CPU").create_infer_request()
    for name, value in feed.items():
        request.set_tensor(name, openvino.Tensor(value, shared_memory=True))
    return request.infer


if __name__ == "__main__":
    sys.exit(peers.main(prepare, __doc__))
