"""Sums of linear maps of one input and orders of features: what fires, and that results stay."""

import re

import numpy as np
import pytest

from mutations import MUTATIONS, Graph, mutated

ROUNDS = 3


class Sum:
    """Maps of x0 [n, k] to m values, added in random order, and what they are in float64."""

    def __init__(self, rng, k, m, magnitude=1.0):
        self.rng, self.k, self.m = rng, k, m
        self.graph, self.terms = Graph([("n", k)]), []
        self.matrix, self.bias = np.zeros((k, m)), np.zeros(m)
        self.magnitude = magnitude

    def draw(self, *shape):
        return np.float32(self.magnitude * self.rng.standard_normal(shape) / np.sqrt(shape[-1]))

    def add(self, value, matrix, bias=0.0):
        self.terms.append(value)
        self.matrix += matrix
        self.bias += bias

    def dense(self, factor=None):
        weight, bias = self.draw(self.k, self.m), self.draw(self.m)
        value = self.graph.node("Add", self.graph.node("MatMul", "x0", weight), bias)
        scale = 1.0
        if factor is not None:
            value, scale = self.graph.node("Mul", value, np.float32(factor)), np.float64(np.float32(factor))
        self.add(value, np.float64(weight) * scale, np.float64(bias) * scale)

    def low_rank(self, rank, scale):
        down, up = self.draw(self.k, rank), self.draw(rank, self.m)
        value = self.graph.node("MatMul", self.graph.node("MatMul", "x0", down), up)
        value = self.graph.node("Mul", np.float32(scale), value)
        self.add(value, np.float64(down) @ np.float64(up) * np.float64(np.float32(scale)))

    def blocks(self, count):
        """A block-diagonal map as Einsum between reshapes."""
        rows, columns = self.k // count, self.m // count
        weight = self.draw(count, rows, columns)
        value = self.graph.node("Reshape", "x0", np.array([-1, count, rows]))
        value = self.graph.node("Einsum", weight, value, equation="kpq,nkp->nkq")
        matrix = np.zeros((self.k, self.m))
        for block in range(count):
            matrix[block * rows :, block * columns :][:rows, :columns] = weight[block]
        self.add(self.graph.node("Reshape", value, np.array([-1, self.m])), matrix)

    def itself(self):
        self.add("x0", np.eye(self.k))

    def model(self):
        order = self.rng.permutation(len(self.terms))
        total = self.terms[order[0]]
        for index in order[1:]:
            pair = [total, self.terms[index]]
            total = self.graph.node("Add", *(pair if self.rng.random() < 0.5 else pair[::-1]))
        return self.graph.model(**{total: 2})


def lora(rng):
    made = Sum(rng, int(rng.integers(5, 90)), int(rng.integers(5, 90)))
    made.dense()
    made.low_rank(int(rng.integers(1, 5)), 16 / 4)
    return made, 1


def several_updates(rng):
    made = Sum(rng, int(rng.integers(5, 60)), int(rng.integers(5, 60)), 1e4)
    made.dense()
    for _ in range(3):
        made.low_rank(2, 1e-4)
    return made, 1


def parallel_layers(rng):
    size = int(rng.integers(2, 40)) * 2
    made = Sum(rng, size, size, 1e-4)
    made.dense()
    made.dense()
    made.blocks(2)
    made.itself()
    return made, 1


def dead_guide(rng):
    made = Sum(rng, 48, 56)
    made.dense(0.0)
    made.low_rank(4, 1.0)
    return made, 2


def unfinished_guide(rng):
    made = Sum(rng, 48, 56)
    made.dense(0.25)
    made.low_rank(4, 0.75)
    return made, 1


def adapters(rng):
    """Low-rank updates without what they update."""
    made = Sum(rng, int(rng.integers(40, 90)), int(rng.integers(40, 90)), 10.0 ** rng.integers(-4, 5))
    for _ in range(3):
        made.low_rank(int(rng.integers(1, 5)), 0.5)
    return made


FAMILIES = [lora, several_updates, parallel_layers, dead_guide, unfinished_guide]


