"""The standard's own test suite (onnx.backend.test), compiled and run case by case.

    suite.py [--jobs N] [--only PREFIX]

Each case is compiled in a process of its own, so that a crash is an outcome like another. An
outcome is "ok", "refused: " with the compiler's reason, or what went wrong.
"""

import argparse
import os
import re
import select
import signal
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test.loader import load_model_tests

KINDS = ("node", "simple", "pytorch-converted", "pytorch-operator")
SECONDS = 60  # for one case


@dataclass
class Case:
    name: str
    folder: Path | None
    """Where model.onnx and its data are, or None where they are in memory."""
    model: onnx.ModelProto | None
    data: list
    """(inputs, outputs) of each run, where they are in memory."""
    rtol: float
    atol: float


def cases() -> list[Case]:
    """All cases that the package brings, by name."""
    with warnings.catch_warnings():  # the suite divides by zero on purpose
        warnings.simplefilter("ignore")
        found = [case for kind in KINDS for case in load_model_tests(kind=kind)]
    return sorted(
        (
            Case(c.name, Path(c.model_dir) if c.model_dir else None, c.model, c.data_sets or [], c.rtol, c.atol)
            for c in found
        ),
        key=lambda case: case.name,
    )


class Unreadable(Exception):
    """Data that is no tensor."""


def _read(path: Path, value: onnx.ValueInfoProto) -> np.ndarray:
    if not value.type.HasField("tensor_type"):
        raise Unreadable(f"'{value.name}' is a {value.type.WhichOneof('value')}")
    tensor = onnx.TensorProto()
    tensor.ParseFromString(path.read_bytes())
    return numpy_helper.to_array(tensor)


def _array(data) -> np.ndarray:
    return numpy_helper.to_array(data) if isinstance(data, onnx.TensorProto) else np.asarray(data)


def _data(case: Case, inputs: list, outputs: list) -> Iterator[tuple[list, list]]:
    """The arrays of each run, in the order of `inputs` and `outputs`."""
    yield from case.data
    for folder in sorted(case.folder.glob("test_data_set_*") if case.folder else []):
        yield (
            [_read(folder / f"input_{i}.pb", value) for i, value in enumerate(inputs)],
            [_read(folder / f"output_{i}.pb", value) for i, value in enumerate(outputs)],
        )


def run(case: Case) -> str:
    """Compiles and runs `case`; "ok" or what is wrong."""
    import strut

    path = case.folder / "model.onnx" if case.folder else None
    proto = onnx.load(path, load_external_data=False) if path else case.model
    try:
        model = strut.compile(path or proto, threads=1)
    except strut.CompileError as error:
        return "refused: " + str(error)
    known = {tensor.name for tensor in proto.graph.initializer}
    inputs = [value for value in proto.graph.input if value.name not in known]
    outputs = list(proto.graph.output)
    try:
        for given, expected in _data(case, inputs, outputs):
            # Optional inputs that a case leaves out are not in the model either.
            feed = {value.name: _array(data) for value, data in zip(inputs, given)}
            results = model.run(feed)
            for value, data in zip(outputs, expected):
                if problem := _compare(results[value.name], _array(data), case):
                    return f"wrong: output '{value.name}' {problem}"
    except Unreadable as error:
        return f"refused: {error}"
    except (ValueError, RuntimeError) as error:
        return f"run: {error}"
    return "ok"


def _compare(ours: np.ndarray, expected: np.ndarray, case: Case) -> str:
    if ours.dtype != expected.dtype or ours.shape != expected.shape:
        return f"is {ours.dtype}{list(ours.shape)} instead of {expected.dtype}{list(expected.shape)}"
    if expected.dtype.kind not in "fc" and expected.dtype.name != "bfloat16":
        return "" if np.array_equal(ours, expected) else "differs"
    wide = np.complex128 if expected.dtype.kind == "c" else np.float64
    rtol, atol = case.rtol, case.atol
    if expected.dtype.name == "bfloat16":
        # The references round after every step, Strut where values are stored: two units in the
        # last place of a value, one of the largest that was added up to it.
        rtol, atol = 2**-6, 2**-7 * float(np.abs(expected.astype(wide)).max(initial=0))
    try:
        np.testing.assert_allclose(ours.astype(wide), expected.astype(wide), rtol, atol)
    except AssertionError as error:
        found = re.search(r"Mismatched elements: .*|.* location mismatch", str(error))
        return "differs: " + (found.group(0) if found else "in its values")
    return ""


def line(outcome: str) -> str:
    """An outcome as one line that does not depend on folders or positions."""
    text = outcome.replace(str(Path.home()), "~")
    text = re.sub(r"/\S*/", "", " ".join(text.split()))
    return text if len(text) <= 160 else text[:157] + "..."


def _isolated(case: Case) -> tuple[int, int]:
    """Starts `case` in a child; (process, pipe that its outcome comes through)."""
    reader, writer = os.pipe()
    child = os.fork()
    if child:
        os.close(writer)
        return child, reader
    os.close(reader)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        outcome = run(case)
    except BaseException as error:  # whatever it is, it is this case's outcome
        outcome = f"error: {type(error).__name__}: {error}"
    os.write(writer, outcome.encode()[:4000])
    os._exit(0)


def _finish(child: int, pipe: int, began: float) -> str:
    left = max(0.0, began + SECONDS - time.monotonic())
    ready, _, _ = select.select([pipe], [], [], left)
    outcome = b""
    if ready:
        while part := os.read(pipe, 4096):
            outcome += part
    else:
        os.kill(child, signal.SIGKILL)
    os.close(pipe)
    _, status = os.waitpid(child, 0)
    if not ready:
        return f"crash: no end within {SECONDS} s"
    if os.WIFSIGNALED(status):
        return f"crash: {signal.Signals(os.WTERMSIG(status)).name}"
    return outcome.decode(errors="replace")


def run_all(chosen: list[Case], jobs: int, report=lambda case, outcome: None) -> dict[str, str]:
    """The outcome of each case, as a line."""
    import strut._compiler

    strut._compiler.version()  # loads the compiler once, for all children
    outcomes, running, waiting = {}, [], list(reversed(chosen))
    while waiting or running:
        while waiting and len(running) < jobs:
            case = waiting.pop()
            running.append((case, *_isolated(case), time.monotonic()))
        select.select([entry[2] for entry in running], [], [], 1)
        ready, _, _ = select.select([entry[2] for entry in running], [], [], 0)
        late = [e for e in running if time.monotonic() - e[3] > SECONDS]
        for entry in [e for e in running if e[2] in ready] or late:
            running.remove(entry)
            case, child, pipe, began = entry
            outcomes[case.name] = line(_finish(child, pipe, began))
            report(case, outcomes[case.name])
    return outcomes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--only", default="", help="cases whose names begin so")
    arguments = parser.parse_args()
    chosen = [case for case in cases() if case.name.startswith(arguments.only)]

    def report(case: Case, outcome: str) -> None:
        print(f"{case.name}: {outcome}", flush=True)

    outcomes = run_all(chosen, arguments.jobs, report)
    passed = sum(outcome == "ok" for outcome in outcomes.values())
    print(f"{passed} of {len(outcomes)} cases pass", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
