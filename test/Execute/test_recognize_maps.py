"""Linear maps of features in the spellings of exporters: each is recognised, and right."""

import re

import numpy as np
import pytest

from mutations import MUTATIONS, Graph, mutated

DYNAMIC, STATIC = ("b", "s"), (2, 5)


class Map:
    """A model of x0 [b, s, k], and the matrix and bias that it applies, in float64."""

    def __init__(self, graph, output, matrix, bias, form):
        self.model, self.form = graph.model(**{output: 3}), form
        self.matrix, self.bias = matrix, bias

    def exact(self, x):
        return np.float64(x) @ self.matrix + self.bias


def draw(rng, *shape):
    return np.float32(rng.standard_normal(shape) / np.sqrt(shape[-1]))


def lead(graph, tokens):
    """The token axes as the operands of a Concat that gives a shape."""
    if tokens == STATIC:
        return [graph.constant(np.array([size])) for size in tokens]
    return [graph.node("Shape", "x0", start=i, end=i + 1) for i in range(len(tokens))]


def reshaped(graph, value, tokens, *features):
    shape = graph.node("Concat", *lead(graph, tokens), np.array(features), axis=0)
    return graph.node("Reshape", value, shape)


def shuffle_matrix(w1, w2):
    """w1 [nb, q, p], w2 [l, s, r]: y[s L + l] = sum_r w2[l, s, r] z[r L + l]."""
    (nb, q, p), (count, s, r) = w1.shape, w2.shape
    matrix = np.zeros((nb * p, count * s))
    for block in range(nb):
        for row in range(q):
            middle = block * q + row
            for out in range(s):
                matrix[block * p : (block + 1) * p, out * count + middle % count] += (
                    np.float64(w1[block, row]) * np.float64(w2[middle % count, out, middle // count])
                )
    return matrix


def block_shuffle(how):
    def make(rng, tokens, k=12, n=18, nb=3):
        q = min(k, n) // nb
        w1, w2, bias = draw(rng, nb, q, k // nb), draw(rng, nb, n // nb, q), draw(rng, n)
        graph = Graph([(*tokens, k)])
        if how == "einsum":
            z = reshaped(graph, "x0", tokens, nb, k // nb)
            z = graph.node("Einsum", w1, z, equation="kqp,bskp->bskq")
            z = graph.node("Transpose", reshaped(graph, z, tokens, q, nb), perm=[0, 1, 3, 2])
            y = graph.node("Einsum", w2, z, equation="ltr,bslr->bstl")
        else:
            z = graph.node("Reshape", "x0", np.array([-1, nb, k // nb]))
            z = graph.node("Transpose", z, perm=[1, 0, 2])
            z = graph.node("MatMul", z, w1.transpose(0, 2, 1))
            z = graph.node("Transpose", z, perm=[1, 0, 2])
            z = graph.node("Reshape", z, np.array([-1, q, nb]))
            z = graph.node("Transpose", z, perm=[2, 0, 1])
            y = graph.node("MatMul", z, w2.transpose(0, 2, 1))
            y = graph.node("Transpose", y, perm=[1, 2, 0])
        y = graph.node("Add", reshaped(graph, y, tokens, n), bias)
        return Map(graph, y, shuffle_matrix(w1, w2), bias, "blockshuffle")

    return make


def block_dense(rng, tokens, k=8, n=32, rank=6, nb=2):
    w, u, bias = draw(rng, nb, rank // nb, k // nb), draw(rng, rank, n), draw(rng, n)
    graph = Graph([(*tokens, k)])
    z = graph.node("Reshape", "x0", np.array([-1, nb, k // nb]))
    z = graph.node("MatMul", graph.node("Transpose", z, perm=[1, 0, 2]), w.transpose(0, 2, 1))
    z = reshaped(graph, graph.node("Transpose", z, perm=[1, 0, 2]), tokens, rank)
    y = graph.node("Add", bias, graph.node("MatMul", z, u))
    matrix = np.zeros((k, rank))
    for block in range(nb):
        rows, columns = k // nb, rank // nb
        matrix[block * rows :, block * columns :][:rows, :columns] = w[block].T
    return Map(graph, y, matrix @ np.float64(u), bias, "blockdense")


def low_rank(how):
    def make(rng, tokens, k=24, n=40, rank=6):
        v, u, bias = draw(rng, k, rank), draw(rng, rank, n), draw(rng, n)
        graph = Graph([(*tokens, k)])
        if how == "linear":
            y = graph.node("MatMul", graph.node("MatMul", "x0", v), u)
        else:
            z = graph.node("Reshape", "x0", np.array([-1, k]))
            z = graph.node("Gemm", z, v.T, transB=1, beta=0.0)
            z = graph.node("Gemm", z, u.T, transB=1, beta=0.0)
            y = reshaped(graph, z, tokens, n)
        return Map(graph, graph.node("Add", bias, y), np.float64(v) @ np.float64(u), bias, "lowrank")

    return make


def einsum_of_groups(rng, tokens, k=24, n=20, groups=3, rank=2):
    a, b = draw(rng, groups, rank, k), draw(rng, groups, n, rank)
    graph = Graph([(*tokens, k)])
    z = graph.node("Einsum", "x0", a, equation="...d,erd->...er")
    y = graph.node("Einsum", z, b, equation="...er,eor->...o")
    matrix = np.einsum("erd,eor->do", np.float64(a), np.float64(b))
    return Map(graph, y, matrix, np.zeros(n), "lowrank")


def convolutions(rng, tokens, k=8, hidden=6, n=20):
    """Two of one tap on transposed tokens, the first in two groups."""
    w1, w2, shift = draw(rng, hidden, k // 2, 1), draw(rng, n, hidden, 1), draw(rng, hidden)
    graph = Graph([(*tokens, k)])
    z = graph.node("Transpose", "x0", perm=[0, 2, 1])
    z = graph.node("Conv", z, w1, shift, group=2, kernel_shape=[1])
    y = graph.node("Transpose", graph.node("Conv", z, w2, kernel_shape=[1]), perm=[0, 2, 1])
    first = np.zeros((k, hidden))
    first[: k // 2, : hidden // 2] = w1[: hidden // 2, :, 0].T
    first[k // 2 :, hidden // 2 :] = w1[hidden // 2 :, :, 0].T
    second = np.float64(w2[:, :, 0]).T
    return Map(graph, y, first @ second, np.float64(shift) @ second, "blockdense")


def chunks(rng, tokens, count=3, rows=8, columns=2, n=20):
    """A layer for each chunk of the features, then one of all."""
    weights, biases = draw(rng, count, rows, columns), draw(rng, count, columns)
    last = draw(rng, count * columns, n)
    graph = Graph([(*tokens, count * rows)])
    parts = graph.split("x0", count, axis=-1)
    parts = [graph.node("MatMul", part, weight) for part, weight in zip(parts, weights)]
    parts = [graph.node("Add", part, bias) for part, bias in zip(parts, biases)]
    y = graph.node("MatMul", graph.node("Concat", *parts, axis=2), last)
    matrix = np.zeros((count * rows, count * columns))
    for block, weight in enumerate(weights):
        matrix[block * rows :, block * columns :][:rows, :columns] = weight
    last = np.float64(last)
    return Map(graph, y, matrix @ last, np.float64(biases).reshape(-1) @ last, "blockdense")


def beside(rng, tokens, k=24, widths=(2, 5, 3), n=30):
    """Layers of several widths beside each other, of which some have biases, then one of all."""
    weights, last = [draw(rng, k, width) for width in widths], draw(rng, sum(widths), n)
    graph = Graph([(*tokens, k)])
    parts, biases = [], []
    for number, weight in enumerate(weights):
        parts.append(graph.node("MatMul", "x0", weight))
        biases.append(np.zeros(weight.shape[1]))
        if number % 2:
            biases[-1] = draw(rng, weight.shape[1])
            parts[-1] = graph.node("Add", parts[-1], biases[-1])
    y = graph.node("MatMul", graph.node("Concat", *parts, axis=-1), last)
    last = np.float64(last)
    return Map(graph, y, np.concatenate(weights, 1) @ last, np.concatenate(biases) @ last, "lowrank")


def pad(graph, value, before, after, **attributes):
    """Zeros, or what `attributes` say, before and behind the last of three axes."""
    return graph.node("Pad", value, np.array([0, 0, before, 0, 0, after]), **attributes)


def padded_low_rank(rng, tokens, k=20, n=30, rank=4):
    """Zeros beside the features, and behind those between the layers, as a width that is rounded up."""
    v, u, between, bias = draw(rng, k + 4, rank), draw(rng, rank + 3, n), draw(rng, rank), draw(rng, n)
    graph = Graph([(*tokens, k)])
    z = graph.node("Add", graph.node("MatMul", pad(graph, "x0", 1, 3), v), between)
    y = graph.node("Add", graph.node("MatMul", pad(graph, z, 0, 3), u), bias)
    v, u = np.float64(v)[1:-3], np.float64(u)[:rank]
    return Map(graph, y, v @ u, between @ u + bias, "lowrank")


def padded_shuffle(rng, tokens, k=10, n=11, nb=3, q=4):
    """A Monarch map of features that the number of blocks does not divide."""
    w1, w2 = draw(rng, nb, q, q), draw(rng, nb, q, q)
    graph = Graph([(*tokens, k)])
    z = reshaped(graph, pad(graph, "x0", 0, nb * q - k), tokens, nb, q)
    z = graph.node("Einsum", w1, z, equation="kqp,bskp->bskq")
    z = graph.node("Transpose", reshaped(graph, z, tokens, q, nb), perm=[0, 1, 3, 2])
    y = reshaped(graph, graph.node("Einsum", w2, z, equation="ltr,bslr->bstl"), tokens, nb * q)
    y = graph.node("Slice", y, np.array([0]), np.array([n]), np.array([2]))
    return Map(graph, y, shuffle_matrix(w1, w2)[:k, :n], np.zeros(n), "blockshuffle")


def reflected(rng, tokens, k=12, rank=3, n=20):
    """Features of a window that is reflected, and cut on the other side."""
    v, u = draw(rng, k, rank), draw(rng, rank, n)
    graph = Graph([(*tokens, k)])
    z = graph.node("MatMul", pad(graph, pad(graph, "x0", 2, 0, mode="reflect"), 0, -2), v)
    matrix = np.zeros((k, rank))
    for place, source in enumerate([2, 1, *range(k - 2)]):
        matrix[source] += v[place]
    return Map(graph, graph.node("MatMul", z, u), matrix @ np.float64(u), np.zeros(n), "lowrank")


def beside_constants(rng, tokens, k=12, rank=3, n=20):
    """Halves exchanged, one of them turned around, before a 1 for the bias; then a constant between."""
    v, u, constant = draw(rng, k + 1, rank), draw(rng, rank + 2, n), draw(rng, 1, 1, 2)
    graph = Graph([(*tokens, k)])

    def repeated(values):
        shape = graph.node("Concat", *lead(graph, tokens), np.array([values.shape[-1]]), axis=0)
        return graph.node("Expand", np.float32(values), shape)

    first, second = graph.split("x0", 2, axis=-1)
    z = graph.node("Concat", graph.node("Neg", second), first, repeated(np.ones((1, 1, 1))), axis=-1)
    z = graph.node("Concat", repeated(constant), graph.node("MatMul", z, v), axis=2)
    half, u = k // 2, np.float64(u)
    matrix = np.concatenate([v[half:k], -np.float64(v[:half])]) @ u[2:]
    bias = v[k] @ u[2:] + constant[0, 0] @ u[:2]
    return Map(graph, graph.node("MatMul", z, u.astype(np.float32)), matrix, bias, "lowrank")


def stepped(rng, tokens, k=12, rank=5, n=20):
    """Every second feature from the last on, then all of a middle backwards but the last two."""
    v, u, bias = draw(rng, k // 2, rank), draw(rng, rank - 2, n), draw(rng, n)
    graph = Graph([(*tokens, k)])
    step = graph.node("Slice", "x0", np.array([-1]), np.array([-k - 1]), np.array([-1]), np.array([-2]))
    z = graph.node("MatMul", step, v)
    z = graph.node("Slice", z, np.array([rank]), np.array([1]), np.array([2]), np.array([-1]))
    matrix = np.zeros((k, rank))
    matrix[::-2] = v
    y = graph.node("Add", graph.node("MatMul", z, u), bias)
    return Map(graph, y, matrix[:, :1:-1] @ np.float64(u), bias, "lowrank")


def butterfly(how):
    """Stages of 2 x 2 maps of features that lie 1, 2, 4, ... apart, each with weights of its own."""

    def make(rng, tokens, stages=4):
        n = 2**stages
        graph, matrix, y = Graph([(*tokens, n)]), np.eye(n), "x0"
        for stage in range(stages):
            apart = 2**stage
            pairs = draw(rng, n // (2 * apart), apart, 2, 2)  # block, place, out, in
            matrix = np.einsum("ksoi,bkis->bkos", np.float64(pairs), matrix.reshape(n, -1, 2, apart)).reshape(n, n)
            if how == "sum":
                y = reshaped(graph, y, tokens, n // (2 * apart), 1, 2, apart)
                y = graph.node("Mul", pairs.transpose(0, 2, 3, 1), y)
                y = graph.node("ReduceSum", y, np.array([-2]), keepdims=stage % 2)
            elif how == "einsum":
                y = reshaped(graph, y, tokens, n // (2 * apart), 2, apart)
                y = graph.node("Einsum", pairs, y, equation="ksoi,...kis->...kos")
            else:
                y = graph.node("Reshape", y, np.array([-1, n // (2 * apart), 2, apart]))
                y = graph.node("Reshape", graph.node("Transpose", y, perm=[1, 3, 0, 2]), np.array([n // 2, -1, 2]))
                y = graph.node("MatMul", y, pairs.reshape(-1, 2, 2).transpose(0, 2, 1))
                y = graph.node("Reshape", y, np.array([n // (2 * apart), apart, -1, 2]))
                y = graph.node("Transpose", y, perm=[2, 0, 3, 1])
            y = reshaped(graph, y, tokens, n)
        return Map(graph, y, matrix, np.zeros(n), "chain")

    return make


SPELLINGS = {
    "shuffle_bmm": block_shuffle("bmm"),
    "shuffle_bmm_down": lambda rng, tokens: block_shuffle("bmm")(rng, tokens, 32, 8, 4),
    "shuffle_bmm_square": lambda rng, tokens: block_shuffle("bmm")(rng, tokens, 12, 12, 3),
    "shuffle_einsum": block_shuffle("einsum"),
    "shuffle_einsum_up": lambda rng, tokens: block_shuffle("einsum")(rng, tokens, 8, 32, 2),
    "dense_blocks": block_dense,
    "low_rank": low_rank("linear"),
    "low_rank_mm": low_rank("mm"),
    "groups": einsum_of_groups,
    "convolutions": convolutions,
    "chunks": chunks,
    "beside": beside,
    "padded_low_rank": padded_low_rank,
    "padded_shuffle": padded_shuffle,
    "reflected": reflected,
    "beside_constants": beside_constants,
    "stepped": stepped,
    "butterfly_sum": butterfly("sum"),
    "butterfly_einsum": butterfly("einsum"),
    "butterfly_bmm": butterfly("bmm"),
    # Above the size to which exporters fold constants.
    "large_shuffle": lambda rng, tokens: block_shuffle("bmm")(rng, tokens, 192, 384, 2),
}


def forms(strut_run, tmp_path, flags):
    """What the maps of tmp_path/model.onnx are called, and the layer stage."""
    layer = tmp_path / "layer.mlir"
    strut_run("compile", tmp_path / "model.onnx", "--emit", "mlir-layer", "-o", layer, *flags)
    text = layer.read_text()
    return re.findall(r'layer\.form = "(\w+)"', text), text


def check(made, compile_model, strut_run, flags, tmp_path, rng, assert_close):
    import strut

    library = strut.load(str(compile_model(made.model, *flags)), threads=2)
    found, text = forms(strut_run, tmp_path, flags)
    assert found == [made.form]
    for operator in ("Reshape", "Einsum", "MatMul", "Conv", "Gemm", "ReduceSum"):
        assert f"onnx.{operator}" not in text
    is_static = made.model.graph.input[0].type.tensor_type.shape.dim[0].HasField("dim_value")
    for sizes in [STATIC] if is_static else [STATIC, (1, 1), (3, 0), (1, 37)]:
        for magnitude in (1e-4, 1.0, 1e4):
            x = np.float32(magnitude * rng.standard_normal((*sizes, made.matrix.shape[0])))
            (actual,) = library.run({"x0": x}).values()
            assert_close(actual, made.exact(x), what=f"{sizes} times {magnitude}")


@pytest.mark.parametrize("tokens", [DYNAMIC, STATIC], ids=["dynamic", "static"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_spelling(spelling, tokens, compile_model, strut_run, fewest_flops, tmp_path, rng, assert_close):
    made = SPELLINGS[spelling](rng, tokens)
    check(made, compile_model, strut_run, fewest_flops, tmp_path, rng, assert_close)


@pytest.mark.parametrize("mutation", MUTATIONS)
@pytest.mark.parametrize("spelling", ["shuffle_bmm", "shuffle_einsum", "dense_blocks", "low_rank_mm", "beside_constants"])
def test_mutated(spelling, mutation, compile_model, strut_run, fewest_flops, tmp_path, rng, assert_close):
    made = SPELLINGS[spelling](rng, DYNAMIC)
    made.model = mutated(made.model, mutation, rng)
    check(made, compile_model, strut_run, fewest_flops, tmp_path, rng, assert_close)


def pointwise_convolution(graph, value, weight, bias=None, group=1):
    """One tap of weight [outputs, inputs]."""
    constants = [weight[:, :, None, None], *([] if bias is None else [bias])]
    return graph.node("Conv", value, *constants, kernel_shape=[1, 1], group=group)


def image_low_rank(rng, graph, k):
    v, u, bias = draw(rng, 3, k), draw(rng, 11, 3), draw(rng, 11)
    y = pointwise_convolution(graph, pointwise_convolution(graph, "x0", v), u, bias)
    return y, (np.float64(u) @ v).T, bias, "lowrank"


def image_lora(rng, graph, k):
    """W x + s B A x; merged, it is one layer."""
    w, a, b, scale = draw(rng, 9, k), draw(rng, 2, k), draw(rng, 9, 2), np.float32(0.5)
    update = pointwise_convolution(graph, pointwise_convolution(graph, "x0", a), b)
    y = graph.node("Add", graph.node("Mul", update, scale), pointwise_convolution(graph, "x0", w))
    return y, (np.float64(w) + 0.5 * np.float64(b) @ a).T, np.zeros(9), "dense"


def image_shuffle(rng, graph, k, groups=3):
    """Convolutions in groups, normalised, with a shuffle of channels between."""
    v, u = draw(rng, k, k // groups), draw(rng, 2 * k, k // groups)
    scale, shift, mean, variance = (draw(rng, k) for _ in range(4))
    z = pointwise_convolution(graph, "x0", v, group=groups)
    z = graph.node("BatchNormalization", z, scale, shift, mean, variance**2, epsilon=1e-3)
    z = graph.node("Reshape", z, np.array([0, groups, k // groups, 5, 7]))
    z = graph.node("Reshape", graph.node("Transpose", z, perm=[0, 2, 1, 3, 4]), np.array([0, k, 5, 7]))
    y = pointwise_convolution(graph, z, u, group=groups)

    def blocks(weight):
        matrix = np.zeros((k, len(weight)))
        rows, columns = k // groups, len(weight) // groups
        for block in range(groups):
            matrix[block * rows :, block * columns :][:rows, :columns] = weight[block * columns :][:columns].T
        return matrix

    factor = np.float64(scale) / np.sqrt(np.float64(variance**2) + 1e-3)
    order = np.arange(k).reshape(groups, k // groups).T.reshape(-1)
    last = blocks(u)
    bias = (shift - mean * factor)[order] @ last
    return y, (blocks(v) * factor)[:, order] @ last, bias, "blockshuffle"


def image_residual(rng, graph, k):
    """x + B A x, with the image itself as a term."""
    a, b = draw(rng, 2, k), draw(rng, k, 2)
    y = graph.node("Add", "x0", pointwise_convolution(graph, pointwise_convolution(graph, "x0", a), b))
    return y, np.eye(k) + (np.float64(b) @ a).T, np.zeros(k), "sum"


@pytest.mark.parametrize("spelling", [image_low_rank, image_lora, image_shuffle, image_residual])
@pytest.mark.parametrize("mutation", [None, "all"])
def test_channels(
    spelling, mutation, compile_model, strut_run, fewest_flops, tmp_path, rng, assert_close
):
    """Maps of the channels of an image."""
    import strut

    k = 12
    graph = Graph([("n", k, 5, 7)])
    output, matrix, bias, form = spelling(rng, graph, k)
    model = graph.model(**{output: 4})
    if mutation:
        model = mutated(model, mutation, rng)
    library = strut.load(str(compile_model(model, *fewest_flops)), threads=2)
    found, text = forms(strut_run, tmp_path, fewest_flops)
    assert found == [form] and "onnx.Conv" not in text and "onnx.BatchNormalization" not in text
    for images, magnitude in [(2, 1.0), (0, 1.0), (1, 1e-4), (3, 1e4)]:
        x = np.float32(magnitude * rng.standard_normal((images, k, 5, 7)))
        (actual,) = library.run({"x0": x}).values()
        exact = np.einsum("nkhw,ko->nohw", np.float64(x), matrix) + np.float64(bias)[:, None, None]
        assert_close(actual, exact, what=f"{images} images times {magnitude}")
