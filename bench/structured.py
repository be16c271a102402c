#!/usr/bin/env python3
"""Structured linear layers against the dense layer of the same shape, in one process.

    structured.py [--forms lowrank ...] [--d 768 1024 2048] [--rows 1 4 16 64 256 1024]
                  [--shares 60 30] [--threads 1 2] [--seconds 0.3] [--rounds 3] [--json FILE]

Each layer maps d to 4 d (`up`) or 4 d to d (`down`), has a bias, about 60 % or 30 % of the dense
parameters, and is compiled from the layer dialect: the kernels are measured, not what recognises
them.  The bound of a form is the time that its share of the FLOPs, which is also its share of the
weights' bytes, would take at 0.9 of the dense kernel's speed, and 1 us.

Strut times the two layers in turns of some milliseconds; of the rounds the one with the lowest
ratio counts, for on a shared machine the others measure the neighbours.
"""

import argparse
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from bench import compare  # noqa: E402
from examples import cache  # noqa: E402


@dataclass
class Stage:
    """One step of a layer: a product with a weight (`[k, n]`, or `[blocks, k, n]`), or the
    places from which the channels are taken."""

    weight: tuple[int, ...] | None = None
    places: np.ndarray | None = None


def lowrank(k: int, n: int, share: int) -> list[Stage]:
    rank = min(k, n) // (2 if share == 60 else 4)
    return [Stage((k, rank)), Stage((rank, n))]


