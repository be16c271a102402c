"""The standard's own test suite (onnx.backend.test), compiled and run through the backend class.

    suite.py [--jobs N] [--only PREFIX] [--form dynamic|constant] [--device emulate]

Generating code once for many small models is much quicker than once for each, so cases that the
compiler takes are merged into one model, a group at a time. Groups run in processes of their own,
so that a crash is an outcome like another. An outcome is "ok", "refused: " with the compiler's
reason, or what went wrong.
"""

import argparse
import fnmatch
import json
import os
import re
import select
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from forms import FORMS, Unreadable, merged
from onnx import numpy_helper
from onnx.backend.test.loader import load_model_tests

KINDS = ("node", "simple", "pytorch-converted", "pytorch-operator")
GROUP = 24  # cases a model
SECONDS = 600  # for one group
ROUNDING = {"float16": 2**-10, "bfloat16": 2**-7}  # a unit in the last place of 1
SUMS = ("test_dft_inverse*",)  # their references add in float32, and are off where they should be 0
RANDOM = ("test_bernoulli*",)  # whose numbers are nobody else's
DENIED = Path(__file__).with_name("denied.json")


@dataclass
class Case:
    name: str
    model: onnx.ModelProto
    data: list
    """(inputs, outputs) of each run, by name."""
    rtol: float
    atol: float


def _read(path: Path, value: onnx.ValueInfoProto) -> np.ndarray:
    if not value.type.HasField("tensor_type"):
        raise Unreadable(f"'{value.name}' is a {value.type.WhichOneof('value')}")
    tensor = onnx.TensorProto()
    tensor.ParseFromString(path.read_bytes())
    return numpy_helper.to_array(tensor)


def _array(data) -> np.ndarray:
    return numpy_helper.to_array(data) if isinstance(data, onnx.TensorProto) else np.asarray(data)


def _runs(found, inputs: list, outputs: list) -> Iterator[tuple[list, list]]:
    """The arrays of each run, in the order of `inputs` and `outputs`."""
    for given, expected in found.data_sets or []:
        yield [_array(a) for a in given], [_array(a) for a in expected]
    folders = sorted(Path(found.model_dir).glob("test_data_set_*")) if found.model_dir else []
    for folder in folders:
        yield (
            [_read(folder / f"input_{i}.pb", value) for i, value in enumerate(inputs)],
            [_read(folder / f"output_{i}.pb", value) for i, value in enumerate(outputs)],
        )


def read(found) -> Case:
    """A case of the package with its model and data. Raises Unreadable for data that is no tensor."""
    model = found.model or onnx.load(Path(found.model_dir) / "model.onnx")
    known = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in known]
    outputs = list(model.graph.output)
    for value in (*inputs, *outputs):
        if not value.type.HasField("tensor_type"):
            raise Unreadable(f"'{value.name}' is a {value.type.WhichOneof('value')}")
    # Optional inputs that a case leaves out are not in the model either.
    data = [
        ({v.name: a for v, a in zip(inputs, given)}, {v.name: a for v, a in zip(outputs, expected)})
        for given, expected in _runs(found, inputs, outputs)
    ]
    return Case(found.name, model, data, found.rtol, found.atol)


def cases() -> list:
    """All cases that the package brings, by name."""
    with warnings.catch_warnings():  # the suite divides by zero on purpose
        warnings.simplefilter("ignore")
        found = [case for kind in KINDS for case in load_model_tests(kind=kind)]
    return sorted(found, key=lambda case: case.name)


# ---- the deny-list ----


class Denied:
    """denied.json: groups of patterns of names, each with the reason why their cases do not pass."""

    def __init__(self):
        self.groups = json.loads(DENIED.read_text())

    def reason(self, name: str) -> str | None:
        for group in self.groups:
            if any(fnmatch.fnmatchcase(name, pattern) for pattern in group["cases"]):
                return group["reason"]
        return None

    def counted(self, name: str) -> bool:
        """Whether the case is of a kind that is meant to be supported at all."""
        return not any(
            fnmatch.fnmatchcase(name, pattern)
            for group in self.groups
            if group.get("out_of_scope")
            for pattern in group["cases"]
        )


