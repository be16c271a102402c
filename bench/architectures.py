#!/usr/bin/env python3
"""Real architectures as both of torch's exporters write them: do they compile, how exact and how
fast are they, and what are they made of?

    architectures.py [NAME...] [--spelling dynamo] [--time] [--table docs/architectures.md]

The networks are those of bench/networks. Torch exports them once a machine, from an environment
of its own, which `./scripts/test models` installs; everything else runs without it.
"""

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from bench import compare  # noqa: E402
from examples import cache, engines  # noqa: E402

SPELLINGS = ("dynamo", "dynamo18", "legacy")
NAMES = (
    "resnet50", "mobilenet_v3", "efficientnet_b0", "convnext_t", "swin_t", "vit_b16", "deit_tiny",
    "mixer_s16", "poolformer_s12", "regnet_y", "densenet121", "unet_transposed", "unet_resize", "bert_base",
    "distilbert", "t5_encoder", "t5_decoder", "gpt2", "llama", "llama_static", "whisper_encoder", "cnn_lstm", "gnn",
)  # fmt: skip
EXPORT_SECONDS = 1200

# Opset 18 differs where there is a GELU; these are examples of it.
AT_OPSET_18 = ("convnext_t", "vit_b16", "bert_base", "gpt2", "llama")
# Every network with every exporter that is asked for it.
EXPORTS = [
    (name, spelling)
    for name in NAMES
    for spelling in SPELLINGS
    if spelling != "dynamo18" or name in AT_OPSET_18
]

# What an exporter does not write, and why.
NOT_EXPORTED = {
}
# What does not compile yet, and why. A network that compiles must not be here.
NOT_COMPILED = {
}


def torch_python() -> Path:
    """The interpreter of the environment with torch."""
    base = os.environ.get("STRUT_CACHE")
    return (Path(base) if base else cache.folder().parent) / "torch" / "bin" / "python"


def exported(name: str, spelling: str) -> Path:
    """The model's file, with its cases beside it; exported unless a run before did."""
    sources = sorted((ROOT / "bench" / "networks").glob("*.py"))

    def export(path: Path) -> None:
        command = [torch_python(), "-m", "bench.networks.export", name, spelling, path]
        done = subprocess.run(
            list(map(str, command)), cwd=ROOT, capture_output=True, text=True, timeout=EXPORT_SECONDS
        )
        if done.returncode:
            raise RuntimeError(f"{name} is not exported by {spelling}:\n{done.stderr[-2000:]}")

    return cache.exported(f"{name}-{spelling}", sources, export)[0]


@dataclass
class Case:
    """One size: inputs, and outputs in float64."""

    sizes: dict[str, int]
    inputs: dict[str, np.ndarray]
    outputs: dict[str, np.ndarray]


def cases(model: Path) -> list[Case]:
    found = []
    for path in sorted(model.parent.glob("case*.npz")):
        with np.load(path) as archive:
            parts = {"size": {}, "in": {}, "out": {}}
            for key in archive:
                kind, name = key.split(".", 1)
                parts[kind][name] = archive[key]
        sizes = {name: int(value) for name, value in parts["size"].items()}
        found.append(Case(sizes, parts["in"], parts["out"]))
    return found


def distance(actual: np.ndarray, exact: np.ndarray) -> float:
    """The largest distance, in units of 1e-5 of the root mean square plus 1e-4 of the element."""
    if not exact.size:
        return 0.0
    allowed = 1e-5 * np.sqrt(np.mean(exact**2)) + 1e-4 * np.abs(exact)
    return float(np.nan_to_num(np.abs(actual - exact) / allowed, nan=np.inf).max())


def lowering(library: Path) -> list[dict]:
    """Kernels, FLOPs and bytes by kind, as `strut inspect` has them."""
    command = [str(cache.compiler()), "inspect", str(library), "--json"]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)["lowering"]


