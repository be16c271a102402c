"""Runs Strut and its peers side by side: alternated rounds, one process per peer.

Neighbours on a shared machine come and go within seconds, so the peers take turns and each
keeps the best of its rounds, a round being the median of many runs.  The machine's own peak is
measured in every round too.
"""

import importlib.util
import json
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Sequence

import numpy as np

BENCH = Path(__file__).resolve().parent
sys.path.insert(0, str(BENCH.parent))
from examples import cache  # noqa: E402


class BenchError(RuntimeError):
    """A peer failed; the message is its own."""


@dataclass
class Case:
    """One model at one size.  `flops` and `bytes` (read at least) per run, where known."""

    name: str
    model: Path
    library: Path | None
    inputs: dict[str, np.ndarray]
    threads: int = 1
    flops: float = 0.0
    bytes: float = 0.0


@dataclass
class Result:
    """Medians in milliseconds, one a round, and the best of them."""

    case: Case
    rounds: dict[str, list[float]] = field(default_factory=dict)

    def best(self, peer: str) -> float:
        return min(self.rounds[peer])

    def fastest_peer(self) -> str | None:
        """The one that needed least time; None where only Strut was timed."""
        return min((peer for peer in self.rounds if peer != "strut"), key=self.best, default=None)

    def ratio(self) -> float | None:
        """How many times faster Strut is than the fastest peer; None where one is missing."""
        peer = self.fastest_peer()
        if "strut" not in self.rounds or peer is None:
            return None
        return self.best(peer) / self.best("strut")

    def to_json(self) -> dict:
        return {
            "case": self.case.name,
            "threads": self.case.threads,
            "shapes": {name: list(value.shape) for name, value in self.case.inputs.items()},
            "rounds_ms": self.rounds,
            "best_ms": {peer: self.best(peer) for peer in self.rounds},
            "fastest_peer": self.fastest_peer(),
            "ratio": self.ratio(),
        }


def installed_peers() -> list[str]:
    """The names of the peers that can be timed here."""
    return ["onnxruntime"] + ["openvino"] * (importlib.util.find_spec("openvino") is not None)


def _json(command: list[str]) -> dict:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise BenchError(f"{' '.join(command)}\n{(done.stderr or done.stdout).strip()}")
    return json.loads(done.stdout)


def measure(
    case: Case, rounds: int = 3, seconds: float = 1.0, peers: Sequence[str] = ("onnxruntime",)
) -> Result:
    """`rounds` times: Strut (where there is a library), then each peer."""
    result = Result(case)
    with tempfile.TemporaryDirectory() as work:
        inputs = []
        for index, (name, value) in enumerate(case.inputs.items()):
            file = Path(work) / f"{index}.npy"
            np.save(file, value)
            inputs += ["--input", f"{name}={file}"]
        width = ["--threads", str(case.threads)]
        commands = {}
        if case.library:
            strut = [str(cache.compiler()), "bench", str(case.library), "--json", "--time", str(seconds)]
            commands["strut"] = [*strut, *width, *inputs]
        for peer in peers:
            script = [sys.executable, str(BENCH / f"peer_{peer}.py"), str(case.model)]
            commands[peer] = [*script, "--seconds", str(seconds), *width, *inputs]
        for _ in range(rounds):
            for peer, command in commands.items():
                result.rounds.setdefault(peer, []).append(_json(command)["median_ms"])
    return result


def against(library: Path, other: Path, call: list[str], threads: int, options) -> list[tuple[float, float]]:
    """Milliseconds of two libraries that take turns in one process, for each round.  `call` is what
    `strut bench` needs to call them."""
    command = [str(cache.compiler()), "bench", str(library), "--against", str(other), "--json", *call]
    command += ["--threads", str(threads), "--time", str(options.seconds)]
    rounds = [_json(command) for _ in range(options.rounds)]
    return [(r["median_ms"], r["against"]["median_ms"]) for r in rounds]


def peak(threads: int, footprint: int = 256 << 20) -> dict:
    """What strut-peak measures: "gflops", and "gbytes" for data of `footprint` bytes."""
    tool = cache.compiler().parent / "strut-peak"
    if not tool.is_file():
        raise BenchError(f"{tool} is not there; run scripts/build first")
    return _json([str(tool), "--threads", str(threads), "--bytes", str(footprint)])


def cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def versions() -> dict[str, str]:
    """The machine and the versions of everything that is compared."""
    found = {"cpu": f"{cpu()}, {len(os.sched_getaffinity(0))} processors"}
    for package in ("onnxruntime", "openvino", "onnx", "numpy"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    commit = subprocess.run(
        ["git", "-C", str(BENCH), "describe", "--always", "--dirty"], capture_output=True, text=True
    )
    found["strut"] = commit.stdout.strip() or "unknown"
    return found


def header() -> dict[str, str]:
    found = versions()
    print("  ".join(f"{name}: {version}" for name, version in found.items()))
    return found


def save(path: Path | None, found: dict[str, str], results: list[dict]) -> None:
    if path:
        path.write_text(json.dumps({"versions": found, "results": results}, indent=1) + "\n")


def arguments(parser, threads: list[int]) -> None:
    """The options that all benches share."""
    parser.add_argument("--threads", type=int, nargs="+", default=threads)
    parser.add_argument("--rounds", type=int, default=3, help="alternated rounds (default 3)")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each peer in each round")
    parser.add_argument("--json", type=Path, help="also write all numbers to this file")
    parser.add_argument("--peer-only", action="store_true", help="time ONNX Runtime alone")


def run(main) -> int:
    """Calls `main` and turns the errors a user can meet into one message."""
    try:
        main()
    except (BenchError, cache.CompileError, RuntimeError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0