# ---- comparing ----


def _compare(ours: np.ndarray, expected: np.ndarray, case: Case) -> str:
    if ours.dtype != expected.dtype or ours.shape != expected.shape:
        return f"is {ours.dtype}{list(ours.shape)} instead of {expected.dtype}{list(expected.shape)}"
    if any(fnmatch.fnmatchcase(case.name, pattern) for pattern in RANDOM):
        return ""
    small_float = expected.dtype.name == "bfloat16" or expected.dtype.name.startswith("float8")
    if expected.dtype.kind not in "fc" and not small_float:
        return "" if np.array_equal(ours, expected) else "differs"
    wide = np.complex128 if expected.dtype.kind == "c" else np.float64
    rtol, atol = case.rtol, case.atol
    if expected.dtype.name in ROUNDING:
        # The references round after every step, Strut where values are stored: two units in the
        # last place of a value, one of the largest that was added up to it.
        unit, largest = ROUNDING[expected.dtype.name], np.abs(expected.astype(wide))
        rtol = max(rtol, 2 * unit)
        atol = max(atol, unit * float(largest[np.isfinite(largest)].max(initial=0)))
    if any(fnmatch.fnmatchcase(case.name, pattern) for pattern in SUMS):
        atol = max(atol, 2**-23 * float(np.abs(expected).max()))
    try:
        np.testing.assert_allclose(ours.astype(wide), expected.astype(wide), rtol, atol)
    except AssertionError as error:
        found = re.search(r"Mismatched elements: .*|.* location mismatch", str(error))
        return "differs: " + (found.group(0) if found else "in its values")
    return ""


def _line(outcome: str) -> str:
    """An outcome as one line that does not depend on folders or positions."""
    text = outcome.replace(str(Path.home()), "~")
    text = re.sub(r"/\S*/", "", " ".join(text.split()))
    return text if len(text) <= 160 else text[:157] + "..."


# ---- running ----


def _refusal(case: Case) -> str | None:
    """Why the compiler does not take the case, from its first stages alone."""
    import strut

    with tempfile.TemporaryDirectory() as folder:
        try:
            strut.compile(case.model, Path(folder) / "model.mlir", emit="mlir-kernel", threads=1)
        except strut.CompileError as error:
            return "refused: " + str(error)
    return None


def _run_model(chosen: list[Case], device: str = "cpu") -> list[str]:
    """Compiles the cases as one model and runs it."""
    import strut
    from strut import backend

    model, prefixes = merged([case.model for case in chosen])
    try:
        if device == "cpu":
            compiled = backend.prepare(model, threads=1).model
        else:  # of which ONNX's interface knows nothing
            compiled = strut.compile(model, threads=1, gpu_arch=device, no_cpu=True, device=device)
    except strut.CompileError as error:
        if len(chosen) == 1:
            return ["refused: " + str(error)]
        return [outcome for case in chosen for outcome in _run_model([case], device)]
    outcomes = ["ok"] * len(chosen)
    for number in range(max(len(case.data) for case in chosen)):
        sets = [case.data[min(number, len(case.data) - 1)] for case in chosen]
        feed = {prefix + name: a for prefix, (given, _) in zip(prefixes, sets) for name, a in given.items()}
        try:
            results = compiled.run(feed)
        except (ValueError, RuntimeError) as error:
            if len(chosen) == 1:
                return [f"run: {error}"]
            return [outcome for case in chosen for outcome in _run_model([case], device)]
        for i, (case, prefix, (_, wanted)) in enumerate(zip(chosen, prefixes, sets)):
            for name, expected in wanted.items():
                if outcomes[i] == "ok" and (problem := _compare(results[prefix + name], expected, case)):
                    outcomes[i] = f"wrong: output '{name}' {problem}"
    return outcomes