def layers(strut_run, tmp_path, *flags):
    """How many layers the compiled tmp_path/model.onnx has, and its layer stage."""
    layer = tmp_path / "layer.mlir"
    strut_run("compile", tmp_path / "model.onnx", "--emit", "mlir-layer", "-o", layer, *flags)
    text = (tmp_path / "layer.mlir").read_text()
    return len(re.findall(r"= layer\.\w*linear", text)), text


def check(made, model, expected, compile_model, strut_run, tmp_path, assert_close, *flags):
    import strut

    library = strut.load(str(compile_model(model, *flags)), threads=2)
    count, text = layers(strut_run, tmp_path, *flags)
    assert count == expected and '"merge-sums"' in text
    for rows in (0, 1, 7, 33):
        x = np.float32(made.rng.standard_normal((rows, made.k)))
        (actual,) = library.run({"x0": x}).values()
        assert_close(actual, np.float64(x) @ made.matrix + made.bias, what=f"{rows} rows")


@pytest.mark.parametrize("family", FAMILIES)
def test_terms_become_one(family, rng, compile_model, strut_run, tmp_path, assert_close):
    for _ in range(ROUNDS):
        made, expected = family(rng)
        check(made, made.model(), expected, compile_model, strut_run, tmp_path, assert_close)


def test_adapters_are_stacked(rng, compile_model, strut_run, tmp_path, assert_close, fewest_flops):
    for _ in range(ROUNDS):
        made = adapters(rng)
        check(made, made.model(), 2, compile_model, strut_run, tmp_path, assert_close, *fewest_flops)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_mutated(mutation, rng, compile_model, strut_run, tmp_path, assert_close):
    made, expected = lora(rng)
    model = mutated(made.model(), mutation, rng)
    check(made, model, expected, compile_model, strut_run, tmp_path, assert_close)


@pytest.mark.parametrize("spelling", ["split", "slices", "mutated"])
def test_updates_of_parts(spelling, rng, compile_model, strut_run, tmp_path, assert_close):
    """Updates of queries and values of a fused layer, as adapters are added to it."""
    import strut

    k, d, rank = (int(rng.integers(low, high)) for low, high in ((5, 60), (5, 60), (1, 4)))
    scale = 10.0 ** rng.uniform(-4, 4)
    graph = Graph([("n", k)])
    weight, bias = (np.float32(scale * rng.standard_normal(shape)) for shape in ((k, 3 * d), 3 * d))
    matrix = np.float64(weight)
    fused = graph.node("Add", graph.node("MatMul", "x0", weight), bias)
    if spelling == "slices":
        parts = [graph.node("Slice", fused, np.array([i * d]), np.array([i * d + d]), np.array([-1])) for i in range(3)]
    else:
        parts = graph.split(fused, 3, axis=-1)
    for i in rng.permutation(3)[:2]:
        down, up = (np.float32(rng.standard_normal(shape)) for shape in ((k, rank), (rank, d)))
        update = graph.node("MatMul", graph.node("MatMul", "x0", down), np.float32(scale * up))
        parts[i] = graph.node("Add", *rng.permutation([parts[i], update]).tolist())
        matrix[:, i * d : i * d + d] += np.float64(down) @ np.float32(scale * up)
    model = graph.model(**{graph.node("Tanh", part): 2 for part in parts})
    if spelling == "mutated":
        model = mutated(model, str(rng.choice(list(MUTATIONS))), rng)
    library = strut.load(str(compile_model(model)), threads=2)
    count, text = layers(strut_run, tmp_path)
    assert count <= 3 and '"split-maps"' in text and '"merge-sums"' in text
    for rows in (0, 1, 7, 33):
        x = np.float32(rng.standard_normal((rows, k)) / scale)
        exact = np.tanh(np.float64(x) @ matrix + bias)
        for i, actual in enumerate(library.run({"x0": x}).values()):
            assert_close(actual, exact[:, i * d : i * d + d], what=f"part {i} of {rows} rows")


