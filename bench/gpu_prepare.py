#!/usr/bin/env python3
"""Compiles what checks a GPU, with inputs and right results, into a folder that travels alone.

    python -m bench.gpu_prepare FOLDER [--only NAMES] [--device cuda|emulate]

FOLDER/run does the rest on a machine with a GPU (bench/gpu_run.py). Layouts are products of a
permutation and small integers, exact in every format that a template takes: an element that
comes from the wrong place shows. bench/gpu_layouts.py has them. Values are the small networks of the
GPU's tests, as the CPU computes them, with attention of all spellings and a network of each family.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "test"))
from GPU import families, transformers  # noqa: E402
from GPU.networks import ALL  # noqa: E402

import strut  # noqa: E402
from bench.gpu_layouts import Case, layouts, network  # noqa: E402

ROWS = (1, 17, 129)
PRECISIONS = ("f32", "tf32", "f16", "bf16")
ARCHS = ("sm_80", "sm_90a")


def values(rng):
    for name, build in ALL.items():
        model = build(rng)
        for rows in ROWS:
            inputs = {}
            for info in model.graph.input:
                shape = [d.dim_value or rows for d in info.type.tensor_type.shape.dim]
                is_integer = info.type.tensor_type.elem_type == TensorProto.INT64
                inputs[info.name] = (
                    rng.integers(0, 31, shape) if is_integer else rng.uniform(0.1, 1, shape).astype(np.float32)
                )
            yield Case(f"{name} {rows}", model, inputs)
            if name in ("mlp", "attention", "cnn"):
                yield from (Case(f"{name} {p} {rows}", model, inputs, precision=p) for p in ("tf32", "f16", "bf16"))


def networks(rng):
    """Attention as exporters write it, and a network of each family."""
    for name, build in transformers.NETWORKS.items():
        model = build(rng)
        for batch, length in ((1, 1), (3, 17), (1, 129)):
            inputs = transformers.inputs(model, batch, length, rng)
            for precision in PRECISIONS:
                yield Case(f"{name} {precision} {batch}x{length}", model, inputs, precision=precision)
    for name, build in families.NETWORKS.items():
        model = build(rng)
        for size in (1, 3):
            yield Case(f"{name} {size}", model, families.inputs(model, size, rng))


def heads(rng):
    """Causal attention, in which two heads of queries share one of keys."""
    for size in (64, 128):
        shapes = {"q": (1, 4, 70, size), "k": (1, 2, 133, size), "v": (1, 2, 133, size)}
        node = helper.make_node("Attention", list(shapes), ["y"], is_causal=1)
        model = network([node], shapes, {"y": shapes["q"]}, {})
        inputs = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
        for precision in PRECISIONS:
            yield Case(f"heads {size} {precision}", model, inputs, precision=precision)


def mixtures(rng):
    """Ragged products: experts with no row, with one, with most."""
    weights = {"w1": rng.uniform(-1, 1, (6, 80, 72)), "b1": rng.uniform(-1, 1, (6, 80))}
    weights |= {"w2": rng.uniform(-1, 1, (6, 72, 80)), "b2": rng.uniform(-1, 1, (6, 72))}
    model = mixture({name: value.astype(np.float32) for name, value in weights.items()})
    for rows in ROWS:
        chosen = np.where(np.arange(rows) == 1, 4, np.where(np.arange(rows) % 9, 2, 5))
        inputs = {"x": rng.uniform(-1, 1, (rows, 72)), "logits": 9 * np.eye(6)[chosen]}
        inputs = {name: value.astype(np.float32) for name, value in inputs.items()}
        for precision in PRECISIONS:
            yield Case(f"mixture {precision} {rows}", model, inputs, precision=precision)


def timed(rng):
    def draw(*shape):
        return (rng.standard_normal(shape) / np.sqrt(shape[-1])).astype(np.float32)

    m, k = 2048, 1024
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    model = network([node], {"x": ("M", k)}, {"y": ("M", k)}, {"w": draw(k, k)})
    yield Case("product", model, {"x": draw(m, k)}, False, "product", 2 * m * k * k, 4 * (2 * m * k + k * k))
    few, long = 16, 4096  # whose steps are shared by blocks
    model = network([node], {"x": ("M", long)}, {"y": ("M", k)}, {"w": draw(long, k)})
    work = (2 * few * long * k, 4 * (few * (long + k) + long * k))
    yield Case("product of few rows", model, {"x": draw(few, long)}, False, "product", *work)
    rank, small = 128, 512
    nodes = [helper.make_node("MatMul", ["x", "u"], ["h"]), helper.make_node("MatMul", ["h", "v"], ["y"])]
    model = network(nodes, {"x": ("M", k)}, {"y": ("M", k)}, {"u": draw(k, rank), "v": draw(rank, k)})
    work = (4 * small * k * rank, 4 * (2 * small * k + 2 * k * rank))
    yield Case("lowrank", model, {"x": draw(small, k)}, False, "lowrank", *work)
    node = helper.make_node("LayerNormalization", ["x", "scale", "bias"], ["y"])
    model = network([node], {"x": ("M", k)}, {"y": ("M", k)}, {"scale": draw(k), "bias": draw(k)})
    yield Case("norm", model, {"x": draw(m, k)}, False, "norm", 8 * m * k, 8 * m * k)
    heads, length, size = 12, 512, 64
    shape = (1, heads, length, size)
    names = ["q", "k", "v"]
    model = network([helper.make_node("Attention", names, ["y"])], dict.fromkeys(names, shape), {"y": shape}, {})
    work = (4 * heads * length * length * size, 16 * heads * length * size)
    yield Case("attention", model, {n: draw(*shape) for n in names}, False, "attention", *work)
    yield experts(draw, rng)
    yield from (lowrank_ffn(draw, rows) for rows in (16, 128, 512))
    yield convolution(draw)


def mixture(weights):
    """A model in which each row takes one of some nets."""
    count, wide, k = weights["w1"].shape
    options = {"domain": "com.microsoft", "k": 1, "activation_type": "relu"}
    node = helper.make_node("MoE", ["x", "logits", *weights], ["y"], **options)
    return network([node], {"x": ("M", k), "logits": ("M", count)}, {"y": ("M", k)}, weights)


def experts(draw, rng):
    """A mixture of 8, in bf16."""
    rows, k, wide, count = 2048, 512, 1024, 8
    weights = {"w1": draw(count, wide, k), "b1": draw(count, wide), "w2": draw(count, k, wide), "b2": draw(count, k)}
    logits = 9 * np.eye(count, dtype=np.float32)[rng.integers(0, count, rows)]
    work = (4 * rows * k * wide, 4 * 2 * rows * k + 2 * 2 * count * k * wide)
    inputs = {"x": draw(rows, k), "logits": logits}
    return Case("experts bf16", mixture(weights), inputs, False, "experts", *work, precision="bf16", goal=1)


def lowrank_ffn(draw, rows):
    """Two layers of rank 128, of 2048 features, in bf16; the number of rows is known, which decides what is one kernel."""
    k, rank = 2048, 128
    weights = {"a": draw(k, rank), "b": draw(rank, k), "c": draw(k, rank), "d": draw(rank, k)}
    steps = [("MatMul", "x", "a"), ("MatMul", "0", "b"), ("Relu", "1"), ("MatMul", "2", "c"), ("MatMul", "3", "d")]
    nodes = [helper.make_node(op, names, [str(i)]) for i, (op, *names) in enumerate(steps)]
    model = network(nodes, {"x": (rows, k)}, {"4": (rows, k)}, weights)
    work = (8 * rows * k * rank, 4 * 2 * rows * k + 2 * 4 * k * rank)
    name, inputs = f"lowrank ffn bf16 {rows}", {"x": draw(rows, k)}
    return Case(name, model, inputs, False, "lowrank ffn", *work, precision="bf16", goal=2)


def convolution(draw):
    """3 x 3 on 64 channels of 56 x 56, as a ResNet has it, in f16."""
    count, channels, side = 16, 64, 56
    node = helper.make_node("Conv", ["x", "w"], ["y"], pads=[1] * 4)
    shape = ("B", channels, side, side)
    weights = {"w": draw(channels, channels, 3, 3)}
    model = network([node], {"x": shape}, {"y": shape}, weights)
    points = count * side * side
    work = (18 * points * channels**2, 8 * points * channels)
    inputs = {"x": draw(count, channels, side, side)}
    return Case("convolution f16", model, inputs, False, "convolution", *work, precision="f16")


def drawn(sizes, length):
    """Large cases in halves: square products, attention of 2048 features."""
    for half in ("f16", "bf16"):
        for size in sizes:
            square = (size, size)
            node = helper.make_node("MatMul", ["x", "w"], ["y"])
            model = network([node], dict.fromkeys("xw", square), {"y": square}, {}, half)
            work = (2 * size**3, 6 * size**2)
            yield Case(f"product {half} {size}", model, {}, False, "product", *work, half=half, drawn=True, goal=0.8)
        for size in (64, 128):
            heads = max(1, length // 2 // size)
            shape = (1, heads, length, size)
            names = ["q", "k", "v"]
            work = (4 * heads * length**2 * size, 16 * heads * length * size)
            options = {"precision": half, "drawn": True, "goal": 0.7}
            for peer, is_causal in (("attention", 0), ("causal attention", 1)):
                node = helper.make_node("Attention", names, ["y"], is_causal=is_causal)
                model = network([node], dict.fromkeys(names, shape), {"y": shape}, {})
                flops, moved = work
                yield Case(f"{peer} {half} {size}", model, {}, False, peer, flops / (1 + is_causal), moved, **options)


def write(case, folder, archs):
    """The case's files, and its entry in the list."""
    stem = case.name.replace(" ", "-")
    strut.compile(case.model, folder / f"{stem}.so", gpu_arch=archs, no_cpu=True, precision=case.precision)
    if not case.drawn:
        results = strut.compile(case.model).run(case.inputs)
        weights = [numpy_helper.to_array(tensor) for tensor in case.model.graph.initializer]
        for kind, arrays in (("inputs", case.inputs.values()), ("outputs", results.values()), ("weights", weights)):
            if kind != "weights" or case.peer:
                np.savez(folder / f"{stem}.{kind}.npz", *arrays)
    shapes = [[d.dim_value for d in info.type.tensor_type.shape.dim] for info in case.model.graph.input]
    return {
        "name": stem, "library": f"{stem}.so", "exact": case.exact, "timed": bool(case.peer),
        "peer": case.peer, "flops": case.flops, "bytes": case.bytes,
        "precision": case.precision, "half": case.half, "drawn": case.drawn, "shapes": shapes,
        "outputs": len(case.model.graph.output), "goal": case.goal,
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", help="cases whose names begin with one of these, by commas")
    parser.add_argument("--device", default="cuda", choices=("cuda", "emulate"))
    arguments = parser.parse_args()
    folder = arguments.folder
    rng = np.random.default_rng(5)
    sizes, length = ((72,), 136) if arguments.device == "emulate" else ((4096, 8192), 4096)
    cases = [*layouts(rng, is_large=arguments.device == "cuda"), *values(rng), *networks(rng), *heads(rng)]
    cases += [*mixtures(rng), *timed(rng), *drawn(sizes, length)]
    if arguments.only:
        cases = [case for case in cases if case.name.startswith(tuple(arguments.only.split(",")))]
    if not cases:
        print(f"error: no case is named like {arguments.only}", file=sys.stderr)
        return 1
    archs = ARCHS if arguments.device == "cuda" else ("sm_90a", "emulate")
    for source, place in (("Execute/abi.py", "Execute"), ("GPU/driver.py", "GPU")):
        (folder / place).mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "test" / source, folder / place)
    shutil.copy(ROOT / "bench" / "gpu_run.py", folder / "run")
    (folder / "run").chmod(0o755)
    if arguments.device == "emulate":
        shutil.copy(Path(strut._compiler.library_path()).with_name("libstrut-emulator.so"), folder)
    listed = []
    for case in cases:
        print(f"compiling {case.name}", flush=True)
        listed.append(write(case, folder, archs))
    (folder / "cases.json").write_text(json.dumps(listed, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
