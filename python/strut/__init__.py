"""Strut: neural networks as native libraries.

    model = strut.compile("model.onnx")      # or strut.load("model.so")
    y = model(x)

Loading and running need no compiler; `compile` loads it (libStrut) when it is first called.
"""

from .model import Model, TensorInfo, load
from ._compiler import CompileError, compile, explain

__all__ = ["CompileError", "Model", "TensorInfo", "compile", "explain", "load"]