@pytest.mark.parametrize("shared", ["factors", "base"])
def test_weights_of_two_layers(
    shared, rng, compile_model, strut_run, tmp_path, assert_close, fewest_flops
):
    """Factors that two layers share (VeRA) go into the matrix of each; one base stays one."""
    import strut

    k, rank = int(rng.integers(40, 90)), 3
    base, down, up = Sum(rng, k, k).draw, rng.standard_normal((k, rank)), rng.standard_normal((rank, k))
    bases = [base(k, k) for _ in range(2)]
    factors = [(np.float32(down), np.float32(up / k)) for _ in range(2)]
    if shared == "base":
        bases[1] = bases[0]
        factors[1] = (np.float32(rng.standard_normal((k, rank))), np.float32(up[::-1] / k))
    graph, names = Graph([("n", k)]), {}
    scales = [np.float32(rng.standard_normal(k)) for _ in range(2)]

    def name(array):
        return names.setdefault(array.tobytes(), graph.constant(array))

    y = "x0"
    for w, (a, b), scale in zip(bases, factors, scales):
        update = graph.node("MatMul", graph.node("MatMul", y, name(a)), name(b))
        update = graph.node("Mul", update, scale)
        y = graph.node("Tanh", graph.node("Add", graph.node("MatMul", y, name(w)), update))
    library = strut.load(str(compile_model(graph.model(**{y: 2}), *fewest_flops)), threads=2)
    count, text = layers(strut_run, tmp_path, *fewest_flops)
    assert (count, '"merge-sums"' in text) == ((2, True) if shared == "factors" else (6, False))
    for rows in (0, 1, 33):
        x = np.float32(rng.standard_normal((rows, k)))
        exact = np.float64(x)
        for w, (a, b), scale in zip(bases, factors, scales):
            exact = np.tanh(exact @ (w + np.float64(a) @ b * scale))
        (actual,) = library.run({"x0": x}).values()
        assert_close(actual, exact, what=f"{rows} rows")


@pytest.mark.parametrize("size", [(12, 20), (96, 128)], ids=["folded", "above_the_limit"])
def test_update_of_the_weight(size, rng, compile_model, strut_run, tmp_path, assert_close):
    """W + s (B A) in the graph, which the older exporter always leaves there."""
    import strut

    k, m = size
    weight, down, up = (np.float32(rng.standard_normal(s)) for s in ((m, k), (4, k), (m, 4)))
    graph = Graph([("n", k)])
    update = graph.node("Mul", graph.node("MatMul", up, down), np.float32(0.5))
    whole = graph.node("Transpose", graph.node("Add", weight, update), perm=[1, 0])
    library = strut.load(str(compile_model(graph.model(**{graph.node("MatMul", "x0", whole): 2}))))
    count, text = layers(strut_run, tmp_path)
    assert count == 1 and "onnx.MatMul" not in text and "onnx.Add" not in text
    x = np.float32(rng.standard_normal((5, k)))
    exact = np.float64(x) @ (np.float64(weight) + 0.5 * np.float64(up) @ np.float64(down)).T
    (actual,) = library.run({"x0": x}).values()
    assert_close(actual, exact)


def test_order_before_and_behind(rng, compile_model, strut_run, tmp_path, assert_close):
    """Gathers of features on both sides of a layer."""
    import strut

    for _ in range(ROUNDS):
        k, m = (int(n) for n in rng.integers(3, 70, 2))
        weight, bias = np.float32(rng.standard_normal((k, m))), np.float32(rng.standard_normal(m))
        first, second = rng.permutation(k), rng.permutation(m)[: rng.integers(2, m + 1)]
        graph = Graph([("n", k)])
        value = graph.node("MatMul", graph.node("Gather", "x0", first, axis=-1), weight)
        value = graph.node("Gather", graph.node("Add", value, bias), second, axis=1)
        library = strut.load(str(compile_model(graph.model(**{value: 2}))))
        count, text = layers(strut_run, tmp_path)
        assert count == 1 and "onnx.Gather" not in text
        x = np.float32(rng.standard_normal((9, k)))
        exact = (np.float64(x)[:, first] @ weight + bias)[:, second]
        (actual,) = library.run({"x0": x}).values()
        assert_close(actual, exact)
