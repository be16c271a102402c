#!/usr/bin/env python3
"""A mixture of experts, exported plainly, beside ONNX Runtime and beside all experts.

    experts.py [--experts 8 16 64] [--rows 1 16 64 256 1024] [--d 512] [--hidden 1024] [--chosen 2]
               [--threads 1 2] [--rounds 3] [--seconds 0.3] [--json FILE]

The file computes every expert for every row in two batched products and weights them, zeros for those
that were not chosen.  `all` is the same file with zeros that cannot be proved to be zeros, so that
Strut computes what the file says: routed experts can at best take k/E of its time.  The column `of
all` is that share of `all` by the time of the routed ones; the bar is 0.85 from 8 E choices on.

Strut times the two in turns of some milliseconds, and ONNX Runtime in turns with both; the best
round counts.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from bench import compare  # noqa: E402
from examples import cache  # noqa: E402


def mixture(experts: int, d: int, hidden: int, chosen: int, provable: bool) -> onnx.ModelProto:
    """x[M, d] -> [M, d] through a linear router and experts with GELU."""
    rng = np.random.default_rng(0)
    weights = {
        "router": rng.standard_normal((d, experts)),
        "w1": rng.standard_normal((experts, d, hidden)) / np.sqrt(d),
        "b1": rng.standard_normal((experts, 1, hidden)),
        "w2": rng.standard_normal((experts, hidden, d)) / np.sqrt(hidden),
        "b2": rng.standard_normal((experts, 1, d)),
        "none": np.zeros(1),
    }
    initializers = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()]
    for name, value in {"k": chosen, "first": 0, "last": -1, "one": 1, "count": experts}.items():
        initializers.append(numpy_helper.from_array(np.array([value]), name))
    repeat = np.array([experts, 1, 1])
    initializers.append(numpy_helper.from_array(repeat, "repeat"))
    node = helper.make_node
    zeros = [
        node("Shape", ["x"], ["rows"], end=1),
        node("Concat", ["rows", "count"], ["shape"], axis=0),
        node("ConstantOfShape", ["shape"], ["zeros"]),
    ]
    nodes = [
        node("MatMul", ["x", "router"], ["logits"]),
        node("TopK", ["logits", "k"], ["best", "places"]),
        node("Softmax", ["best"], ["gates"], axis=-1),
        *(zeros if provable else [node("Mul", ["logits", "none"], ["zeros"])]),
        node("ScatterElements", ["zeros", "places", "gates"], ["scores"], axis=1),
        node("Transpose", ["scores"], ["turned"], perm=[1, 0]),
        node("Unsqueeze", ["turned", "last"], ["factors"]),
        node("Unsqueeze", ["x", "first"], ["single"]),
        node("Expand", ["single", "repeat"], ["tokens"]),
        node("MatMul", ["tokens", "w1"], ["first_sum"]),
        node("Add", ["first_sum", "b1"], ["first_biased"]),
        node("Gelu", ["first_biased"], ["inner"]),
        node("MatMul", ["inner", "w2"], ["second_sum"]),
        node("Add", ["second_sum", "b2"], ["nets"]),
        node("Mul", ["nets", "factors"], ["weighted"]),
        node("ReduceSum", ["weighted", "first"], ["y"], keepdims=0),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "experts", [value("x", 1, ["M", d])], [value("y", 1, ["M", d])], initializers
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def files(experts: int, options) -> list[Path]:
    """The plain model, and the one whose zeros are not known."""
    sizes = (options.d, options.hidden, options.chosen)

    def make(provable):
        return lambda path: onnx.save(mixture(experts, *sizes, provable), path)

    name = f"experts-{experts}x{'x'.join(map(str, sizes))}"
    return [
        cache.exported(f"{name}-{form}", [Path(__file__)], make(form == "plain"))[0] for form in ("plain", "all")
    ]


def against(library: Path, other: Path, rows: int, threads: int, options) -> tuple[float, float]:
    """Milliseconds of both, of the round with the best ratio."""
    times = compare.against(library, other, ["--dim", f"M={rows}"], threads, options)
    return min(times, key=lambda pair: pair[0] / pair[1])


def measure(experts: int, rows: int, threads: int, libraries: list[Path], plain: Path, options) -> dict:
    x = np.random.default_rng(1).standard_normal((rows, options.d)).astype(np.float32)
    case = compare.Case(f"{experts} experts", plain, libraries[0], {"x": x}, threads)
    result = compare.measure(case, options.rounds, options.seconds)
    routed, everything = against(*libraries, rows, threads, options)
    share = everything * options.chosen / experts / routed
    row = result.to_json() | {"rows": rows, "experts": experts, "all_ms": everything, "of_all": share}
    bar = " (bar 0.85)" if rows * options.chosen >= 8 * experts else ""
    print(
        f"{experts:>7} {rows:>6} {threads:>3} {1e3 * result.best('strut'):10.1f}"
        f" {1e3 * result.best('onnxruntime'):12.1f} {result.ratio():6.2f}x {1e3 * everything:10.1f}"
        f" {share:7.2f}{bar}",
        flush=True,
    )
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experts", type=int, nargs="+", default=[8, 16, 64])
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 16, 64, 256, 1024])
    parser.add_argument("--d", type=int, default=512)
    parser.add_argument("--hidden", type=int, default=1024)
    parser.add_argument("--chosen", type=int, default=2)
    compare.arguments(parser, [1, 2])
    parser.set_defaults(seconds=0.3)
    options = parser.parse_args()
    found, results = compare.header(), []
    print("experts   rows thr   strut us  onnxruntime   ratio     all us  of all")
    for experts in options.experts:
        plain, unproved = files(experts, options)
        libraries = [cache.compiled(file)[0] for file in (plain, unproved)]
        for threads in options.threads:
            for rows in options.rows:
                results.append(measure(experts, rows, threads, libraries, plain, options))
    compare.save(options.json, found, results)


if __name__ == "__main__":
    sys.exit(compare.run(main))
