"""Two ways to run a model, behind one call: Strut's native library and ONNX Runtime."""

import os
import sys
import time
from pathlib import Path
from typing import Callable

import numpy as np

from examples import cache


def threads() -> int:
    """The processors this process may use."""
    return len(os.sched_getaffinity(0))


class Strut:
    name = "Strut"

    def __init__(self, library: Path, width: int):
        built = cache.compiler().parents[1] / "python"
        if built.is_dir() and str(built) not in sys.path:
            sys.path.append(str(built))  # an installed package comes first
        try:
            import strut
        except ImportError as error:
            raise SystemExit(f"error: the Python package strut is not there ({error}); run scripts/build")
        self._model = strut.load(str(library), threads=width)

    def run(self, feed: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return self._model.run(feed)


class OnnxRuntime:
    def __init__(self, model: Path, width: int):
        import onnxruntime

        self.name = f"ONNX Runtime {onnxruntime.__version__}"
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = width
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(model), options, providers=["CPUExecutionProvider"]
        )
        self._outputs = [output.name for output in self._session.get_outputs()]

    def run(self, feed: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return dict(zip(self._outputs, self._session.run(self._outputs, feed)))


def peer(model: Path, width: int) -> OnnxRuntime | None:
    """ONNX Runtime on `model`, or None with a note where it is not installed."""
    try:
        return OnnxRuntime(model, width)
    except ImportError:
        print("note: onnxruntime is not installed, so nothing is compared", file=sys.stderr)
        return None


def seconds(call: Callable[[], object], budget: float = 0.4) -> float:
    """Median time of `call` after one run to warm up: 3 runs or more, about `budget` seconds."""
    call()
    times: list[float] = []
    while len(times) < 3 or (sum(times) < budget and len(times) < 200):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return float(np.median(times))
