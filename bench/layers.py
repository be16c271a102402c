#!/usr/bin/env python3
"""Single operators that move or reduce data, whose speed is that of memory.

    layers.py [NAME ...] [--threads 1] [--json FILE]        against ONNX Runtime
    layers.py --list

A name that ends in `*` stands for all that begin so. GB/s counts what is read and written once.
"""

import argparse
import fnmatch
import math
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from bench import compare  # noqa: E402
from examples import cache  # noqa: E402


@dataclass
class Layer:
    """One node: the shapes of its inputs, constants that follow them, and its attributes."""

    kind: str
    shapes: list[tuple[int, ...]]
    constants: list[np.ndarray] = field(default_factory=list)
    attributes: dict = field(default_factory=dict)
    opset: int = 18
    outputs: int = 1


def ones(*shapes) -> list[np.ndarray]:
    """Parameters of a normalisation: near one, none like another."""
    rng = np.random.default_rng(0)
    return [(1 + 0.1 * rng.standard_normal(shape)).astype(np.float32) for shape in shapes]


def norms(rows: int, length: int) -> dict[str, Layer]:
    """The kernels along a row, of which each has `length` elements."""
    size = f"{rows}x{length}"
    return {
        f"softmax-{size}": Layer("Softmax", [(rows, length)]),
        f"layernorm-{size}": Layer("LayerNormalization", [(rows, length)], ones(length, length)),
        f"rmsnorm-{size}": Layer("RMSNormalization", [(rows, length)], ones(length), {}, 23),
        f"sum-inner-{size}": Layer("ReduceSum", [(rows, length)], [np.array([1])]),
    }


def integers(*values) -> list[np.ndarray]:
    return [np.array(values, np.int64)]


def recurrent(directions: int, inputs: int, hidden: int) -> list[np.ndarray]:
    """W, R and B of an LSTM."""
    rng = np.random.default_rng(0)
    shapes = [(4 * hidden, inputs), (4 * hidden, hidden), (8 * hidden,)]
    return [0.1 * rng.standard_normal((directions, *s)).astype(np.float32) for s in shapes]


IMAGE = (1, 64, 56, 56)
LAYERS = {
    **norms(1, 1000),
    **norms(64, 77),
    **norms(128, 768),
    **norms(197, 197),
    **norms(1024, 1023),
    "softmax-12x197x197": Layer("Softmax", [(12, 197, 197)]),
    "softmax-axis1": Layer("Softmax", [(4, 21, 128 * 128)], [], {"axis": 1}),
    "groupnorm": Layer("GroupNormalization", [IMAGE], ones(64, 64), {"num_groups": 8}, 21),
    "instancenorm": Layer("InstanceNormalization", [IMAGE], ones(64, 64)),
    "batchnorm": Layer("BatchNormalization", [IMAGE], ones(64, 64, 64, 64)),
    "sum-leading": Layer("ReduceSum", [(512, 1000)], integers(0)),
    "mean-middle": Layer("ReduceMean", [(8, 196, 384)], integers(1)),
    "max-inner-odd": Layer("ReduceMax", [(1000, 333)], integers(1)),
    "sum-all": Layer("ReduceSum", [(1000, 1000)], integers(0, 1)),
    "mean-spatial": Layer("ReduceMean", [IMAGE], integers(2, 3)),
    "argmax": Layer("ArgMax", [(256, 1000)], [], {"axis": 1}),
    "transpose-0231": Layer("Transpose", [IMAGE], [], {"perm": [0, 2, 3, 1]}),
    "transpose-0312": Layer("Transpose", [(1, 56, 56, 64)], [], {"perm": [0, 3, 1, 2]}),
    "transpose-rgb": Layer("Transpose", [(1, 3, 224, 224)], [], {"perm": [0, 2, 3, 1]}),
    "transpose-square": Layer("Transpose", [(1000, 1000)], [], {"perm": [1, 0]}),
    "transpose-heads": Layer("Transpose", [(1, 197, 12, 64)], [], {"perm": [0, 2, 1, 3]}),
    "transpose-7x7": Layer("Transpose", [(1, 960, 7, 7)], [], {"perm": [0, 2, 3, 1]}),
    "concat-channels": Layer("Concat", [(1, 64, 56, 56), (1, 32, 56, 56)], [], {"axis": 1}),
    "concat-inner": Layer("Concat", [(3136, 64), (3136, 32)], [], {"axis": 1}),
    "add": Layer("Add", [IMAGE, IMAGE]),
    "add-channel": Layer("Add", [IMAGE, (64, 1, 1)]),
    "gelu": Layer("Gelu", [(197, 3072)], [], {}, 20),
    "sigmoid": Layer("Sigmoid", [IMAGE]),
    "maxpool3s2": Layer("MaxPool", [(1, 64, 112, 112)], [], {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1] * 4}),
    "maxpool2": Layer("MaxPool", [(1, 64, 112, 112)], [], {"kernel_shape": [2, 2], "strides": [2, 2]}),
    "avgpool3": Layer("AveragePool", [IMAGE], [], {"kernel_shape": [3, 3], "strides": [1, 1], "pads": [1] * 4}),
    "globalpool": Layer("GlobalAveragePool", [(1, 2048, 7, 7)]),
    "resize-nearest": Layer("Resize", [(1, 64, 28, 28)], [np.array([], np.float32), np.array([1, 1, 2, 2], np.float32)], {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}),
    "resize-linear": Layer("Resize", [(1, 64, 28, 28)], [np.array([], np.float32), np.array([1, 1, 2, 2], np.float32)], {"mode": "linear"}),
    "pad": Layer("Pad", [IMAGE], integers(0, 0, 1, 1, 0, 0, 1, 1)),
    "depth-to-space": Layer("DepthToSpace", [(1, 64, 56, 56)], [], {"blocksize": 2}),
    "gather-rows": Layer("Gather", [(30000, 384)], [np.random.default_rng(0).integers(0, 30000, 128)], {"axis": 0}),
    "cumsum": Layer("CumSum", [(64, 4096)], [np.array(1)]),
    "cumsum-leading": Layer("CumSum", [(512, 512)], [np.array(0)]),
    "topk-8of64": Layer("TopK", [(512, 64)], integers(8), {}, 18, 2),
    "lstm-64x128x256": Layer("LSTM", [(64, 1, 128)], recurrent(1, 128, 256), {"hidden_size": 256}, 22, 3),
    "lstm-both-ways": Layer("LSTM", [(64, 1, 128)], recurrent(2, 128, 256), {"hidden_size": 256, "direction": "bidirectional"}, 22, 3),
    "topk-50of50000": Layer("TopK", [(4, 50000)], integers(50), {}, 18, 2),
}  # fmt: skip


