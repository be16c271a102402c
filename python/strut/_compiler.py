"""The compiler, loaded when it is first needed.

It is called through its C API (include/strut/CAPI/strut_compiler.h). libStrut is loaded with its
symbols to itself, so that its LLVM, protobuf and ONNX stay apart from those of other packages.
"""

import ctypes
import functools
import json
import os
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .model import Model


class CompileError(RuntimeError):
    """The compiler refused a model; the message is its own."""


class _Dim(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("size", ctypes.c_int64)]


class _Alias(ctypes.Structure):
    _fields_ = [("output", ctypes.c_char_p), ("input", ctypes.c_char_p)]


class _Options(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("threads", ctypes.c_int32),
        ("input", ctypes.c_char_p),
        ("output", ctypes.c_char_p),
        ("emit", ctypes.c_char_p),
        ("target", ctypes.c_char_p),
        ("cpu", ctypes.c_char_p),
        ("name", ctypes.c_char_p),
        ("dims", ctypes.POINTER(_Dim)),
        ("num_dims", ctypes.c_int32),
        ("check_only", ctypes.c_int32),
        ("aliases", ctypes.POINTER(_Alias)),
        ("num_aliases", ctypes.c_int32),
        ("compress", ctypes.c_double),
        ("machine", ctypes.c_char_p),
        ("size_budget", ctypes.c_char_p),
        ("gpu_archs", ctypes.POINTER(ctypes.c_char_p)),
        ("num_gpu_archs", ctypes.c_int32),
        ("no_cpu", ctypes.c_int32),
        ("precision", ctypes.c_char_p),
        ("reduced_precision", ctypes.c_int32),
    ]


class _ExplainOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("num_rows", ctypes.c_int32),
        ("input", ctypes.c_char_p),
        ("rows", ctypes.POINTER(ctypes.c_int64)),
        ("dims", ctypes.POINTER(_Dim)),
        ("num_dims", ctypes.c_int32),
        ("reserved", ctypes.c_int32),
        ("machine", ctypes.c_char_p),
        ("size_budget", ctypes.c_char_p),
        ("html", ctypes.c_char_p),
        ("gpu_arch", ctypes.c_char_p),
        ("reduced_precision", ctypes.c_int32),
    ]


def library_path() -> Path:
    """Where libStrut is: $STRUT_LIBRARY, in the package, or in the build folder of the package."""
    if named := os.environ.get("STRUT_LIBRARY"):
        return Path(named)
    here = Path(__file__).parent
    places = [here / "lib", here.parents[1] / "lib", here.parents[2] / "lib"]
    for place in places:
        if (place / "libStrut.so").exists():
            return place / "libStrut.so"
    raise CompileError(
        "the compiler, libStrut.so, is not in " + ", ".join(map(str, places)) + "; build or install "
        "Strut, or name the file in the environment variable STRUT_LIBRARY"
    )


@functools.cache
def _library() -> ctypes.CDLL:
    path = library_path()
    try:
        library = ctypes.CDLL(str(path), mode=os.RTLD_LOCAL | os.RTLD_NOW)
    except OSError as error:
        raise CompileError(f"the compiler cannot be loaded: {error}") from None
    library.strutCompile.argtypes = [ctypes.POINTER(_Options)]
    library.strutCompile.restype = ctypes.c_void_p
    library.strutExplain.argtypes = [ctypes.POINTER(_ExplainOptions), ctypes.POINTER(ctypes.c_void_p)]
    library.strutExplain.restype = ctypes.c_void_p
    library.strutFreeMessage.argtypes = [ctypes.c_void_p]
    library.strutCompilerVersion.restype = ctypes.c_char_p
    return library


def version() -> str:
    """The version of the compiler."""
    return _library().strutCompilerVersion().decode()


def _bytes(value: Any) -> bytes | None:
    return None if value is None else os.fsencode(value)


def _take(message: int | None) -> str:
    """A text of the compiler's, which is freed; empty for null."""
    if not message:
        return ""
    text = ctypes.string_at(message).decode(errors="replace")
    _library().strutFreeMessage(message)
    return text


def _compile_file(
    model: Any, output: Any, dims: Mapping[str, int], alias: Mapping[str, str], **rest: Any
) -> None:
    values = (_Dim * len(dims))(*((name.encode(), size) for name, size in dims.items()))
    aliases = (_Alias * len(alias))(*((out.encode(), into.encode()) for out, into in alias.items()))
    archs = [arch.encode() for arch in rest["gpu_arch"]]
    options = _Options(
        struct_size=ctypes.sizeof(_Options),
        threads=rest["threads"],
        input=_bytes(model),
        output=_bytes(output),
        emit=_bytes(rest["emit"]),
        target=_bytes(rest["target"]),
        cpu=_bytes(rest["cpu"]),
        name=_bytes(rest["name"]),
        dims=values,
        num_dims=len(dims),
        aliases=aliases,
        num_aliases=len(alias),
        compress=rest["compress"],
        machine=_bytes(rest["machine"]),
        size_budget=_bytes(rest["size_budget"]),
        gpu_archs=(ctypes.c_char_p * len(archs))(*archs),
        num_gpu_archs=len(archs),
        no_cpu=rest["no_cpu"],
        precision=_bytes(rest["precision"]),
        reduced_precision=rest["reduced_precision"],
    )
    library = _library()
    if message := _take(library.strutCompile(ctypes.byref(options))):
        raise CompileError(message)


