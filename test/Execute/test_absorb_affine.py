"""Constant factors and addends beside linear maps: that they are absorbed, and that the
results stay."""

import numpy as np
import pytest
from onnx.reference import ReferenceEvaluator

from Execute.graphs import Graph


def norm_linear_norm(rng):
    """BatchNorm1d in channels-first order on both sides of a Linear, then LayerScale."""
    graph = Graph(rng, ["n", "s", 19])
    graph.then("Transpose", perm=[0, 2, 1])
    graph.normalise(19)
    graph.then("Transpose", perm=[0, 2, 1])
    graph.then("MatMul", graph.constant((19, 33)))
    graph.then("Add", graph.constant(33), first=False)
    graph.then("Transpose", perm=[0, 2, 1])
    graph.normalise(33)
    graph.then("Transpose", perm=[0, 2, 1])
    graph.then("Mul", graph.constant(33, magnitude=1e-4), first=False)
    return graph


def scalar_chain(rng):
    graph = Graph(rng, ["n", 7])
    graph.then("Mul", graph.constant(()))
    graph.then("Add", graph.constant((1,)))
    graph.then("Div", graph.constant((1, 1), low=0.5))
    graph.then("MatMul", graph.constant((7, 12)))
    graph.then("Reshape", graph.integers(-1, 3, 4))
    graph.rank = 3
    graph.then("Sub", graph.constant(()), first=False)
    graph.then("Neg")
    graph.then("Div", graph.constant((), low=0.5))
    return graph


def convolutions(rng):
    """Normalised images through a padded, a depthwise and a grouped Conv."""
    graph = Graph(rng, ["n", 6, "h", "w"])
    graph.then("Mul", graph.constant((6, 1, 1)))
    graph.then("Conv", graph.constant((8, 6, 3, 3)), pads=[1, 1, 1, 1])
    graph.normalise(8)
    graph.then("Conv", graph.constant((8, 1, 3, 3)), graph.constant(8), group=8, strides=[2, 2])
    graph.normalise(8)
    graph.then("Relu")
    graph.normalise(8)
    graph.then("Conv", graph.constant((12, 4, 1, 1)), group=2)
    graph.then("Add", graph.constant((1, 12, 1, 1)))
    return graph


def transposed(rng):
    graph = Graph(rng, ["n", 6, "h", "w"])
    graph.then("Mul", graph.constant((6, 1, 1)))
    graph.then("ConvTranspose", graph.constant((6, 8, 3, 2)), graph.constant(8), strides=[2, 1])
    graph.normalise(8)
    return graph


FAMILIES = {
    norm_linear_norm: ([(2, 5, 19), (1, 1, 19), (3, 64, 19), (0, 4, 19)], ["BatchNormalization", "Mul", "Transpose"]),
    scalar_chain: ([(5, 7), (1, 7), (0, 7), (67, 7)], ["Mul", "Add", "Div", "Sub", "Neg"]),
    convolutions: ([(2, 6, 9, 8), (1, 6, 5, 13)], ["BatchNormalization", "Mul", "Add"]),
    transposed: ([(2, 6, 4, 5), (1, 6, 1, 1)], ["BatchNormalization", "Mul"]),
}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_neighbours_are_absorbed(family, rng, compile_model, strut_run, tmp_path, assert_close):
    import strut

    shapes, gone = FAMILIES[family]
    graph = family(rng)
    model = strut.load(str(compile_model(graph.model(np.float32))), threads=2)
    strut_run("compile", tmp_path / "model.onnx", "--emit", "mlir-layer", "-o", tmp_path / "layer.mlir")
    layer = (tmp_path / "layer.mlir").read_text()
    assert not [name for name in gone if f"onnx.{name}(" in layer], layer
    exact = ReferenceEvaluator(graph.model(np.float64))
    for shape in shapes:
        x = rng.standard_normal(shape, np.float32)
        # The reference refuses to reshape nothing: it computes one row, which is cut off.
        rows = np.float64(x if x.size else np.ones((1, *shape[1:])))
        assert_close(model.run({"x": x})["y"], exact.run(None, {"x": rows})[0][: len(x)])