def run_group(
    found: list, form: Callable[[Case], Case], device: str, report: Callable[[int, str], None]
) -> None:
    """Runs the cases, telling each outcome by its number."""
    taken: dict[tuple, list[tuple[int, Case]]] = {}
    for i, entry in enumerate(found):
        try:
            case = form(read(entry))
        except Unreadable as error:
            report(i, f"refused: {error}")
            continue
        if refusal := _refusal(case):
            report(i, refusal)
            continue
        # Models with functions, or with other versions of operators, stay apart.
        key = tuple(sorted((o.domain, o.version) for o in case.model.opset_import))
        taken.setdefault((key, i if case.model.functions else -1), []).append((i, case))
    for together in taken.values():
        outcomes = _run_model([case for _, case in together], device)
        for (i, _), outcome in zip(together, outcomes):
            report(i, outcome)


class _Child:
    """A group in a process of its own."""

    def __init__(self, found: list, form, device: str):
        self.found, self.began = found, time.monotonic()
        self.pipe, writer = os.pipe()
        self.pid = os.fork()
        if self.pid:
            os.close(writer)
            return
        os.close(self.pipe)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)

        def report(i: int, outcome: str) -> None:
            os.write(writer, f"{i}\t{_line(outcome)}\n".encode())

        try:
            run_group(found, form, device, report)
        except BaseException as error:  # whatever it is, it is the outcome of what is left
            os.write(writer, f"-1\t{_line(f'error: {type(error).__name__}: {error}')}\n".encode())
        os._exit(0)

    def finish(self) -> dict[int, str]:
        """The outcomes by number; that of all others at -1, if there is one."""
        left = max(0.0, self.began + SECONDS - time.monotonic())
        text = b""
        while select.select([self.pipe], [], [], left)[0]:
            if not (part := os.read(self.pipe, 65536)):
                break
            text += part
        else:
            os.kill(self.pid, signal.SIGKILL)
        os.close(self.pipe)
        _, status = os.waitpid(self.pid, 0)
        lines = [line.split("\t", 1) for line in text.decode(errors="replace").splitlines()]
        outcomes = {int(number): outcome for number, outcome in lines}
        if os.WIFSIGNALED(status):
            outcomes[-1] = f"crash: {signal.Signals(os.WTERMSIG(status)).name}"
        return outcomes


def run_all(
    chosen: list, jobs: int, form: str = "plain", report=lambda case, outcome: None, device: str = "cpu"
) -> dict[str, str]:
    """The outcome of each case, as a line."""
    import strut._compiler

    strut._compiler.version()  # loads the compiler once, for all children
    outcomes: dict[str, str] = {}
    waiting = [chosen[i : i + GROUP] for i in range(0, len(chosen), GROUP)]
    running: list[_Child] = []
    while waiting or running:
        while waiting and len(running) < jobs:
            running.append(_Child(waiting.pop(0), FORMS[form], device))
        child = running.pop(0)
        results = child.finish()
        lost = [case for i, case in enumerate(child.found) if i not in results]
        if len(child.found) > 1:  # which of them was it?
            waiting.extend([case] for case in lost)
        for i, case in enumerate(child.found):
            if i in results or len(child.found) == 1:
                outcomes[case.name] = results.get(i, results.get(-1, "error: no outcome"))
                report(case, outcomes[case.name])
    return outcomes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--only", default="", help="cases whose names match this expression")
    parser.add_argument("--form", default="plain", choices=FORMS)
    parser.add_argument("--device", default="cpu", choices=("cpu", "emulate"))
    arguments = parser.parse_args()
    chosen = [case for case in cases() if re.search(arguments.only, case.name)]

    def report(case, outcome: str) -> None:
        print(f"{case.name}: {outcome}", flush=True)

    outcomes = run_all(chosen, arguments.jobs, arguments.form, report, arguments.device)
    counted = [outcomes[case.name] for case in chosen if Denied().counted(case.name)]
    passed = sum(outcome == "ok" for outcome in counted)
    print(f"{passed} of {len(counted)} cases in scope pass ({len(outcomes)} in all)", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