def explain(
    model: str | os.PathLike,
    *,
    dims: Mapping[str, int] | None = None,
    rows: Sequence[int] = (),
    machine: str | os.PathLike | None = None,
    size_budget: str | None = None,
    html: str | os.PathLike | None = None,
    gpu_arch: str | None = None,
    reduced_precision: bool = False,
) -> dict[str, Any]:
    """What was recognised in a model, what was rewritten, and which forms were chosen and why.

    `model` is the path of an .onnx file or of a stage. Times are predicted for blocks of `rows` rows
    (1, 16 and 256), kernels and memory shown at `dims` (1 for those not named). `machine`,
    `size_budget` and `reduced_precision` are those of `compile`. `html` also writes a page with graphs and plots. With `gpu_arch`
    ("sm_90a") it is code for that GPU that is explained, and chosen for. The keys are in
    docs/explain.md.

    Raises CompileError with the compiler's message.
    """
    dims = dims or {}
    values = (_Dim * len(dims))(*((name.encode(), size) for name, size in dims.items()))
    options = _ExplainOptions(
        struct_size=ctypes.sizeof(_ExplainOptions),
        num_rows=len(rows),
        input=_bytes(model),
        rows=(ctypes.c_int64 * len(rows))(*rows),
        dims=values,
        num_dims=len(dims),
        machine=_bytes(machine),
        size_budget=_bytes(size_budget),
        html=_bytes(html),
        gpu_arch=_bytes(gpu_arch),
        reduced_precision=reduced_precision,
    )
    answer = ctypes.c_void_p()
    if message := _take(_library().strutExplain(ctypes.byref(options), ctypes.byref(answer))):
        raise CompileError(message)
    return json.loads(_take(answer.value))


def compile(
    model: Any,
    output: str | os.PathLike | None = None,
    *,
    target: str | None = None,
    cpu: str | None = None,
    dims: Mapping[str, int] | None = None,
    alias: Mapping[str, str] | None = None,
    name: str | None = None,
    compress: float = 0,
    machine: str | os.PathLike | None = None,
    size_budget: str | None = None,
    reduced_precision: bool = False,
    gpu_arch: str | Sequence[str] = (),
    no_cpu: bool = False,
    precision: str | None = None,
    device: str = "",
    threads: int = 0,
    emit: str | None = None,
) -> "Model | Path":
    """Compiles a model.

    `model` is the path of an .onnx file or of an emitted stage, its bytes, or an onnx.ModelProto.
    Without `output` the result is a Model, loaded and ready; otherwise it is written there (.so, .a
    or .o, by the suffix) and its path returned. `target` is an LLVM triple, `cpu` an LLVM CPU name;
    both default to this machine. `dims` fixes symbolic dimensions. `alias` names, by output, the input
    whose memory it may update in place (see Model.run). `threads` are the compiler's own, and the
    Model's. `compress` lets dense weights become low-rank or Monarch factors within this relative error
    (an approximation; what became of each is written to standard error). `machine` is the
    description by which forms are chosen, a file or a name; by default what `strut calibrate` measured,
    or the CPU's. `size_budget` says by how much weights may grow where several forms of a layer are
    kept: "20%" (the default), or bytes as "64M". `reduced_precision` rewrites layers of f16 and bf16 as
    those of f32, though combined weights lose bits there. `gpu_arch` names NVIDIA GPUs to add code for ("sm_80",
    which later ones run too, or several such names; "emulate" for the emulator), `no_cpu` leaves out the
    code for the CPU, `precision` is that of a GPU's products of f32 ("tf32", "f16" and "bf16" round
    operands to these), and `device` is the Model's. `emit` stops at a stage: mlir-onnx, mlir-layer,
    mlir-kernel, mlir-gpu, llvm, asm, ptx or cubin.

    Raises CompileError with the compiler's message.
    """
    if emit is not None and output is None:
        raise ValueError(f"emit={emit!r} needs an output to write to")
    rest = {"target": target, "cpu": cpu, "name": name, "threads": threads, "emit": emit}
    rest |= {"gpu_arch": [gpu_arch] if isinstance(gpu_arch, str) else gpu_arch, "no_cpu": no_cpu, "precision": precision}
    rest |= {"compress": compress, "machine": machine, "size_budget": size_budget}
    rest["reduced_precision"] = reduced_precision
    folder = None
    if output is None or not isinstance(model, (str, os.PathLike)):
        folder = tempfile.TemporaryDirectory(prefix="strut-")
    try:
        if not isinstance(model, (str, os.PathLike)):
            content = model if isinstance(model, (bytes, bytearray, memoryview)) else model.SerializeToString()
            model = Path(folder.name) / "model.onnx"
            model.write_bytes(content)
        made = Path(output) if output is not None else Path(folder.name) / "model.so"
        _compile_file(model, made, dims or {}, alias or {}, **rest)
        if output is not None:
            return made
        loaded = Model(made, threads, device=device)
        weakref.finalize(loaded, folder.cleanup)  # a side file of weights lies there
        folder = None
        return loaded
    finally:
        if folder is not None:
            folder.cleanup()
