"""Element types of less than a byte, by ml_dtypes' names, and models of nodes on any type."""

import ml_dtypes
import numpy as np
from onnx import helper, numpy_helper

FLOATS = (
    "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float6_e2m3fn", "float6_e3m2fn",
    "float4_e2m1fn",
)  # fmt: skip
INTEGERS = ("int4", "uint4", "int2", "uint2")
BITS = {"float8": 8, "float6": 6, "float4": 4, "int4": 4, "uint4": 4, "int2": 2, "uint2": 2}


def dtype_of(name):
    return np.dtype(getattr(ml_dtypes, name, None) or name)


def tensor_type(name):
    return helper.np_dtype_to_tensor_dtype(dtype_of(name))


def values_of(name):
    """Every element that the type has."""
    codes = np.arange(2 ** BITS[name.split("_")[0]], dtype=np.uint8)
    return codes.view(dtype_of(name))


def cast(x, dtype):
    with np.errstate(all="ignore"):
        return x.astype(dtype_of(dtype))


def model_of(nodes, inputs, outputs, constants=()):
    """A model; inputs and outputs are (name, type, shape)."""

    def value(name, dtype, shape):
        return helper.make_tensor_value_info(name, tensor_type(dtype), shape)

    graph = helper.make_graph(
        nodes, "graph", [value(*entry) for entry in inputs], [value(*entry) for entry in outputs],
        [numpy_helper.from_array(array, name) for name, array in constants],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 28)], ir_version=14)
