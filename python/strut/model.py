"""Compiled models: loading, describing and calling them."""

import os
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from . import _runtime


class TensorInfo(NamedTuple):
    """An input or output of a model."""

    name: str
    """Its name in the ONNX graph."""
    dtype: str
    """numpy's name of the element type, or that of ml_dtypes: "bfloat16", "float8_e4m3fn", "int4" ..."""
    shape: tuple[int | str | None, ...]
    """Extents: a number, the name of a dimension, or None where it is computed."""
    alias: str | None = None
    """For an output: the input whose memory it may update in place."""


class Model:
    """A compiled model.

    Call it with arrays in the order of `inputs`, or by their names; numpy arrays, DLPack tensors
    (torch's, for one) and plain numbers or lists are taken. Several threads may call one model.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        threads: int = 0,
        weights: str | os.PathLike = "",
        device: str = "",
    ):
        """Loads the library at `path`.

        `threads` is how many a run may use; 0 means all that the process may. `weights` is the
        side file of a large model; by default it is where the compiler wrote it, or beside the
        library. `device` is "cpu", "cuda" or "cuda:1" for an NVIDIA GPU, or "emulate" for one that the CPU
        plays; by default it is a GPU if the model has code for one that is here, else the CPU. Raises
        FileNotFoundError, or RuntimeError with the reason.
        """
        self._path = os.fspath(path)
        if not os.path.exists(self._path):
            raise FileNotFoundError(f"cannot load '{self._path}': no such file")
        self._model = _runtime.Model(self._path, threads, os.fspath(weights), device)
        self._inputs = [TensorInfo(*about[:3]) for about in self._model.inputs]
        self._outputs = [
            TensorInfo(name, dtype, shape, self._inputs[alias].name if alias >= 0 else None)
            for name, dtype, shape, alias in self._model.outputs
        ]

    @property
    def name(self) -> str:
        """The name of the model's graph."""
        return self._model.name

    def forms(self) -> list[tuple[str, str]]:
        """Which form the last run took of each value that the model can compute in several.

        Pairs of the name of the ONNX nodes and of the form, such as ("proj", "merged"); which one it is
        depends on the dimensions alone. Empty before the first run, and where there is no choice.
        """
        return self._model.forms()

    @property
    def path(self) -> str:
        return self._path

    @property
    def inputs(self) -> list[TensorInfo]:
        return list(self._inputs)

    @property
    def outputs(self) -> list[TensorInfo]:
        return list(self._outputs)

    @property
    def dims(self) -> list[str]:
        """The names of the symbolic dimensions."""
        return self._model.dims

    @property
    def device(self) -> str:
        """Where it runs: "cpu", or the GPU and its code, "cuda:0 (sm_90, PTX for sm_80)"."""
        return self._model.device

    @property
    def target(self) -> str:
        """The LLVM triple and the CPU that the code was generated for."""
        return f"{self._model.target} ({self._model.cpu})"

    @property
    def metadata(self) -> str:
        """JSON: the kernels with their FLOPs and bytes."""
        return self._model.metadata

    def __repr__(self) -> str:
        def signature(tensors: list[TensorInfo]) -> str:
            return ", ".join(f"{t.name}: {t.dtype}{_shape_text(t.shape)}" for t in tensors)

        return f"<strut.Model {self.name}({signature(self._inputs)}) -> {signature(self._outputs)}>"

    def run(
        self,
        inputs: Mapping[str, Any],
        *,
        copy: bool = True,
        in_place: bool = False,
        on_device: bool = False,
    ) -> dict[str, Any]:
        """Computes all outputs, by name.

        On a GPU, inputs that lie in its memory (torch's, for one) are used where they are. With
        on_device=True the outputs stay there, too: they are DLPack tensors (torch.from_dlpack) that
        view the model's own memory. The run is complete when this returns.

        With copy=False the arrays view the model's own memory, which stays theirs as long as they
        live. With in_place=True an output that may update an input does so, and that input's
        array is the result; otherwise inputs are never written to.

        Raises ValueError for an array of the wrong name, dtype or shape.
        """
        known = {info.name for info in self._inputs}
        for name in inputs:
            if name not in known:
                raise ValueError(f"the model has no input '{name}'; {self._input_text()}")
        arrays = []
        for info in self._inputs:
            if info.name not in inputs:
                raise ValueError(f"input '{info.name}' is missing; {self._input_text()}")
            arrays.append(_as_array(inputs[info.name], info))
        if in_place:
            self._check_in_place(inputs, arrays)
        results = self._model.run(arrays, copy and not on_device, in_place, on_device)
        if on_device:
            return {
                info.name: inputs[info.alias] if array is None else array
                for info, array in zip(self._outputs, results)
            }
        return {
            info.name: inputs[info.alias] if array is None else _from_bits(array, info)
            for info, array in zip(self._outputs, results)
        }

    def __call__(self, *args: Any, **named: Any) -> Any:
        """Computes all outputs: one array, or a tuple of them in the order of `outputs`."""
        if len(args) > len(self._inputs):
            raise ValueError(f"{len(args)} inputs are given; {self._input_text()}")
        feed = {info.name: value for info, value in zip(self._inputs, args)}
        for name, value in named.items():
            if name in feed:
                raise ValueError(f"input '{name}' is given twice")
            feed[name] = value
        outputs = tuple(self.run(feed).values())
        return outputs[0] if len(outputs) == 1 else outputs

    def _input_text(self) -> str:
        if not self._inputs:
            return "it has no inputs"
        return "its inputs are " + ", ".join(
            f"'{t.name}' {t.dtype}{_shape_text(t.shape)}" for t in self._inputs
        )

    def _check_in_place(self, given: Mapping[str, Any], arrays: list[Any]) -> None:
        position = {info.name: i for i, info in enumerate(self._inputs)}
        for info in self._outputs:
            if info.alias is None:
                continue
            array = given[info.alias]
            taken = arrays[position[info.alias]]
            if not isinstance(taken, np.ndarray) and hasattr(array, "__dlpack__"):
                continue  # on a GPU, where the runtime takes it as it is
            if not (isinstance(array, np.ndarray) and isinstance(taken, np.ndarray)):
                raise ValueError(f"input '{info.alias}' is updated in place and must be a numpy array")
            copied = array.size and not np.may_share_memory(array, taken)
            if copied or not array.flags.writeable:
                raise ValueError(
                    f"input '{info.alias}' is updated in place and must be writeable and contiguous"
                )


