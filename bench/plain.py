#!/usr/bin/env python3
"""Plain networks, whole: Strut against the faster of ONNX Runtime and OpenVINO, all in f32.

    plain.py [NAME...] [--plain] [--structure] [--beside] [--threads 1 2] [--rounds 3] [--no-compile]
             [--json FILE]

The networks are those of whole_export.py, exported once a machine by torch, from the environment
that `./scripts/test models` installs; OpenVINO is timed where it is installed.  For each network
the compiler's time and its anonymous memory are printed too.  `--structure` takes the networks
whose structure the compiler finds, and adds the geometric mean of their ratios for each number
of threads; `--beside` takes those with other structure, of which no ratio is asked.
"""

import argparse
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from bench import architectures, compare, costs  # noqa: E402
from examples import cache, engines  # noqa: E402


@dataclass
class Plain:
    """A network's inputs, the ratio to the faster peer that it must reach (0: none is asked for),
    its name in whole_export.py, where that is not the case's own, and peers that refuse the file."""

    inputs: dict[str, tuple[int, ...]]
    gate: float = 0.0
    network: str | None = None
    refused_by: tuple[str, ...] = ()


def rows(count: int, width: int) -> dict[str, tuple[int, ...]]:
    return {"x": (1, count, width)}


PICTURE = {"x": (1, 3, 224, 224)}
ROWS = rows(128, 768)
PLAIN = {
    "vit_b16": Plain(PICTURE, 0.97),
    "bert_base": Plain({"input_ids": (1, 128), "attention_mask": (1, 128)}, 0.97),
    "minilm": Plain({"input_ids": (1, 128), "attention_mask": (1, 128)}, 0.97),
    "gpt2": Plain({"input_ids": (1, 128)}, 0.97),  # the prompt of a decoder, whole
    "mixer_b16": Plain(PICTURE, 0.97),
    "convnext_t": Plain(PICTURE, 0.9),
    "swin_t": Plain(PICTURE, 0.9),
    "resnet50": Plain(PICTURE, 0.8),
    "efficientnet_b0": Plain(PICTURE, 0.8),
    "mobilenet_v3": Plain(PICTURE, 0.8),
}
# Structure that the compiler finds: more than level is asked for, by the geometric mean of them all.
STRUCTURE_GATE = 1.5
STRUCTURE = {
    "structured_lowrank": Plain(ROWS, 0.95),
    "structured_blockdense": Plain(ROWS, 0.95),
    "structured_blockshuffle": Plain(ROWS, 0.95),
    "repavit_s": Plain(PICTURE, 0.95),
    "lora_plain": Plain(ROWS, 0.95),
    "lora_routed": Plain(ROWS, 0.95),
    "poolformer_s12": Plain(PICTURE, 0.95),
    "mixer_b16": Plain(PICTURE, 0.95),
    "repvgg_a0": Plain(PICTURE, 0.95),
    "mobileone_s1": Plain(PICTURE, 0.95),
    "repvit_m1": Plain(PICTURE, 0.95),
}
for experts in (8, 16, 64):
    for count in (1, 16, 64, 256):
        STRUCTURE[f"experts_{experts}x{count}"] = Plain(rows(count, 512), 0.95, f"experts_{experts}")
# Structure of other kinds, reported beside the gate.
BESIDE = {
    "random_features": Plain(ROWS),
    "fourier_head": Plain(rows(128, 384)),
    "splines": Plain(rows(128, 256)),
    "boosted": Plain(rows(256, 100)),
    "activator": Plain(rows(64, 256)),
    "neuron_adjust": Plain(ROWS),
    "gmlp_s": Plain(PICTURE),
    "frequency_block": Plain({"x": (1, 96, 32, 32)}, refused_by=("openvino",)),
}
GROUPS = {"plain": PLAIN, "structure": STRUCTURE, "beside": BESIDE}
ALL = STRUCTURE | BESIDE | PLAIN


def exported(case: str) -> Path:
    name = ALL[case].network or case
    sources = [ROOT / "bench" / "whole_export.py", *sorted((ROOT / "bench" / "networks").glob("*.py"))]

    def export(path: Path) -> None:
        command = [str(architectures.torch_python()), "-m", "bench.whole_export", name, str(path)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            raise compare.BenchError(f"{name} is not exported:\n{done.stderr[-2000:]}")

    return cache.exported(f"plain-{name}", sources, export)[0]


def feed(plain: Plain) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)

    def draw(name: str, shape: tuple[int, ...]) -> np.ndarray:
        if name == "attention_mask":
            return np.ones(shape, np.int64)
        if name == "input_ids":
            return rng.integers(0, 1000, shape)
        return rng.standard_normal(shape, np.float32)

    return {name: draw(name, shape) for name, shape in plain.inputs.items()}


def disagreement(model: Path, library: Path, inputs: dict[str, np.ndarray]) -> float:
    """The largest difference from ONNX Runtime's outputs, over their root mean square."""
    ours, theirs = engines.Strut(library, 2).run(inputs), engines.OnnxRuntime(model, 2).run(inputs)
    return max(
        float(np.abs(ours[name] - value).max() / np.sqrt(np.mean(value**2))) for name, value in theirs.items()
    )


def mean_ratio(results: list[dict], threads: int) -> float:
    """The geometric mean over all networks at this number of threads."""
    ratios = [result["ratio"] for result in results if result["threads"] == threads]
    return float(np.exp(np.mean(np.log(ratios))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(ALL))
    for group, cases in GROUPS.items():
        parser.add_argument(f"--{group}", action="store_true", help=", ".join(cases))
    parser.add_argument("--no-compile", action="store_true", help="do not measure the compiler")
    compare.arguments(parser, [1, 2])
    options = parser.parse_args()
    if unknown := set(options.names) - set(ALL):
        parser.error(f"unknown networks: {', '.join(sorted(unknown))}")
    chosen = [name for group, cases in GROUPS.items() if getattr(options, group) for name in cases]
    found = compare.header()
    peers = compare.installed_peers()
    columns = ["strut", *peers]
    print(f"{'network':>24} {'threads':>8}" + "".join(f"{name + ' ms':>16}" for name in columns)
          + f"{'ratio':>8} {'gate':>6} {'error':>9}")  # fmt: skip
    results = []
    for name in options.names + chosen or PLAIN:
        plain, model = ALL[name], exported(name)
        library, inputs = cache.compiled(model)[0], feed(plain)
        error = disagreement(model, library, inputs)
        for threads in options.threads:
            case = compare.Case(name, model, library, inputs, threads)
            willing = [peer for peer in peers if peer not in plain.refused_by]
            result = compare.measure(case, options.rounds, options.seconds, willing)
            times = [f"{result.best(peer):.2f}" if peer in result.rounds else "-" for peer in columns]
            results.append(result.to_json() | {"gate": plain.gate, "error": error})
            print(f"{name:>24} {threads:>8}" + "".join(f"{time:>16}" for time in times)
                  + f"{result.ratio():8.2f} {plain.gate:6.2f} {error:9.1e}", flush=True)  # fmt: skip
        if not options.no_compile:
            costs.report(model, tries := [costs.compilation(model)])
            results[-1]["compile"] = tries
    gated = [result for result in results if result["case"] in STRUCTURE]
    for threads in options.threads if options.structure else []:
        print(f"geometric mean on {threads} threads: {mean_ratio(gated, threads):.2f},"
              f" asked for: {STRUCTURE_GATE}", flush=True)  # fmt: skip
    compare.save(options.json, found, results)


if __name__ == "__main__":
    sys.exit(compare.run(main))
