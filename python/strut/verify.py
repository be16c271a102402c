"""Compares a model with ONNX Runtime, node by node: python -m strut.verify model.onnx

A copy of the model with every intermediate tensor as an output is run by both, and the tensors
are compared in the order of the graph. The model as it is follows, for there Strut may fuse what
the copy keeps apart. Exit code 0: all agree; 1: a node differs, and the first is named; 2: there
is nothing to compare (a package is missing, or the model is refused).
"""

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np


class CannotVerify(Exception):
    """Why there is nothing to compare."""


@dataclass
class Difference:
    """How far a tensor is from its reference."""

    ok: bool
    text: str
    size: float
    """Largest difference in units of the reference's root mean square."""


def difference(ours: np.ndarray, reference: np.ndarray, rtol: float, atol: float) -> Difference:
    """Numbers agree if |d| <= atol * rms + rtol * |reference|, all else if it is equal.

    Both sides compute a node from their own earlier results, so rounding adds up along the graph:
    the default atol leaves room for the depth of a transformer.
    """
    if ours.dtype != reference.dtype or ours.shape != reference.shape:
        text = f"{ours.dtype}{list(ours.shape)} instead of {reference.dtype}{list(reference.shape)}"
        return Difference(False, text, np.inf)
    if reference.size == 0:
        return Difference(True, "empty", 0.0)
    if reference.dtype.kind in "biu":
        wrong = np.flatnonzero(ours != reference)
        text = f"{wrong.size} of {reference.size} values differ"
        if wrong.size:
            text += _example(ours, reference, int(wrong[0]))
        return Difference(wrong.size == 0, text, float(wrong.size > 0))
    wide = np.complex128 if reference.dtype.kind == "c" else np.float64
    a, b = ours.astype(wide), reference.astype(wide)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    finite = np.isfinite(b)
    rms = float(np.sqrt(np.mean(np.abs(b[finite]) ** 2))) if finite.any() else 0.0
    with np.errstate(invalid="ignore"):
        distance = np.where(same, 0.0, np.abs(a - b))
        # A half's last bit is more than the tolerance that suits f32.
        rtol = max(rtol, 4 * _epsilon(reference.dtype))
        wrong = ~(same | (distance <= atol * rms + rtol * np.abs(b)) & finite)
    worst = int(np.argmax(np.where(np.isnan(distance), np.inf, distance)))
    size = float(distance.flat[worst]) / rms if rms else float(distance.flat[worst])
    text = f"largest difference {size:.2g} of the root mean square"
    if wrong.any():
        text = f"{np.count_nonzero(wrong)} of {b.size} values differ, {text}"
        text += _example(ours, reference, int(np.flatnonzero(wrong)[0]))
    return Difference(not wrong.any(), text, size)


def _epsilon(dtype: np.dtype) -> float:
    return 2.0**-7 if dtype.name == "bfloat16" else float(np.finfo(dtype).eps)


def _example(ours: np.ndarray, reference: np.ndarray, flat: int) -> str:
    index = [int(i) for i in np.unravel_index(flat, reference.shape)]
    return f"; at {index}: {ours.flat[flat]} instead of {reference.flat[flat]}"


def make_inputs(model, given: list[str], dims: dict[str, int], seed: int) -> dict[str, np.ndarray]:
    """The arrays of --input, and random ones for the rest: [-1, 1), or 0 and 1 for integers."""
    import onnx

    known = {tensor.name for tensor in model.graph.initializer}
    inputs = {value.name: value for value in model.graph.input if value.name not in known}
    feed: dict[str, np.ndarray] = {}
    for text in given:
        feed.update(_read_input(text, set(inputs)))
    dims = dict(dims)
    for name, array in feed.items():
        for dim, extent in zip(inputs[name].type.tensor_type.shape.dim, array.shape):
            dims.setdefault(dim.dim_param, extent)
    random = np.random.default_rng(seed)
    for name, value in inputs.items():
        if name in feed:
            continue
        tensor = value.type.tensor_type
        shape = []
        for dim in tensor.shape.dim:
            if not dim.HasField("dim_value") and dim.dim_param not in dims:
                label = dim.dim_param or f"an unnamed dimension of input '{name}'"
                print(f"note: {label} is not given and taken as 2", file=sys.stderr)
                if dim.dim_param:
                    dims[dim.dim_param] = 2
            shape.append(dim.dim_value if dim.HasField("dim_value") else dims.get(dim.dim_param, 2))
        dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
        if dtype.kind in "biu":
            feed[name] = random.integers(0, 2, shape).astype(dtype)
        elif dtype.kind == "O":
            raise CannotVerify(f"input '{name}' is of strings, which Strut does not take")
        else:
            feed[name] = random.uniform(-1, 1, shape).astype(dtype)
    return feed


def _read_input(text: str, names: set[str]) -> dict[str, np.ndarray]:
    name = max((n for n in names if text.startswith(n + "=")), key=len, default=None)
    path = text if name is None else text[len(name) + 1 :]
    try:
        content = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise CannotVerify(f"cannot read '{path}': {error}") from None
    if isinstance(content, np.ndarray):
        if name is None:
            raise CannotVerify(f"'{text}' does not name an input; the model has {sorted(names)}")
        return {name: content}
    if name is not None:
        return {name: content[name if name in content else content.files[0]]}
    unknown = set(content.files) - names
    if unknown:
        raise CannotVerify(f"'{path}' has {sorted(unknown)}, which are no inputs of the model")
    return dict(content)