def load(
    path: str | os.PathLike, threads: int = 0, weights: str | os.PathLike = "", device: str = ""
) -> Model:
    """Loads a compiled model; see Model."""
    return Model(path, threads, weights, device)


def _shape_text(shape: tuple[int | str | None, ...]) -> str:
    return "[" + ", ".join("?" if extent is None else str(extent) for extent in shape) + "]"


def _stand_in(dtype: str) -> type | None:
    """What holds the bits of a type that numpy lacks; None for one that it has."""
    if dtype == "bfloat16":
        return np.uint16
    narrow = re.fullmatch(r"u?int[24]|float[468]_\w+", dtype)
    return np.uint8 if narrow else None


def _as_array(value: Any, info: TensorInfo) -> Any:
    """`value` as something that the runtime takes without a copy, if it is not that yet."""
    if not isinstance(value, np.ndarray):
        if hasattr(value, "__dlpack__"):
            try:
                value = np.from_dlpack(value)
            except (RuntimeError, BufferError, TypeError):
                return value  # a type or device that numpy does not know: the runtime says
        else:
            return _from_plain(value, info)
    bits = _stand_in(info.dtype)
    if bits is not None and value.dtype.name == info.dtype:
        value = value.view(bits)
    elif bits is not None or _stand_in(value.dtype.name) is not None or value.dtype.kind not in "biufc":
        raise ValueError(f"input '{info.name}' has dtype {value.dtype}, the model's is {info.dtype}")
    if not value.dtype.isnative:
        value = value.astype(value.dtype.newbyteorder("="))
    return value if value.flags.c_contiguous else value.copy(order="C")


def _from_plain(value: Any, info: TensorInfo) -> np.ndarray:
    """A number or a list, which has no dtype of its own, in the model's."""
    if _stand_in(info.dtype) is not None:
        raise ValueError(f"input '{info.name}' must be an array: its dtype is {info.dtype}")
    try:
        return np.asarray(value, dtype=info.dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"input '{info.name}' cannot be read as {info.dtype}: {error}") from None


def _from_bits(array: np.ndarray, info: TensorInfo) -> np.ndarray:
    """What numpy lacks as ml_dtypes' type where that is installed, else as its bits."""
    if _stand_in(info.dtype) is None:
        return array
    try:
        import ml_dtypes
    except ImportError:
        return array
    return array.view(getattr(ml_dtypes, info.dtype))
