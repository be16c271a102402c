"""Cases of bench/gpu_prepare.py that show where elements come from: numbers which every format that a
template takes holds exactly, so that a result is right or an element of another place."""

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# Rows, terms, columns of a product: whole tiles and every tail.
SIZES = ((64, 64, 64), (128, 32, 256), (16, 8, 8), (129, 65, 33), (1, 136, 72))
# Steps that blocks share.
SPLIT = (16, 4096, 64)
# The tiles of warpgroups: 64 x 64, 128 x 128, each with tails of rows, columns and steps.
TILES = ((64, 64, 64), (17, 72, 136), (128, 128, 128), (193, 88, 200))
# As many as fill a GPU with tiles of 128 x 256, and tails.
LARGE = (1544, 72, 2056)


@dataclass
class Case:
    name: str
    model: onnx.ModelProto
    inputs: dict[str, np.ndarray]
    exact: bool = False
    peer: str = ""
    """What torch computes of the same (PEERS in gpu_run.py), of a case that is timed."""
    flops: float = 0
    bytes: float = 0
    precision: str = "f32"
    half: str = ""
    """Type of all tensors: f16 or bf16; empty: f32."""
    drawn: bool = False
    """Whether it has no inputs here: large as they are, they are drawn where it runs, and a few rows checked."""
    goal: float = 0
    """Of torch's time over ours."""


HALVES = {"": TensorProto.FLOAT, "f16": TensorProto.FLOAT16, "bf16": TensorProto.BFLOAT16}


def network(nodes, inputs, outputs, constants, half=""):
    """A model of tensors of one type, by their shapes."""

    def infos(shapes):
        return [helper.make_tensor_value_info(n, HALVES[half], list(s)) for n, s in shapes.items()]

    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "check", infos(inputs), infos(outputs), initializers)
    imports = [helper.make_opsetid("", 23), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=10)


def permuted(rng, rows, terms):
    """Rows that pick a term each."""
    x = np.zeros((rows, terms), np.float32)
    x[np.arange(rows), rng.permutation(max(rows, terms))[:rows] % terms] = 1
    return x


def integers(terms, columns):
    return ((np.arange(terms)[:, None] * 7 + np.arange(columns) * 13) % 251 - 125).astype(np.float32)


def layouts(rng, is_large):
    """`is_large`: those too that take an emulator minutes."""
    for rows, terms, columns in (*SIZES, SPLIT):
        node = helper.make_node("MatMul", ["x", "w"], ["y"])
        constants = {"w": integers(terms, columns)}
        model = network([node], {"x": ("M", terms)}, {"y": ("M", columns)}, constants)
        x = permuted(rng, rows, terms)
        yield Case(f"layout {rows}x{terms}x{columns}", model, {"x": x}, exact=True)
    yield from warpgroups(rng, (*TILES, LARGE) if is_large else TILES)
    yield from convolutions(rng)


def warpgroups(rng, sizes):
    """Products of f16 whose operands lie along the steps (k) or across them (w); results by bulk copies or,
    as f32, through shared memory."""
    for rows, terms, columns in sizes:
        for order in ("kk", "kw", "wk", "ww"):
            is_first, is_second = order[0] == "w", order[1] == "k"
            # What lies across the steps has lines of 16 bytes.
            taken = -(-rows // 8) * 8 if is_first else rows
            x, w = permuted(rng, taken, terms), integers(terms, columns)
            inputs = {"x": x.T if is_first else x, "w": w.T if is_second else w}
            inputs = {name: np.ascontiguousarray(value, np.float16) for name, value in inputs.items()}
            node = helper.make_node("Gemm", ["x", "w"], ["y"], transA=int(is_first), transB=int(is_second))
            shapes = {name: value.shape for name, value in inputs.items()}
            name = f"layout f16 {order} {taken}x{terms}x{columns}"
            model = network([node], shapes, {"y": (taken, columns)}, {}, "f16")
            yield Case(name, model, inputs, exact=True, half="f16")
            if order == "kw":
                yield Case(f"{name} to f32", widened(model), inputs, exact=True, half="f16")


def widened(model):
    """The model with its result as f32."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    graph = changed.graph
    graph.node[-1].output[0] = "narrow"
    graph.node.append(helper.make_node("Cast", ["narrow"], ["y"], to=TensorProto.FLOAT))
    graph.output[0].type.tensor_type.elem_type = TensorProto.FLOAT
    return changed


def convolutions(rng):
    """Windows as products, of integers whose sums are exact."""
    for channels, filters, size, stride in ((16, 24, 3, 1), (8, 40, 5, 2), (32, 16, 1, 1)):
        x = rng.integers(-2, 3, (2, channels, 11, 9)).astype(np.float32)
        w = rng.integers(-2, 3, (filters, channels, size, size)).astype(np.float32)
        node = helper.make_node("Conv", ["x", "w"], ["y"], pads=[size // 2] * 4, strides=[stride] * 2)
        shape = ("B", filters, *(-(-extent // stride) for extent in x.shape[2:]))
        model = network([node], {"x": ("B", *x.shape[1:])}, {"y": shape}, {"w": w})
        for precision in ("f32", "tf32", "f16", "bf16"):
            name = f"convolution {channels}x{filters}x{size}x{stride} {precision}"
            yield Case(name, model, {"x": x}, exact=True, precision=precision)
