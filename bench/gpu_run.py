#!/usr/bin/env python3
"""Checks a GPU with what bench/gpu_prepare.py has put beside this file; needs numpy.

    run [--device cuda|emulate] [--quick] [--json FILE]

Every case is run three times from host memory, the last ones as a graph, and from memory on the
GPU; layouts must be exact, values within the tolerance. compute-sanitizer, where there is one,
watches the same. Times are medians of runs one behind the other on a stream, tensors on the
GPU, and torch's of the same, as it is and compiled, in turns; ratios stand beside their goals.
`--quick` leaves out sanitizer and times.
Exit code: 0 all is well, 1 something is wrong, 2 there is no GPU.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER))
from Execute.abi import Context, Failure, Session  # noqa: E402
from GPU.driver import BF16, DEVICE, Driver, view  # noqa: E402

# Relative distance of code of each precision from f32's; of results in halves.
CLOSE = {"f32": 1e-5, "tf32": 2e-3, "f16": 2e-3, "bf16": 1.6e-2}
SANITIZERS = ("memcheck", "racecheck")


class Opened:
    """A case's context on the GPU."""

    def __init__(self, case, driver):
        self._session = Session(FOLDER / case["library"], device="cuda", driver=driver.path)
        self._context = Context(self._session)

    def __enter__(self):
        return self._context

    def __exit__(self, *_):
        self._context.destroy()
        self._session.close()


def arrays(case, kind):
    with np.load(FOLDER / f"{case['name']}.{kind}.npz") as archive:
        return [archive[f"arr_{i}"] for i in range(len(archive.files))]


# ---- large cases, whose inputs are drawn here ----


def to_bf16(x):
    """The bits of the nearest numbers of bf16."""
    bits = x.view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)


def from_bf16(bits):
    return (bits.astype(np.uint32) << 16).view(np.float32)


def drawn(case):
    """Its inputs, as they are stored."""
    rng = np.random.default_rng(3)
    values = [rng.standard_normal(shape, np.float32) / np.float32(np.sqrt(shape[-1])) for shape in case["shapes"]]
    store = {"bf16": to_bf16, "f16": lambda x: x.astype(np.float16), "": lambda x: x}[case["half"]]
    return [store(x) for x in values]


def in_memory(case, driver, arrays_):
    """Tensors of them on the GPU."""
    tensors = [driver.memory(x) for x in arrays_]
    for tensor in tensors if case["half"] == "bf16" else ():
        tensor.code = BF16
    return tensors


def attention_rows(q, k, v, rows, is_causal=False):
    """Those rows of the last head."""
    scores = q[0, -1, rows] @ k[0, -1].T / np.sqrt(q.shape[-1])
    if is_causal:
        scores[np.arange(len(k[0, -1])) > (rows % q.shape[2])[:, None]] = -np.inf
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return weights @ v[0, -1] / weights.sum(axis=-1, keepdims=True)


# Those rows of a result, given the inputs; and of the result itself.
ROWS = {
    "product": (lambda x, w, rows: x[rows] @ w, lambda y, rows: y[rows]),
    "attention": (attention_rows, lambda y, rows: y[0, -1, rows]),
    "causal attention": (lambda *of: attention_rows(*of, is_causal=True), lambda y, rows: y[0, -1, rows]),
}


def drawn_problem(case, driver):
    """What is wrong with a few rows of its result; empty if nothing is."""
    inputs = drawn(case)
    widen = from_bf16 if case["half"] == "bf16" else lambda x: x
    with Opened(case, driver) as context:
        (result,) = context.run_into(in_memory(case, driver, inputs), [view(DEVICE)])
        got = widen(driver.copied(result)).astype(np.float64)
    rows = np.array([0, 1, 70, -1])
    expected, taken = ROWS[case["peer"]]
    right = expected(*(widen(x).astype(np.float64) for x in inputs), rows)
    return problem(taken(got, rows), right, False, CLOSE[case["half"] or case["precision"]])


# ---- values ----


