"""Strut as an ONNX backend (onnx.backend.base).

    import strut.backend
    strut.backend.prepare(onnx.load("model.onnx")).run([x])
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx.backend.base import Backend, BackendRep, Device, DeviceType, namedtupledict

from ._compiler import compile
from .model import Model


class StrutBackendRep(BackendRep):
    """A compiled model."""

    def __init__(self, model: Model):
        self.model = model

    def run(self, inputs: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Computes all outputs. `inputs`: arrays in the model's order, or by name."""
        if isinstance(inputs, dict):
            feed = inputs
        else:
            values = inputs if isinstance(inputs, (list, tuple)) else [inputs]
            if len(values) != len(self.model.inputs):
                raise ValueError(f"{len(values)} inputs are given; {self.model!r}")
            feed = {info.name: value for info, value in zip(self.model.inputs, values)}
        outputs = self.model.run(feed)
        return namedtupledict("Outputs", list(outputs))(*outputs.values())


class StrutBackend(Backend):
    """Compiles for the host's CPU."""

    @classmethod
    def is_compatible(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> bool:
        return cls.supports_device(device)

    @classmethod
    def prepare(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> StrutBackendRep:
        """Compiles `model`; keyword arguments are those of strut.compile."""
        if not cls.supports_device(device):
            raise ValueError(f"Strut runs on the CPU, not on {device!r}")
        super().prepare(model, device, **kwargs)
        return StrutBackendRep(compile(model, **kwargs))

    @classmethod
    def run_model(cls, model: onnx.ModelProto, inputs: Any, device: str = "CPU", **kwargs: Any) -> tuple[Any, ...]:
        return cls.prepare(model, device, **kwargs).run(inputs)

    @classmethod
    def run_node(
        cls,
        node: onnx.NodeProto,
        inputs: Any,
        device: str = "CPU",
        outputs_info: Sequence[tuple[np.dtype, tuple[int, ...]]] | None = None,
        **kwargs: Any,
    ) -> tuple[Any, ...]:
        """Runs one operator on arrays; its outputs' types come from the standard's inference."""
        names = [name for name in node.input if name]
        arrays = [np.asarray(array) for array in inputs]
        values = [
            onnx.helper.make_tensor_value_info(
                name, onnx.helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
            )
            for name, array in zip(names, arrays, strict=True)
        ]
        outputs = [onnx.ValueInfoProto(name=name) for name in node.output if name]
        graph = onnx.helper.make_graph([node], "node", values, outputs)
        opset = kwargs.pop("opset_version", onnx.defs.onnx_opset_version())
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)])
        return cls.run_model(onnx.shape_inference.infer_shapes(model), arrays, device, **kwargs)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        return Device(device).type == DeviceType.CPU


is_compatible = StrutBackend.is_compatible
prepare = StrutBackend.prepare
run_model = StrutBackend.run_model
run_node = StrutBackend.run_node
supports_device = StrutBackend.supports_device