def blockdense(k: int, n: int, share: int) -> list[Stage]:
    blocks = 2 if share == 60 else 4
    # R (N + K / blocks) parameters; R in whole panels of each block.
    rank = round(share / 100 * k * n / (n + k / blocks) / (64 * blocks)) * 64 * blocks
    return [Stage((blocks, k // blocks, rank // blocks)), Stage((rank, n))]


def blockshuffle(k: int, n: int, share: int) -> list[Stage]:
    """Two block-diagonal factors, each followed by the shuffle of Monarch matrices."""
    blocks = 2 if share == 60 else 4
    inner = min(k, n)
    shuffle = np.arange(inner).reshape(-1, blocks).T.reshape(-1)
    back = np.arange(n).reshape(blocks, -1).T.reshape(-1)
    first, second = (blocks, k // blocks, inner // blocks), (blocks, inner // blocks, n // blocks)
    return [Stage(first), Stage(places=shuffle), Stage(second), Stage(places=back)]


def dense(k: int, n: int, share: int = 100) -> list[Stage]:
    return [Stage((k, n))]


FORMS = {"lowrank": lowrank, "blockdense": blockdense, "blockshuffle": blockshuffle}


def constant(name: str, value: np.ndarray, element: str) -> tuple[str, str]:
    """The op that defines `name`, and its type."""
    kind = f"tensor<{'x'.join(map(str, value.shape))}x{element}>"
    text = f'dense<"0x{value.tobytes().hex()}"> : {kind}'
    return f"  {name} = onnx.Constant() {{value = {text}}} : () -> {kind}\n", kind


def module(k: int, n: int, stages: list[Stage], rng: np.random.Generator) -> tuple[str, list, np.ndarray]:
    """x[M, k] through the stages, plus a bias, as IR of the layer dialect; the weights, one a
    stage (None for a shuffle), and the bias."""
    text = f'func.func @main(%x: tensor<?x{k}xf32> {{onnx.name = "x", onnx.dims = ["M", ""]}})\n'
    text += f'    -> (tensor<?x{n}xf32> {{onnx.name = "y"}}) {{\n'
    bias, weights = rng.standard_normal(n).astype(np.float32), []
    op, bias_type = constant("%bias", bias, "f32")
    text += op
    value, width = "%x", k
    for number, stage in enumerate(stages):
        result, before = f"%v{number}", f"tensor<?x{width}xf32>"
        weights.append(None)
        if stage.places is not None:
            op, kind = constant(f"%p{number}", stage.places.astype(np.int64), "i64")
            text += op
            text += f"  {result} = onnx.Gather({value}, %p{number}) {{axis = 1}}"
            text += f" : ({before}, {kind}) -> {before}\n"
        else:
            weights[-1] = (rng.standard_normal(stage.weight) / np.sqrt(stage.weight[-2])).astype(np.float32)
            op, kind = constant(f"%w{number}", weights[-1], "f32")
            text += op
            layer = "linear" if len(stage.weight) == 2 else "block_linear"
            width = stage.weight[-1] * (stage.weight[0] if layer == "block_linear" else 1)
            text += f"  {result} = layer.{layer} {value}, %w{number}"
            text += f" : {before}, {kind} -> tensor<?x{width}xf32>\n"
        value = result
    kind = f"tensor<?x{n}xf32>"
    text += f"  %y = onnx.Add({value}, %bias) : ({kind}, {bias_type}) -> {kind}\n"
    return text + f"  return %y : {kind}\n}}\n", weights, bias


def parameters(stages: list[Stage]) -> int:
    return sum(int(np.prod(stage.weight)) for stage in stages if stage.weight)


class Models:
    """Compiled layers, in a folder that goes with the object."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()

    def compiled(self, name: str, k: int, n: int, stages: list[Stage]) -> Path:
        library = Path(self.folder.name) / f"{name}-{k}x{n}.so"
        if not library.exists():
            source = library.with_suffix(".mlir")
            source.write_text(module(k, n, stages, np.random.default_rng(0))[0])
            done = subprocess.run(
                [str(cache.compiler()), "compile", str(source), "-o", str(library)],
                capture_output=True,
                text=True,
            )
            source.unlink()
            if done.returncode:
                raise compare.BenchError(f"{name}: {done.stderr.strip()}")
        return library


def measure(library: Path, dense_library: Path, rows: int, threads: int, options) -> tuple[float, float]:
    """Microseconds of both, of the round with the best ratio."""
    command = [str(cache.compiler()), "bench", str(library), "--against", str(dense_library), "--json"]
    command += ["--dim", f"M={rows}", "--threads", str(threads), "--time", str(options.seconds)]
    rounds = [compare._json(command) for _ in range(options.rounds)]
    times = [(1e3 * r["median_ms"], 1e3 * r["against"]["median_ms"]) for r in rounds]
    return min(times, key=lambda pair: pair[0] / pair[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=list(FORMS))
    parser.add_argument("--d", type=int, nargs="+", default=[768, 1024, 2048])
    parser.add_argument("--directions", nargs="+", choices=["up", "down"], default=["up", "down"])
    parser.add_argument("--shares", type=int, nargs="+", choices=[60, 30], default=[60, 30])
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 4, 16, 64, 256, 1024])
    compare.arguments(parser, [1, 2])
    parser.set_defaults(seconds=0.3)
    options = parser.parse_args()
    found = compare.header()
    models = Models()
    results = []
    print(f"{'form':12} {'share':>5} {'K':>5} {'N':>5} {'M':>5} {'thr':>3} {'us':>9} {'dense us':>9} {'of bound':>8}")
    for d in options.d:
        for k, n in [(d, 4 * d) if way == "up" else (4 * d, d) for way in options.directions]:
            full = models.compiled("dense", k, n, dense(k, n))
            for form in options.forms:
                for share in options.shares:
                    stages = FORMS[form](k, n, share)
                    ratio = parameters(stages) / (k * n)
                    library = models.compiled(f"{form}{share}", k, n, stages)
                    for threads in options.threads:
                        for rows in options.rows:
                            ours, whole = measure(library, full, rows, threads, options)
                            of_bound = ours / (ratio * whole / 0.9 + 1)
                            print(
                                f"{form:12} {ratio:5.1%} {k:5} {n:5} {rows:5} {threads:3} {ours:9.1f} {whole:9.1f}"
                                f" {of_bound:8.2f}{'' if of_bound <= 1 else '  over'}",
                                flush=True,
                            )
                            results.append(
                                {"form": form, "ratio": ratio, "k": k, "n": n, "rows": rows, "threads": threads}
                                | {"us": ours, "dense_us": whole, "of_bound": of_bound}
                            )
    held = sum(row["of_bound"] <= 1 for row in results)
    print(f"{held} of {len(results)} within their bound")
    compare.save(options.json, found, results)


if __name__ == "__main__":
    sys.exit(compare.run(main))