def build(layer: Layer) -> onnx.ModelProto:
    inputs = [helper.make_tensor_value_info(f"x{i}", TensorProto.FLOAT, s) for i, s in enumerate(layer.shapes)]
    constants = [numpy_helper.from_array(c, f"c{i}") for i, c in enumerate(layer.constants)]
    names = [value.name for value in [*inputs, *constants]]
    outputs = [f"y{i}" for i in range(layer.outputs)]
    node = helper.make_node(layer.kind, names, outputs, f"/{layer.kind}", **layer.attributes)
    graph = helper.make_graph([node], "main_graph", inputs, [onnx.ValueInfoProto(name=o) for o in outputs], constants)
    opset = helper.make_opsetid("", layer.opset)
    made = helper.make_model(graph, opset_imports=[opset], ir_version=8 if layer.opset < 20 else 10)
    inferred = onnx.shape_inference.infer_shapes(made, strict_mode=True, data_prop=True)
    for output in inferred.graph.output:
        if not output.type.WhichOneof("value"):  # a function of the standard; this kind keeps the shape
            output.type.CopyFrom(inputs[0].type)
    onnx.checker.check_model(inferred)
    return inferred


def bytes_of(model: onnx.ModelProto, layer: Layer) -> int:
    """Inputs and results, each moved once."""
    results = [[d.dim_value for d in y.type.tensor_type.shape.dim] for y in model.graph.output]
    return 4 * sum(math.prod(shape) for shape in [*layer.shapes, *results])


def measure(name: str, options, threads: int) -> dict:
    layer = LAYERS[name]
    model = build(layer)
    file, _ = cache.exported(f"layer-{name}", [Path(__file__)], lambda path: onnx.save(model, path))
    library, _ = cache.compiled(file)
    rng = np.random.default_rng(1)
    inputs = {f"x{i}": rng.standard_normal(s).astype(np.float32) for i, s in enumerate(layer.shapes)}
    case = compare.Case(name, file, library, inputs, threads, bytes=bytes_of(model, layer))
    result = compare.measure(case, options.rounds, options.seconds)
    rate = case.bytes / result.best("strut") / 1e6
    print(
        f"{name:22} {threads} {1e3 * result.best('strut'):9.2f} us  {1e3 * result.best('onnxruntime'):9.2f} us"
        f"  {result.ratio():5.2f}  {rate:6.1f} GB/s",
        flush=True,
    )
    return result.to_json()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--list", action="store_true")
    compare.arguments(parser, [1])
    options = parser.parse_args()
    if options.list:
        print("\n".join(LAYERS))
        return
    names = [n for n in LAYERS if not options.names or any(fnmatch.fnmatch(n, o) for o in options.names)]
    if not names:
        raise compare.BenchError("no layer has such a name; --list names them all")
    found = compare.header()
    print("name              threads     Strut   ONNX Runtime  ratio")
    results = [measure(n, options, t) for t in options.threads for n in names]
    compare.save(options.json, found, results)


if __name__ == "__main__":
    sys.exit(compare.run(main))