@dataclass
class Row:
    """What is known of a network in one spelling."""

    name: str
    spelling: str
    trouble: str = ""
    compile_seconds: float = 0.0
    error: float = 0.0
    peer_error: float = 0.0
    ratio: float | None = None
    shares: dict[str, tuple[float, float]] | None = None


def examine(name: str, spelling: str, timed: bool) -> Row:
    row = Row(name, spelling)
    if why := NOT_EXPORTED.get((name, spelling)):
        row.trouble = f"not exported: {why}"
        return row
    model = exported(name, spelling)
    try:
        library, row.compile_seconds = cache.compiled(model)
    except cache.CompileError as error:
        print(error, file=sys.stderr)
        row.trouble = f"does not compile: {NOT_COMPILED.get((name, spelling), 'this is new')}"
        return row
    compiled, peer = engines.Strut(library, 2), engines.OnnxRuntime(model, 2)
    for case in cases(model):
        ours, theirs = compiled.run(case.inputs), peer.run(case.inputs)
        for output, exact in case.outputs.items():
            row.error = max(row.error, distance(ours[output], exact))
            row.peer_error = max(row.peer_error, distance(theirs[output], exact))
    row.shares = {kind["kind"]: (kind["flops_share"], kind["bytes_share"]) for kind in lowering(library)}
    if timed:
        first = cases(model)[0]
        row.ratio = compare.measure(compare.Case(name, model, library, first.inputs), seconds=0.5).ratio()
    return row


KINDS = ("contract", "attention", "rows", "map", "region", "scalar-region")


def table(rows: list[Row]) -> str:
    """The rows as Markdown."""
    head = ["network", "exporter", "error", "ONNX Runtime's", "speed", *KINDS]
    lines = ["| " + " | ".join(head) + " |", "|---|---|" + "---:|" * (len(head) - 2)]
    for row in rows:
        cells = [row.name, row.spelling]
        if row.shares is None:
            cells += [row.trouble] + [""] * (len(head) - 3)
        else:
            cells += [f"{row.error:.2f}", f"{row.peer_error:.2f}"]
            cells.append("" if row.ratio is None else f"{row.ratio:.2f}")
            for kind in KINDS:
                flops, moved = row.shares.get(kind, (0.0, 0.0))
                cells.append(f"{100 * flops:.1f} / {100 * moved:.1f}" if moved else "")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


TEXT = """# Architectures

Written by `bench/architectures.py`. Each network has random weights, with nothing left constant
that training would change; an exporter writes it with open dimensions, one library of it runs at
all sizes, and every element of every output is compared with torch in double precision.

- *exporter*: `dynamo` is torch's exporter at opset 20, `dynamo18` the same at opset 18, `legacy`
  the TorchScript exporter at opset 17.
- *error*: the largest distance from float64, in units of 1e-5 of the output's root mean square
  plus 1e-4 of the element; 1 is the limit of the tests. Beside it ONNX Runtime's.
- *speed*: ONNX Runtime's time over Strut's on one thread, at the first size, where measured.
- The other columns are shares of FLOPs and of bytes by the kind of kernel, in percent, with every
  open dimension at 1 (attention is a larger part of long sequences). All kinds but
  `scalar-region` are emitted or vectorised code.

"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--spelling", choices=SPELLINGS, action="append")
    parser.add_argument("--time", action="store_true", help="measure against ONNX Runtime")
    parser.add_argument("--table", type=Path, help="write the page")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(NAMES):
        parser.error(f"unknown networks: {', '.join(sorted(unknown))}")
    rows = []
    for name, spelling in EXPORTS:
        if name in (arguments.names or NAMES) and spelling in (arguments.spelling or SPELLINGS):
            rows.append(examine(name, spelling, arguments.time))
            print(table(rows[-1:]).splitlines()[-1], flush=True)
    if arguments.table:
        arguments.table.write_text(TEXT + table(rows) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