def problem(got, right, exact, close):
    """What is wrong with a result; empty if nothing is."""
    if got.shape != right.shape:
        return f"shape {list(got.shape)} instead of {list(right.shape)}"
    if exact or right.dtype.kind != "f" or not right.size:
        wrong = np.flatnonzero(got.ravel() != right.ravel())
        return f"{wrong.size} of {right.size} elements differ, the first at {wrong[0]}" if wrong.size else ""
    distance = np.linalg.norm(got.astype(np.float64) - right) / (np.linalg.norm(right) or 1)
    return "" if distance < close else f"relative distance {distance:.2g}"


def first_problem(case, driver):
    """What is wrong with a case first; empty if nothing is."""
    if case["drawn"]:
        return drawn_problem(case, driver)
    close = CLOSE[case["precision"]]
    inputs, outputs = arrays(case, "inputs"), arrays(case, "outputs")
    with Opened(case, driver) as context:
        for number in range(3):
            for i, (got, right) in enumerate(zip(context.run(*inputs, outputs=len(outputs)), outputs)):
                if trouble := problem(got, right, case["exact"], close):
                    return f"output {i} of run {number}: {trouble}"
        results = context.run_into([driver.memory(x) for x in inputs], [view(DEVICE) for _ in outputs])
        for i, (result, right) in enumerate(zip(results, outputs)):
            if trouble := problem(driver.copied(result), right, case["exact"], close):
                return f"output {i} in the GPU's memory: {trouble}"
    return ""


def check_values(cases, driver):
    """How many cases are wrong."""
    wrong = 0
    for case in cases:
        try:
            trouble = first_problem(case, driver)
        except Failure as error:
            trouble = str(error)
        wrong += bool(trouble)
        print(f"{'WRONG' if trouble else 'right'}  {case['name']:<24} {trouble}", flush=True)
    return wrong


def sanitize(arguments):
    """How many of the sanitizer's tools find something."""
    tool = shutil.which("compute-sanitizer", path=f"{os.environ.get('PATH', '')}:/usr/local/cuda/bin")
    if not tool:
        print("there is no compute-sanitizer here: its checks are left out")
        return 0
    wrong = 0
    for kind in SANITIZERS:
        command = [tool, "--tool", kind, "--error-exitcode", "9", sys.executable, __file__, "--quick"]
        done = subprocess.run(
            [*command, "--device", arguments.device], capture_output=True, text=True, timeout=600
        )
        wrong += done.returncode != 0
        print(f"{'WRONG' if done.returncode else 'right'}  {kind}", flush=True)
        if done.returncode:
            print(done.stdout[-4000:], done.stderr[-2000:])
    return wrong


# ---- times ----



def experts(f, x, logits, w1, b1, w2, b2):
    """Rows sorted by expert, through torch's ragged products."""
    import torch

    chosen = logits.argmax(-1)
    order = chosen.argsort()
    ends = torch.bincount(chosen, minlength=len(w1)).cumsum(0).to(torch.int32)
    sorted_ = chosen[order]
    h = f.relu(torch._grouped_mm(x[order], w1.transpose(1, 2), offs=ends) + b1[sorted_])
    y = torch._grouped_mm(h, w2.transpose(1, 2), offs=ends) + b2[sorted_]
    return torch.empty_like(y).index_copy_(0, order, y)


