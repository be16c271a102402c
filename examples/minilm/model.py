"""The sentence encoder ready to use: exported, compiled, and cached."""

from pathlib import Path

import onnx

from examples import cache
from examples.minilm import export, weights


def onnx_file() -> tuple[Path, float]:
    """MiniLM-L6 as ONNX in the cache, and the seconds the export took (0 when found)."""
    sources = [Path(export.__file__), weights.folder() / "config.json"]
    sources.append(weights.folder() / "model.safetensors")

    def make(path: Path) -> None:
        onnx.save(export.build(weights.tensors(), weights.config()), path)

    return cache.exported("minilm", sources, make)


def library() -> tuple[Path, Path, float, float]:
    """The ONNX file, the compiled library, and the seconds spent on each (0 when found)."""
    model, export_seconds = onnx_file()
    compiled, compile_seconds = cache.compiled(model)
    return model, compiled, export_seconds, compile_seconds
