"""Mixtures of experts in the spellings of exporters: each is recognised, and right, whatever
the router says, and gives the same bits on any number of threads."""

import json
import math
import pathlib
import re

import numpy as np
import pytest

from mutations import MUTATIONS, Graph, mutated

D, H, N = 24, 37, 19
MACHINE = pathlib.Path(__file__).parents[1] / "Rewrite" / "Inputs" / "machine.json"


def gelu(x):
    return 0.5 * x * (1 + np.vectorize(math.erf, otypes=[float])(x / np.sqrt(2)))


ACTIVATIONS = {
    "relu": (("Relu", {}), lambda x: np.maximum(x, 0)),
    "leaky": (("LeakyRelu", {"alpha": 0.1}), lambda x: np.where(x < 0, 0.1 * x, x)),
    "gelu": (("Gelu", {}), gelu),
    "silu": (("Sigmoid", {}), lambda x: x / (1 + np.exp(-x))),
}


class Mixture:
    """Weights of a router and of experts, and what they compute, in float64."""

    def __init__(self, rng, experts, k, activation="relu", gates="selected", skew=None, gated=False, outputs=N):
        def draw(*shape):
            return np.float32(rng.standard_normal(shape) / np.sqrt(shape[-1]))

        self.experts, self.k, self.activation, self.gates, self.gated = experts, k, activation, gates, gated
        self.router = draw(D, experts)
        self.w1, self.b1, self.w3 = draw(experts, D, H), draw(experts, H), draw(experts, D, H)
        self.w2, self.b2 = draw(experts, H, outputs), draw(experts, outputs)
        self.bias = np.zeros(experts, np.float32)
        if skew == "one":  # all rows go to the same experts
            self.bias[experts // 2] = 100
        if skew == "ties":  # those with the lowest numbers are chosen
            self.router[:] = 0

    def exact(self, x):
        x = np.float64(x)
        logits = x @ np.float64(self.router) + np.float64(self.bias)
        chosen = np.argsort(-logits, axis=-1, kind="stable")[:, : self.k]
        gates = np.exp(logits - logits.max(-1, keepdims=True))
        weights = np.take_along_axis(gates, chosen, -1)
        weights /= (gates if self.gates == "all" else weights).sum(-1, keepdims=True)
        result = np.zeros((len(x), self.w2.shape[2]))
        act = ACTIVATIONS[self.activation][1]
        for j in range(self.k):
            for e in range(self.experts):
                rows = chosen[:, j] == e
                hidden = act(x[rows] @ np.float64(self.w1[e]) + self.b1[e])
                if self.gated:
                    hidden = hidden * (x[rows] @ np.float64(self.w3[e]))
                result[rows] += weights[rows, j, None] * (hidden @ np.float64(self.w2[e]) + self.b2[e])
        return result

    # ---- as a graph ----

    def logits(self, graph):
        return graph.node("Gemm", "x0", self.router, self.bias)

    def route(self, graph):
        """(weights, experts), [m, k] both."""
        logits, k = self.logits(graph), np.array([self.k])

        def top(scores):
            name = graph.node("TopK", scores, k, axis=-1)
            graph.nodes[-1].output.append(name + "_places")
            return name, name + "_places"

        if self.gates == "selected":
            values, experts = top(logits)
            return graph.node("Softmax", values), experts
        weights, experts = top(graph.node("Softmax", logits))
        if self.gates == "renormalised":
            total = graph.node("ReduceSum", weights, np.array([-1]))
            weights = graph.node("Div", weights, total)
        return weights, experts

    def act(self, graph, x):
        kind, options = ACTIVATIONS[self.activation][0]
        y = graph.node(kind, x, **options)
        return graph.node("Mul", x, y) if kind == "Sigmoid" else y

    def hidden(self, graph, first, second):
        return graph.node("Mul", self.act(graph, first), second) if self.gated else self.act(graph, first)

    def batched(self, graph):
        weights, experts = self.route(graph)
        shape = graph.node("Concat", graph.node("Shape", "x0", end=1), np.array([self.experts]), axis=0)
        zeros = graph.node("ConstantOfShape", shape)
        scores = graph.node("ScatterElements", zeros, experts, weights, axis=1)
        scores = graph.node("Unsqueeze", graph.node("Transpose", scores, perm=[1, 0]), np.array([-1]))
        rows = graph.node("Unsqueeze", "x0", np.array([0]))
        if self.experts != 3:
            rows = graph.node("Expand", rows, np.array([self.experts, 1, 1]))
        first = graph.node("Add", graph.node("MatMul", rows, self.w1), self.b1[:, None])
        hidden = self.hidden(graph, first, graph.node("MatMul", rows, self.w3) if self.gated else None)
        nets = graph.node("Add", graph.node("MatMul", hidden, self.w2), self.b2[:, None])
        return graph.node("ReduceSum", graph.node("Mul", nets, scores), np.array([0]), keepdims=0)

    def gathered(self, graph):
        weights, experts = self.route(graph)

        def pick(table):
            return graph.node("Gather", table, experts)

        first = graph.node("Einsum", "x0", pick(self.w1), equation="md,mkdh->mkh")
        first = graph.node("Add", first, pick(self.b1))
        turned = np.ascontiguousarray(self.w3.transpose(0, 2, 1))
        second = graph.node("Einsum", pick(turned), "x0", equation="mkhd,md->mkh") if self.gated else None
        hidden = self.hidden(graph, first, second)
        nets = graph.node("Einsum", hidden, pick(self.w2), equation="mkh,mkho->mko")
        nets = graph.node("Add", nets, pick(self.b2))
        weights = graph.node("Unsqueeze", weights, np.array([-1]))
        return graph.node("ReduceSum", graph.node("Mul", nets, weights), np.array([1]), keepdims=0)

    def masked(self, graph, left_out=()):
        weights, experts = self.route(graph)
        total = None
        for e in range(self.experts):
            if e in left_out:
                continue
            chosen = graph.node("Cast", graph.node("Equal", experts, np.array(e)), to=1)
            weight = graph.node("ReduceSum", graph.node("Mul", weights, chosen), np.array([-1]))
            first = graph.node("Gemm", "x0", np.ascontiguousarray(self.w1[e].T), self.b1[e], transB=1)
            hidden = self.hidden(graph, first, graph.node("MatMul", "x0", self.w3[e]) if self.gated else None)
            term = graph.node("Mul", graph.node("Gemm", hidden, self.w2[e], self.b2[e]), weight)
            total = term if total is None else graph.node("Add", total, term)
        return total

    def loop(self, graph, how="where"):
        """For each expert the rows that chose it, and their results added back."""
        weights, experts = self.route(graph)
        shape = graph.node("Concat", graph.node("Shape", "x0", end=1), np.array([self.w2.shape[2]]), axis=0)
        total = graph.node("ConstantOfShape", shape)
        if how == "hot":
            hits = graph.node("OneHot", experts, np.array(self.experts), np.array([0, 1]), axis=-1)
            hits = graph.node("Transpose", hits, perm=[2, 1, 0])
        for e in range(self.experts):
            if how == "hot":
                found = graph.node("Gather", hits, np.array(e), axis=0)
                row_at, slot_at = 1, 0
            else:
                found, row_at, slot_at = graph.node("Equal", experts, np.array(e)), 0, 1
            found = graph.node("NonZero", found)
            if how == "hot":
                found = graph.node("Transpose", found, perm=[1, 0])
                row, slot = (
                    graph.node("Slice", found, np.array([i]), np.array([i + 1]), np.array([1]))
                    for i in (row_at, slot_at)
                )
                rows = graph.node("GatherND", "x0", row)
            else:
                row, slot = (graph.node("Gather", found, np.array(i), axis=0) for i in (row_at, slot_at))
                rows = graph.node("Gather", "x0", row)
                row, slot = (graph.node("Unsqueeze", part, np.array([-1])) for part in (row, slot))
            first = graph.node("Gemm", rows, self.w1[e], self.b1[e])
            hidden = self.hidden(graph, first, graph.node("MatMul", rows, self.w3[e]) if self.gated else None)
            nets = graph.node("Gemm", hidden, self.w2[e], self.b2[e])
            weight = graph.node("GatherND", weights, graph.node("Concat", row, slot, axis=-1))
            added = graph.node("Mul", nets, graph.node("Unsqueeze", weight, np.array([-1])))
            total = graph.node("ScatterND", total, row, added, reduction="add")
        return total

    def hot(self, graph):
        return self.loop(graph, "hot")

    def contrib(self, graph):
        turned = [np.ascontiguousarray(w.transpose(0, 2, 1)) for w in (self.w1, self.w2, self.w3)]
        third = [turned[2]] if self.gated else []
        kind = {"leaky": "identity"}.get(self.activation, self.activation)
        return graph.node(
            "MoE", "x0", self.logits(graph), turned[0], self.b1, turned[1], self.b2, *third,
            domain="com.microsoft", k=self.k, activation_type=kind,
            normalize_routing_weights=int(self.gates == "selected"),
        )  # fmt: skip

    def model(self, spelling):
        graph = Graph([("m", D)])
        return graph.model(**{getattr(self, spelling)(graph): 2})


SPELLINGS = ("batched", "gathered", "masked", "loop", "hot", "contrib")


def layers(strut_run, model, tmp_path, *flags):
    """The layer stage as text."""
    source, stage = tmp_path / "stage.onnx", tmp_path / "layer.mlir"
    source.write_bytes(model.SerializeToString())
    strut_run("compile", source, "--emit", "mlir-layer", "-o", stage, *flags)
    return stage.read_text()


def load(path, threads):
    import strut

    return strut.load(str(path), threads=threads)


@pytest.fixture
def check(compile_model, strut_run, fewest_flops, tmp_path, rng, assert_close):
    """check(mixture, model): it is recognised, and right."""

    def check(mixture, model):
        text = layers(strut_run, model, tmp_path, *fewest_flops)
        assert len(re.findall(r"layer\.route ", text)) == 1
        if mixture.experts > mixture.k:  # else all are computed
            assert len(re.findall(r"layer\.experts ", text)) == 1
            for operator in ("TopK", "Einsum", "ScatterElements", "MatMul", "Gather", "Equal", "NonZero"):
                assert f"onnx.{operator}(" not in text
        library = load(compile_model(model, *fewest_flops), 2)
        values(mixture, library, rng, assert_close)

    return check


def values(mixture, library, rng, assert_close):
    for rows in (64, 0, 1, 17, 2):
        x = np.float32(rng.standard_normal((rows, D)))
        (actual,) = library.run({"x0": x}).values()
        assert_close(actual, mixture.exact(x), what=f"{rows} rows")


@pytest.mark.parametrize("experts, k", [(1, 1), (3, 1), (3, 2), (8, 2), (8, 3)])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_sizes(spelling, experts, k, check, rng):
    if spelling in ("masked", "loop", "hot") and experts == 1:
        pytest.skip("one expert is a net like any other")
    outputs = D if spelling == "contrib" else N
    mixture = Mixture(rng, experts, k, "relu" if spelling == "contrib" else "leaky", outputs=outputs)
    check(mixture, mixture.model(spelling))


@pytest.mark.parametrize("gates, skew", [("selected", "ties"), ("renormalised", "one"), ("all", "one"), ("all", "ties")])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_routers(spelling, skew, gates, check, rng):
    if spelling == "contrib" and gates == "renormalised":
        pytest.skip("the operator has no such gates")
    mixture = Mixture(rng, 5, 2, "silu", gates, skew, outputs=D if spelling == "contrib" else N)
    check(mixture, mixture.model(spelling))


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_gated(spelling, check, rng):
    mixture = Mixture(rng, 4, 2, "silu", gated=True, outputs=D if spelling == "contrib" else N)
    check(mixture, mixture.model(spelling))


@pytest.mark.parametrize("mutation", MUTATIONS)
@pytest.mark.parametrize("spelling", ["batched", "gathered", "masked", "loop"])
def test_mutated(spelling, mutation, check, rng):
    mixture = Mixture(rng, 4, 2, "gelu")
    check(mixture, mutated(mixture.model(spelling), mutation, rng))


def test_same_bits(compile_model, fewest_flops, rng):
    """On one thread and on two, in any batch."""
    mixture = Mixture(rng, 8, 2, "gelu")
    artefact = compile_model(mixture.model("batched"), *fewest_flops)
    one, two = load(artefact, 1), load(artefact, 2)
    x = np.float32(rng.standard_normal((333, D)))
    (whole,) = one.run({"x0": x}).values()
    whole = whole.copy()
    for library in (one, two):
        for part in (slice(0, 333), slice(0, 1), slice(5, 12), slice(100, 290)):
            (actual,) = library.run({"x0": x[part]}).values()
            np.testing.assert_array_equal(actual, whole[part])


def test_form_at_the_bound(compile_model, strut_run, tmp_path, rng, assert_close):
    """Below the bound all experts run, from it on the chosen ones, in one artefact."""
    mixture = Mixture(rng, 4, 2)
    model, flags = mixture.model("batched"), ("--machine", MACHINE)
    text = layers(strut_run, model, tmp_path, *flags)
    (bound,) = map(int, re.findall(r"#layer.case<\[0\] below (\d+) -> 1>\] else 0", text))
    library = load(compile_model(model, *flags), 2)
    for rows, form in [(bound - 1, "all"), (bound, "routed"), (bound + 1, "routed"), (1, "all")]:
        x = np.float32(rng.standard_normal((rows, D)))
        (actual,) = library.run({"x0": x}).values()
        assert_close(actual, mixture.exact(x), what=f"{rows} rows")
        ((_, taken),) = library.forms()
        assert taken == form, f"{rows} rows, bound {bound}"


def test_explained(strut_run, tmp_path, rng):
    """One block with both forms, whose nodes are those of the router and of the nets."""
    source = tmp_path / "model.onnx"
    model = Mixture(rng, 4, 2).model("batched")
    for number, node in enumerate(model.graph.node):
        node.name = f"node{number}"
    source.write_bytes(model.SerializeToString())
    done = strut_run("explain", source, "--json", "--M", "1,4096", "--machine", MACHINE)
    (block,) = [block for block in json.loads(done.stdout)["blocks"] if block["kind"] == "moe"]
    assert [form["name"] for form in block["forms"]] == ["routed", "all"]
    assert block["taken"] == {"1": "all", "4096": "routed"} and block["exactness"] == "over the reals"
    assert len(block["nodes"]) > 8


def test_lost_experts(compile_model, strut_run, tmp_path, rng):
    """A sum without some of the experts stays what the file says, and is warned of."""
    mixture = Mixture(rng, 4, 2)
    graph = Graph([("m", D)])
    model = graph.model(**{mixture.masked(graph, left_out=(1,)): 2})
    source = tmp_path / "lost.onnx"
    source.write_bytes(model.SerializeToString())
    done = strut_run("compile", source, "--emit", "mlir-layer", "-o", tmp_path / "layer.mlir")
    assert "chooses from 4 experts, but 3 are left in the file" in done.stderr
    assert "layer.experts" not in (tmp_path / "layer.mlir").read_text()
    mixture.w2[1] = mixture.b2[1] = 0
    x = np.float32(rng.standard_normal((7, D)))
    (actual,) = load(compile_model(model), 1).run({"x0": x}).values()
    np.testing.assert_allclose(actual, mixture.exact(x), rtol=1e-4, atol=1e-5)