PEERS = {
    "product": lambda f, x, w: x @ w,
    "lowrank": lambda f, x, u, v: (x @ u) @ v,
    "norm": lambda f, x, scale, bias: f.layer_norm(x, x.shape[-1:], scale, bias),
    "attention": lambda f, q, k, v: f.scaled_dot_product_attention(q, k, v),
    "causal attention": lambda f, q, k, v: f.scaled_dot_product_attention(q, k, v, is_causal=True),
    "convolution": lambda f, x, w: f.conv2d(x, w, padding=w.shape[-1] // 2),
    "lowrank ffn": lambda f, x, a, b, c, d: (f.relu((x @ a) @ b) @ c) @ d,
    "experts": experts,
}


def peers_of(case):
    """Of torch's computation, as it is and compiled: functions that start it and wait for it. None of
    what torch cannot do here."""
    try:
        import torch
    except ImportError:
        return None, None
    if not torch.cuda.is_available():
        return None, None
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    given = drawn(case) if case["drawn"] else arrays(case, "inputs") + arrays(case, "weights")
    tensors = [torch.from_numpy(x).cuda() for x in given]
    kinds = {"f16": torch.float16, "bf16": torch.bfloat16}
    if case["half"]:
        tensors = [x.view(kinds[case["half"]]) for x in tensors]
    tensors = [x.to(kinds[case["precision"]]) if case["precision"] in kinds else x for x in tensors]
    def compute(*given):
        return PEERS[case["peer"]](torch.nn.functional, *given)

    compiled = torch.compile(compute)
    try:
        compiled(*tensors)
    except Exception as error:  # of a compiler that misses something here
        print(f"{case['name']}: torch.compile fails: {str(error).splitlines()[0]}")
        compiled = None
    return [
        (lambda f=f: f(*tensors), torch.cuda.synchronize) if f else None for f in (compute, compiled)
    ]


def per_run(start, wait, seconds):
    """Seconds of one of many runs, one behind the other."""
    start()
    wait()
    began, count = time.perf_counter(), 0
    while not count or time.perf_counter() - began < seconds:
        for _ in range(8):
            start()
        wait()
        count += 8
    return (time.perf_counter() - began) / count


def times(case, driver, seconds, rounds):
    """Medians in seconds: ours, torch's and compiled torch's, or None."""
    with Opened(case, driver) as context:
        stream = driver.stream()
        context.set_stream(stream)
        inputs = in_memory(case, driver, drawn(case) if case["drawn"] else arrays(case, "inputs"))
        placed = context.run_into(inputs, [view(DEVICE) for _ in range(case["outputs"])])
        outputs = in_memory(case, driver, [driver.copied(y) for y in placed])
        ours = (lambda: context.run_into(inputs, outputs), lambda: driver.wait(stream))
        contenders = (ours, *peers_of(case))
        found = ([], [], [])
        for _ in range(rounds):
            for list_, functions in zip(found, contenders):
                if functions:
                    list_.append(per_run(*functions, seconds))
        return [statistics.median(list_) if list_ else None for list_ in found]


def measure(cases, driver, seconds=0.05, rounds=7):
    """Ratios are torch's times over ours; a goal is of the faster torch."""
    rows = []
    print(f"{'':<26} {'ms':>9} {'TFLOP/s':>9} {'GB/s':>9} {'torch':>7} {'compiled':>9} {'goal':>5}")
    for case in cases:
        ours, *peers = times(case, driver, seconds, rounds)
        ratios = [peer and peer / ours for peer in peers]
        known = [ratio for ratio in ratios if ratio]
        row = {"name": case["name"], "ms": ours * 1e3, "torch": ratios[0], "compiled": ratios[1], "goal": case["goal"]}
        row |= {"tflops": case["flops"] / ours * 1e-12, "gbs": case["bytes"] / ours * 1e-9}
        row["reached"] = min(known) >= case["goal"] if known and case["goal"] else None
        rows.append(row)
        shown = [f"{ratio:.2f}" if ratio else "-" for ratio in ratios]
        line = f"{row['name']:<26} {row['ms']:9.4f} {row['tflops']:9.2f} {row['gbs']:9.1f} {shown[0]:>7} {shown[1]:>9}"
        verdict = {None: "", True: "reached", False: "MISSED"}[row["reached"]]
        print(f"{line} {case['goal'] or '-':>5} {verdict}".rstrip(), flush=True)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda", choices=("cuda", "emulate"))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    cases = json.loads((FOLDER / "cases.json").read_text())
    try:
        driver = Driver(FOLDER / "libstrut-emulator.so" if arguments.device == "emulate" else "libcuda.so.1")
        with Opened(cases[0], driver) as context:
            print(f"device {context.session.device}")
    except (OSError, Failure) as error:
        print(f"no device: {error}")
        return 2
    driver.enter()
    checked = [case for case in cases if not case["timed"]]
    wrong = check_values(checked, driver)
    rows = []
    if not arguments.quick:
        if arguments.device == "cuda":
            wrong += sanitize(arguments)
        timed = [case for case in cases if case["timed"]]
        wrong += check_values(timed, driver)
        rows = measure(timed, driver) if timed else []
    if arguments.json:
        arguments.json.write_text(json.dumps({"wrong": wrong, "times": rows}, indent=1))
    print(f"{wrong} of {len(cases)} checks are wrong" if wrong else "all is right")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