def with_all_outputs(model):
    """A copy of `model` whose outputs are all tensors that its nodes make, and their makers.

    Returns (model, {tensor: (position, description of the node)}).
    """
    import onnx

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    known = {value.name: value for value in [*inferred.value_info, *inferred.output]}
    made = {}
    del copy.graph.output[:]
    for position, node in enumerate(copy.graph.node):
        label = f"'{node.name}' ({node.op_type})" if node.name else f"{node.op_type} number {position}"
        for name in node.output:
            value = known.get(name)
            if not name or node.op_type == "Constant" or value is None:
                continue
            tensor = value.type.tensor_type
            if tensor.elem_type in (onnx.TensorProto.UNDEFINED, onnx.TensorProto.STRING):
                continue
            made[name] = (position, label)
            copy.graph.output.append(value)
    return copy, made


class Runs:
    """A model run by both, on the same inputs."""

    def __init__(self, folder: Path, feed: dict[str, np.ndarray], threads: int, device: str = ""):
        self.folder, self.feed, self.threads, self.device = folder, feed, threads, device or "cpu"

    def both(self, model, name: str) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """(Strut's outputs, ONNX Runtime's)."""
        import onnx
        import onnxruntime

        import strut

        path = self.folder / f"{name}.onnx"
        onnx.save(model, path, save_as_external_data=model.ByteSize() > 1 << 30)
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 3
        try:
            session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
            names = [output.name for output in session.get_outputs()]
            reference = dict(zip(names, session.run(names, self.feed)))
        except Exception as error:  # onnxruntime's exceptions have no common base
            raise CannotVerify(f"ONNX Runtime refuses the model: {error}") from None
        del session
        archs = {"cpu": (), "emulate": ("emulate",)}.get(self.device, ("sm_80", "sm_90a"))
        library = strut.compile(
            path, self.folder / f"{name}.so", threads=self.threads, gpu_arch=archs, no_cpu=bool(archs)
        )
        try:
            ours = strut.load(library, self.threads, device=self.device).run(self.feed)
        except (ValueError, RuntimeError) as error:
            raise CannotVerify(str(error)) from None
        return ours, reference


def verify(arguments: argparse.Namespace) -> int:
    import onnx

    began = time.monotonic()

    def progress(text: str) -> None:
        if time.monotonic() - began > 2:
            print(f"[{time.monotonic() - began:4.0f} s] {text}", file=sys.stderr)

    try:
        model = onnx.load(arguments.model)
    except Exception as error:  # protobuf's differ between its implementations
        raise CannotVerify(f"cannot read '{arguments.model}': {error}") from None
    dims = dict(_dim(text) for text in arguments.dim)
    feed = make_inputs(model, arguments.input, dims, arguments.seed)
    compared = 0
    largest = (0.0, "")
    with tempfile.TemporaryDirectory(prefix="strut-verify-") as folder:
        runs = Runs(Path(folder), feed, arguments.threads, arguments.device)
        layered, made = with_all_outputs(model)
        progress(f"comparing {len(made)} tensors")
        ours, reference = runs.both(layered, "layered")
        for name, (_, label) in sorted(made.items(), key=lambda item: item[1][0]):
            found = difference(ours[name], reference[name], arguments.rtol, arguments.atol)
            if not found.ok:
                print(f"node {label} differs: its output '{name}' has {found.text}")
                return 1
            compared += 1
            largest = max(largest, (found.size, label))
        progress("comparing the model as it is")
        ours, reference = runs.both(model, "whole")
        for name, array in reference.items():
            found = difference(ours[name], array, arguments.rtol, arguments.atol)
            if not found.ok:
                maker = made.get(name, (0, "?"))[1]
                print(
                    f"node {maker} differs: output '{name}' of the model has {found.text}. Every "
                    "node agrees by itself, so this comes of a rewrite or a fusion."
                )
                return 1
    where = f", at node {largest[1]}" if largest[1] else ""
    print(
        f"all {compared} tensors agree with ONNX Runtime; the largest difference is "
        f"{largest[0]:.2g} of a tensor's root mean square{where}"
    )
    return 0


def _dim(text: str) -> tuple[str, int]:
    name, _, size = text.rpartition("=")
    if not name or not size.isdigit():
        raise CannotVerify(f"'{text}' is not a dimension: write NAME=SIZE")
    return name, int(size)


def main() -> int:
    parser = argparse.ArgumentParser(prog="strut verify", description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--input", action="append", default=[], metavar="NAME=FILE")
    parser.add_argument("--dim", action="append", default=[], metavar="NAME=SIZE")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rtol", type=float, default=1e-4)
    parser.add_argument("--atol", type=float, default=1e-4)
    arguments = parser.parse_args()
    try:
        for package in ("onnx", "onnxruntime"):
            try:
                __import__(package)
            except ImportError as error:
                raise CannotVerify(
                    f"the Python package {package} is needed ({error}); install it for "
                    f"{sys.executable}, or name another Python in STRUT_PYTHON"
                ) from None
        from strut import CompileError

        try:
            return verify(arguments)
        except CompileError as error:
            raise CannotVerify(str(error)) from None
    except CannotVerify as error:
        print(f"error: cannot verify: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
