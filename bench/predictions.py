#!/usr/bin/env python3
"""Times that the cost model predicts against times that were measured.

    predictions.py [--machine FILE] [--plot FILE.png] [--json FILE]

Dense and low-rank layers, factored and merged, at several numbers of rows. The machine is measured
first (`strut calibrate`) unless a description is named. Low-rank layers are compiled in both forms:
a description of a machine without launch costs keeps the factors, and one matrix is the product.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from examples import cache  # noqa: E402

ROWS = (1, 4, 16, 64, 256, 1024)
LAYERS = [(768, 768, None), (768, 3072, None), (3072, 768, None), (2048, 2048, None),
          (768, 768, 192), (768, 3072, 192), (2048, 2048, 512), (256, 256, 32)]  # fmt: skip


def layer(inputs: int, outputs: int, rank: int | None) -> onnx.ModelProto:
    """x[M, inputs] times one matrix, or two of a rank."""
    rng = np.random.default_rng(0)
    shapes = [(inputs, outputs)] if rank is None else [(inputs, rank), (rank, outputs)]
    weights = [(rng.standard_normal(shape) / math.sqrt(shape[0])).astype(np.float32) for shape in shapes]
    values = ["x", *(f"v{i}" for i in range(len(weights) - 1)), "y"]
    nodes = [helper.make_node("MatMul", [values[i], f"w{i}"], [values[i + 1]]) for i in range(len(weights))]
    constants = [numpy_helper.from_array(weight, f"w{i}") for i, weight in enumerate(weights)]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["M", inputs])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["M", outputs])
    graph = helper.make_graph(nodes, "layer", [x], [y], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])


def strut(*arguments) -> str:
    command = [str(cache.compiler()), *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def measured_us(library: Path, rows: int, threads: int) -> float:
    """The least time of a run: a shared machine adds to the others."""
    shown = strut("bench", library, "--random", "--dim", f"M={rows}", "--threads", threads, "--time", 0.4, "--json")
    return 1000 * json.loads(shown)["min_ms"]


def cases(machine: Path, folder: Path):
    """Yields name, rows, predicted and measured microseconds, and the machine's own choice."""
    threads = json.loads(machine.read_text())["threads"]
    free = json.loads(machine.read_text()) | {"launch": [[1, 1e-12]], "name": "free launches"}
    (folder / "free.json").write_text(json.dumps(free))
    for inputs, outputs, rank in LAYERS:
        forms = {"dense": (None, machine)}
        if rank is not None:
            forms = {"factored": (rank, folder / "free.json"), "merged": (None, machine)}
        name = f"{inputs} to {outputs}" + (f", rank {rank}" if rank else "")
        times = {}
        for form, (form_rank, described) in forms.items():
            file = folder / f"{inputs}-{outputs}-{rank}-{form}.onnx"
            onnx.save(layer(inputs, outputs, form_rank), file)
            strut("compile", file, "-o", file.with_suffix(".so"), "--machine", described, "--size-budget", "0")
            about = json.loads(strut("explain", file, "--machine", machine, "--M", ",".join(map(str, ROWS)), "--json"))
            (block,) = about["blocks"]
            wanted = "factored" if form == "factored" else block["forms"][0]["name"]
            (predicted,) = [f["predicted_us"] for f in block["forms"] if f["name"] == wanted]
            for rows in ROWS:
                times[form, rows] = predicted[str(rows)], measured_us(file.with_suffix(".so"), rows, threads)
        for rows in ROWS:
            yield name, rows, {form: times[form, rows] for form in forms}


def table(results) -> tuple[list[str], list[dict]]:
    lines = ["| layer | form | " + " | ".join(f"M = {rows}" for rows in ROWS) + " |", "|---" * (len(ROWS) + 2) + "|"]
    numbers, rights, choices = [], 0, 0
    layers: dict[str, dict] = {}
    for name, rows, forms in results:
        layers.setdefault(name, {})[rows] = forms
        numbers += [
            {"layer": name, "rows": rows, "form": form, "predicted_us": p, "measured_us": m}
            for form, (p, m) in forms.items()
        ]
        if len(forms) > 1:
            predicted, measured = (min(forms, key=lambda form: forms[form][i]) for i in (0, 1))
            best, taken = forms[measured][1], forms[predicted][1]
            rights += taken <= 1.1 * best
            choices += 1
    for name, by_rows in layers.items():
        for form in next(iter(by_rows.values())):
            cells = [f"{by_rows[rows][form][0]:.1f} / {by_rows[rows][form][1]:.1f}" for rows in ROWS]
            lines.append(f"| {name} | {form} | " + " | ".join(cells) + " |")
    off = [abs(math.log(n["predicted_us"] / n["measured_us"])) for n in numbers]
    lines += ["", f"Predicted / measured, in microseconds. Off by a factor of {math.exp(float(np.median(off))):.2f} in the "
              f"median, {math.exp(max(off)):.2f} at most; the form that is predicted to be faster is the faster one, or "
              f"within 10 % of it, in {rights} of {choices} cases."]  # fmt: skip
    return lines, numbers


def plot(numbers: list[dict], file: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(5.2, 5.2), layout="constrained")
    for form, colour in [("dense", "#2f6fde"), ("merged", "#c2410c"), ("factored", "#0f9d74")]:
        points = [(n["measured_us"], n["predicted_us"]) for n in numbers if n["form"] == form]
        axes.scatter(*zip(*points), s=22, color=colour, alpha=0.75, label=form, edgecolors="none")
    ends = [0.7 * min(n["measured_us"] for n in numbers), 1.4 * max(n["measured_us"] for n in numbers)]
    axes.plot(ends, ends, color="#444", linewidth=1)
    axes.fill_between(ends, [e / 1.5 for e in ends], [e * 1.5 for e in ends], color="#888", alpha=0.15, linewidth=0)
    axes.set(xscale="log", yscale="log", xlabel="measured, us", ylabel="predicted, us", xlim=ends, ylim=ends)
    axes.set_title("Layers of 256 to 3072 values, 1 to 1024 rows (band: factor 1.5)", fontsize=9)
    axes.legend(frameon=False)
    axes.grid(alpha=0.25)
    figure.savefig(file, dpi=140)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--machine", type=Path, help="a description; this machine is measured unless given")
    parser.add_argument("--threads", type=int, default=1, help="of the measured description")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        machine = options.machine or Path(work) / "machine.json"
        if options.machine is None:
            print(strut("calibrate", "--threads", options.threads, "-o", machine))
        lines, numbers = table(cases(machine, Path(work)))
    print("\n".join(lines))
    if options.json:
        options.json.write_text(json.dumps(numbers, indent=1))
    if options.plot:
        plot(numbers, options.plot)


if __name__ == "__main__":
    main()
