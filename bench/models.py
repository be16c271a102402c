#!/usr/bin/env python3
"""Small ONNX models with random weights, for benches and tests.

    models.py ffn768x3072 -o ffn.onnx        (models.py --list names them all)
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

GELU_SPELLINGS = ("erf", "erf-mul", "tanh", "op", "op-tanh", "none")


def gelu(x: str, spelling: str, y: str) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """Nodes that compute GELU of `x` into `y`, and the constants they use.

    erf      x * (1 + erf(x / sqrt 2)) * 0.5, as PyTorch's exporter writes it
    erf-mul  0.5 * x * (1 + erf(x * 0.7071)), as other exporters do
    tanh     the tanh approximation in plain ops
    op       Gelu of opset 20;  op-tanh: the same with approximate="tanh"
    """
    if spelling in ("op", "op-tanh"):
        how = "tanh" if spelling == "op-tanh" else "none"
        return [helper.make_node("Gelu", [x], [y], "/act/Gelu", approximate=how)], []
    values = {
        "root": np.sqrt(2.0), "inverse": np.sqrt(0.5), "one": 1.0, "half": 0.5,
        "three": 3.0, "cubic": 0.044715, "scale": np.sqrt(2.0 / np.pi),
    }  # fmt: skip
    steps = {
        "erf": [("Div", x, "root"), ("Erf",), ("Add", None, "one"), ("Mul", x, None), ("Mul", None, "half")],
        "erf-mul": [("Mul", x, "inverse"), ("Erf",), ("Add", "one", None), ("Mul", x, None), ("Mul", "half", None)],
        "tanh": [
            ("Pow", x, "three"), ("Mul", "cubic", None), ("Add", x, None), ("Mul", "scale", None),
            ("Tanh",), ("Add", "one", None), ("Mul", x, None), ("Mul", "half", None),
        ],
    }[spelling]  # fmt: skip
    nodes, constants, value, uses = [], {}, x, {}
    for place, (kind, *operands) in enumerate(steps):
        # None stands for the value of the step before.
        names = [value if operand is None else operand for operand in operands or [None]]
        for index, name in enumerate(names):
            if name in values:
                names[index] = f"/act/{name}"
                constants[name] = numpy_helper.from_array(np.float32(values[name]), f"/act/{name}")
        count = uses.setdefault(kind, 0)
        uses[kind] += 1
        node_name = f"/act/{kind}_{count}" if count else f"/act/{kind}"
        value = y if place == len(steps) - 1 else f"{node_name}_output_0"
        nodes.append(helper.make_node(kind, names, [value], node_name))
    return nodes, list(constants.values())


def contraction(k: int, n: int, act: str = "erf", rows: str | int = "M", seed: int = 0) -> onnx.ModelProto:
    """y[rows, n] = act(x[rows, k] · w + b): MatMul, Add and a GELU in one of its spellings."""
    rng = np.random.default_rng(seed)
    weight = (rng.standard_normal((k, n)) / np.sqrt(k)).astype(np.float32)
    bias = rng.standard_normal(n).astype(np.float32)
    constants = [numpy_helper.from_array(weight, "w"), numpy_helper.from_array(bias, "b")]
    linear = "y" if act == "none" else "linear"
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["product"], "/fc/MatMul"),
        helper.make_node("Add", ["product", "b"], [linear], "/fc/Add"),
    ]
    if act != "none":
        more, used = gelu(linear, act, "y")
        nodes += more
        constants += used
    return model(nodes, [("x", [rows, k])], [("y", [rows, n])], constants, 20 if "op" in act else 17)


def mlp(width: int, inner: int, layers: int = 1, seed: int = 0) -> onnx.ModelProto:
    """`layers` times x = x + fc2(gelu(fc1(x))), rows dynamic."""
    rng = np.random.default_rng(seed)
    nodes, constants, value = [], [], "x"
    for layer in range(layers):
        start = value
        for fc, (k, n) in enumerate([(width, inner), (inner, width)]):
            name = f"/layer.{layer}/fc{fc}"
            weight = (rng.standard_normal((k, n)) / np.sqrt(k)).astype(np.float32)
            bias = rng.standard_normal(n).astype(np.float32)
            constants.append(numpy_helper.from_array(weight, f"{name}.weight"))
            constants.append(numpy_helper.from_array(bias, f"{name}.bias"))
            nodes.append(helper.make_node("MatMul", [value, f"{name}.weight"], [f"{name}/m"], f"{name}/MatMul"))
            nodes.append(helper.make_node("Add", [f"{name}.bias", f"{name}/m"], [f"{name}/a"], f"{name}/Add"))
            value = f"{name}/a"
            if fc == 0:
                nodes.append(helper.make_node("Gelu", [value], [f"{name}/g"], f"{name}/Gelu"))
                value = f"{name}/g"
        result = "y" if layer == layers - 1 else f"/layer.{layer}/out"
        nodes.append(helper.make_node("Add", [value, start], [result], f"/layer.{layer}/Add"))
        value = result
    return model(nodes, [("x", ["M", width])], [("y", ["M", width])], constants, 20)


def single(kind: str = "Relu", size: int = 4) -> onnx.ModelProto:
    """One unary op on a tiny tensor: what is timed is the call itself."""
    node = helper.make_node(kind, ["x"], ["y"], f"/{kind}")
    return model([node], [("x", [size])], [("y", [size])], [], 17)


def model(nodes, inputs, outputs, constants, opset: int) -> onnx.ModelProto:
    """A checked model with float32 inputs and outputs given as (name, dims)."""

    def info(named):
        return [helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name, dims in named]

    made = helper.make_model(
        helper.make_graph(nodes, "main_graph", info(inputs), info(outputs), constants),
        producer_name="strut-bench",
        opset_imports=[helper.make_opsetid("", opset)],
        ir_version=8 if opset < 20 else 9,
    )
    onnx.checker.check_model(made, full_check=True)
    return made


TRANSFORMER_SIZES = [(768, 3072), (3072, 768), (768, 768), (4096, 1024)]
NAMED = {
    **{f"ffn{k}x{n}": lambda k=k, n=n: contraction(k, n) for k, n in TRANSFORMER_SIZES},
    **{f"gelu-{act}": lambda act=act: contraction(96, 160, act) for act in GELU_SPELLINGS},
    "mlp": lambda: mlp(256, 1024, 3),
    "relu": lambda: single("Relu"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", nargs="?", choices=sorted(NAMED))
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args()
    if arguments.list or not arguments.name:
        print("\n".join(sorted(NAMED)))
        return 0
    onnx.save(NAMED[arguments.name](), arguments.output or Path(f"{arguments.name}.onnx"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
