"""Rotary embeddings and repeated key heads in the spellings of exporters: they become one operator,
near misses do not, and the values are those of the nodes in double precision."""

import subprocess

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper, parser
from onnx.reference import ReferenceEvaluator

SIZES = [(2, 7), (1, 1), (3, 64), (2, 0)]
CONSTANTS = """
    int64[1] zero = {0}, int64[1] one = {1}, int64[1] two = {2}, int64[1] three = {3}, int64[1] four = {4},
    int64[1] eight = {8}, int64[1] last = {-1}, int64[1] all = {9223372036854775807},
    int64[5] pairs = {1, 1, 1, 1, 2}, int64[4] quads = {1, 1, 1, 2}, int64[3] eights = {0, -1, 8}, int64[4] rows = {0, 1, -1, 16}, int64[4] heads = {0, 3, -1, 16}
"""


def parse(body, inputs="float[batch, 3, seq, 16] x, float[batch, seq, 8] angle", output="[batch, 3, seq, 16]"):
    text = f"""<ir_version: 10, opset_import: ["" : 21]>
    g ({inputs}) => (float{output} y) <{CONSTANTS}> {{ {body} }}"""
    model = parser.parse_model(text)
    for i, node in enumerate(model.graph.node):
        node.name = f"n{i}"
    return model


TWICE = """
    twice = Concat <axis = -1> (angle, angle)
    c0 = Cos (twice) s0 = Sin (twice)
    c = Unsqueeze (c0, one) s = Unsqueeze (s0, one)
"""
ONCE = """
    c0 = Cos (angle) s0 = Sin (angle)
    c = Unsqueeze (c0, one) s = Unsqueeze (s0, one)
"""
SLICES = """
    x1 = Slice (x, zero, eight, last) x2 = Slice (x, eight, all, last)
"""
STRIDED = """
    x1 = Slice (x, zero, all, last, two) x2 = Slice (x, one, all, last, two)
"""
WHOLE = TWICE + SLICES + """
    n = Neg (x2) r = Concat <axis = -1> (n, x1)
    a = Mul (x, c) b = Mul (r, s) y = Add (a, b)
"""
NEIGHBOURS = ONCE + STRIDED + """
    c1 = Unsqueeze (c, last) c2 = Expand (c1, pairs) cc = Reshape (c2, rows)
    s1 = Unsqueeze (s, last) s2 = Tile (s1, pairs) ss = Reshape (s2, rows)
    n = Neg (x2) nn = Unsqueeze (n, last) xx = Unsqueeze (x1, last)
    p = Concat <axis = -1> (nn, xx) r = Reshape (p, heads)
    a = Mul (cc, x) b = Mul (ss, r) y = Add (b, a)
"""
PARTS = ONCE + """
    x1, x2 = Split <axis = -1, num_outputs = 2> (x)
    a = Mul (x1, c) b = Mul (x2, s) d = Mul (x2, c) e = Mul (s, x1)
    f = Sub (a, b) g = Add (d, e) y = Concat <axis = 3> (f, g)
"""
NEIGHBOUR_PARTS = ONCE + STRIDED + """
    a = Mul (x1, c) b = Mul (x2, s) d = Mul (x2, c) e = Mul (s, x1)
    f = Sub (a, b) g = Add (e, d) ff = Unsqueeze (f, last) gg = Unsqueeze (g, last)
    p = Concat <axis = -1> (ff, gg) y = Reshape (p, heads)
"""
PARTIAL = """
    half = Slice (angle, zero, four, last) twice = Concat <axis = -1> (half, half)
    c0 = Cos (twice) s0 = Sin (twice) c = Unsqueeze (c0, one) s = Unsqueeze (s0, one)
    turned = Slice (x, zero, eight, last) rest = Slice (x, eight, all, last)
    x1 = Slice (turned, zero, four, last) x2 = Slice (turned, four, all, last)
    n = Neg (x2) r = Concat <axis = -1> (n, x1)
    a = Mul (turned, c) b = Mul (r, s) t = Add (a, b) y = Concat <axis = -1> (t, rest)
"""
# The shape behind is that of other tensors, as an exporter has it that knows they are the same.
PARTIAL_NEIGHBOURS = """
    part = Slice (x, zero, eight, last) rest = Slice (x, eight, all, last)
    half = Slice (angle, zero, four, last) c0 = Cos (half) s0 = Sin (half)
    c1 = Unsqueeze (c0, last) c2 = Tile (c1, quads) cc = Reshape (c2, eights)
    s1 = Unsqueeze (s0, last) s2 = Tile (s1, quads) ss = Reshape (s2, eights)
    c = Unsqueeze (cc, one) s = Unsqueeze (ss, one)
    x1 = Slice (part, zero, all, last, two) x2 = Slice (part, one, all, last, two)
    n = Neg (x2) nn = Unsqueeze (n, last) xx = Unsqueeze (x1, last) p = Concat <axis = -1> (nn, xx)
    b0 = Shape <start = 0, end = 1> (angle) b2 = Shape <start = 2, end = 3> (x)
    shape = Concat <axis = 0> (b0, three, b2, eight) r = Reshape <allowzero = 1> (p, shape)
    a = Mul (part, c) b = Mul (r, s) t = Add (a, b) y = Concat <axis = -1> (t, rest)
"""
# Heads behind the places, as before the transposition of attention.
TURNED = WHOLE.replace("Unsqueeze (c0, one)", "Unsqueeze (c0, two)").replace(
    "Unsqueeze (s0, one)", "Unsqueeze (s0, two)"
)
LIFTED = {
    "whole": WHOLE,
    "neighbours": NEIGHBOURS,
    "parts": PARTS,
    "neighbour parts": NEIGHBOUR_PARTS,
    "partial": PARTIAL,
    "partial neighbours": PARTIAL_NEIGHBOURS,
}
KEPT = {
    "the first half negated": WHOLE.replace("Neg (x2)", "Neg (x1)").replace("(n, x1)", "(x2, n)"),
    "the halves in order": WHOLE.replace("(n, x1)", "(x1, n)"),
    "turned the other way": WHOLE.replace("y = Add (a, b)", "y = Sub (a, b)"),
    "halves that are none": WHOLE.replace("x1 = Slice (x, zero, eight", "x1 = Slice (x, four, all").replace(
        "x2 = Slice (x, eight, all", "x2 = Slice (x, zero, four"
    ),
    "tables of other halves": WHOLE.replace("twice = Concat <axis = -1> (angle, angle)",
                                            "m = Neg (angle) k = Exp (m) twice = Concat <axis = -1> (angle, k)"),
    "tables of pairs for halves": NEIGHBOURS.replace(STRIDED, SLICES).replace("r = Reshape (p, heads)",
                                                                              "r = Concat <axis = -1> (n, x1)"),
    "parts of two signs": PARTS.replace("f = Sub (a, b)", "f = Sub (b, a)"),
    "one table twice": PARTS.replace("e = Mul (s, x1)", "e = Mul (c, x1)"),
}  # fmt: skip


@pytest.fixture
def stage(strut, tmp_path):
    """stage(model, stage): the text of a stage of the model."""

    def emit(model, name):
        onnx.save(model, tmp_path / "m.onnx")
        command = [str(strut), "compile", str(tmp_path / "m.onnx"), "--emit", name, "-o", "-"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    return emit


def exact(model, feed):
    """The model's output, computed in float64."""
    wide = onnx.ModelProto()
    wide.CopyFrom(model)
    for value in (*wide.graph.input, *wide.graph.output):
        if value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT:
            value.type.tensor_type.elem_type = onnx.TensorProto.DOUBLE
    feed = {name: a.astype(np.float64) if a.dtype == np.float32 else a for name, a in feed.items()}
    return ReferenceEvaluator(wide).run(None, feed)[0]


def draw(rng, batch, seq, shape=lambda b, s: (b, 3, s, 16)):
    x = rng.standard_normal(shape(batch, seq), np.float32)
    return {"x": x, "angle": rng.uniform(-4, 4, (batch, seq, 8)).astype(np.float32)}


@pytest.mark.parametrize("name", [*LIFTED, *KEPT])
def test_spellings(compile_model, run_model, stage, rng, assert_close, name):
    model = parse((LIFTED | KEPT)[name])
    layer = stage(model, "mlir-layer")
    assert layer.count("onnx.RotaryEmbedding") == (name in LIFTED), layer
    if name in LIFTED:
        assert "onnx.Neg" not in layer and ("rotary_embedding_dim = 8" in layer) == ("partial" in name)
    library = compile_model(model)
    for batch, seq in SIZES:
        feed = draw(rng, batch, seq)
        assert_close(run_model(library, feed)["y"], exact(model, feed), what=f"{batch}, {seq}")


def test_heads_behind_places(compile_model, run_model, stage, rng, assert_close):
    inputs = "float[batch, seq, 3, 16] x, float[batch, seq, 8] angle"
    model = parse(TURNED, inputs, "[batch, seq, 3, 16]")
    assert stage(model, "mlir-layer").count("onnx.RotaryEmbedding") == 1
    library = compile_model(model)
    for batch, seq in SIZES:
        feed = draw(rng, batch, seq, lambda b, s: (b, s, 3, 16))
        assert_close(run_model(library, feed)["y"], exact(model, feed), what=f"{batch}, {seq}")


def test_tables_of_the_model(compile_model, run_model, stage, rng, assert_close):
    """Rows of a constant by position, of which the model may have any: they are looked at."""
    for equal in (True, False):
        model = parse(
            """
            c0 = Gather (cosine, place) s0 = Gather (sine, place)
            c = Unsqueeze (c0, one) s = Unsqueeze (s0, one)
            """ + WHOLE.replace(TWICE, ""),
            "float[batch, 3, seq, 16] x, int64[batch, seq] place",
        )  # fmt: skip
        for name in ("cosine", "sine"):
            table = rng.standard_normal((40, 16)).astype(np.float32)
            if equal:
                table[:, 8:] = table[:, :8]
            model.graph.initializer.append(numpy_helper.from_array(table, name))
        assert stage(model, "mlir-layer").count("onnx.RotaryEmbedding") == equal
        library = compile_model(model)
        for batch, seq in SIZES:
            x = rng.standard_normal((batch, 3, seq, 16)).astype(np.float32)
            feed = {"x": x, "place": rng.integers(0, 40, (batch, seq))}
            wide = onnx.ModelProto()
            wide.CopyFrom(model)
            del wide.graph.initializer[:]
            for tensor in model.graph.initializer:
                value = numpy_helper.to_array(tensor)
                value = value.astype(np.float64) if value.dtype == np.float32 else value
                wide.graph.initializer.append(numpy_helper.from_array(value, tensor.name))
            assert_close(run_model(library, feed)["y"], exact(wide, feed), what=f"{batch}, {seq}")


@pytest.mark.parametrize("heads", [0, 2])
def test_the_operator_on_a_slice(compile_model, run_model, rng, assert_close, heads):
    """With a slice of every head it is one of all places; of three axes the last one has all heads, and
    what was written stays."""
    shape, attribute = ("batch, seq, 16", f"<num_heads = {heads}>") if heads else ("batch, 3, seq, 16", "")
    pairs = 8 // heads // 2 if heads else 4
    model = parse(
        f"""
        part = Slice (x, zero, eight, last) rest = Slice (x, eight, all, last)
        turned = RotaryEmbedding {attribute} (part, cosine, sine) y = Concat <axis = -1> (turned, rest)
        """,
        f"float[{shape}] x, float[batch, seq, {pairs}] cosine, float[batch, seq, {pairs}] sine",
        f"[{shape}]",
    )
    model.opset_import[0].version = 23
    library = compile_model(model)
    for batch, seq in SIZES:
        x = rng.standard_normal((batch, seq, 16) if heads else (batch, 3, seq, 16)).astype(np.float32)
        tables = rng.standard_normal((2, batch, seq, pairs)).astype(np.float32)
        feed = {"x": x, "cosine": tables[0], "sine": tables[1]}
        assert_close(run_model(library, feed)["y"], exact(model, feed), what=f"{batch}, {seq}")


@pytest.mark.parametrize("interleaved", [0, 1])
@pytest.mark.parametrize("rotated", [0, 6])
def test_the_operator(compile_model, run_model, rng, assert_close, rotated, interleaved):
    """By position, on three axes, against the standard's formula."""
    width = 10
    pairs = (rotated or width) // 2
    node = helper.make_node(
        "RotaryEmbedding", ["x", "cosine", "sine", "place"], ["y"], num_heads=3,
        rotary_embedding_dim=rotated, interleaved=interleaved,
    )  # fmt: skip
    value = helper.make_tensor_value_info
    tables = {name: rng.standard_normal((20, pairs)).astype(np.float32) for name in ("cosine", "sine")}
    graph = helper.make_graph(
        [node], "rotary",
        [value("x", 1, ["batch", "seq", 3 * width]), value("place", 7, ["batch", "seq"])],
        [value("y", 1, ["batch", "seq", 3 * width])],
        [numpy_helper.from_array(table, name) for name, table in tables.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=11)
    library = compile_model(model)
    for batch, seq in SIZES:
        x = rng.standard_normal((batch, seq, 3 * width)).astype(np.float32)
        place = rng.integers(0, 20, (batch, seq))
        heads = x.astype(np.float64).reshape(batch, seq, 3, width)
        cosine, sine = (tables[name][place][:, :, None].astype(np.float64) for name in ("cosine", "sine"))
        first = slice(0, 2 * pairs, 2) if interleaved else slice(0, pairs)
        second = slice(1, 2 * pairs, 2) if interleaved else slice(pairs, 2 * pairs)
        expected = heads.copy()
        expected[..., first] = heads[..., first] * cosine - heads[..., second] * sine
        expected[..., second] = heads[..., second] * cosine + heads[..., first] * sine
        assert_close(run_model(library, {"x": x, "place": place})["y"], expected.reshape(x.shape))


REPEATED = """
    k1 = Unsqueeze (k, {axis}) k2 = {repeat} (k1, groups) k3 = Reshape (k2, merged)
    v1 = Unsqueeze (v, {axis}) v2 = {repeat} (v1, {values}) v3 = Reshape (v2, {merged})
    kt = Transpose <perm = [0, 1, 3, 2]> (k3)
    s = MatMul (q, kt) p = Softmax <axis = -1> (s) y = MatMul (p, v3)
"""
ATTENTION = "float[batch, 6, seq, 16] q, float[batch, 3, keys, 16] k, float[batch, 3, keys, 16] v"


@pytest.mark.parametrize(
    "once,fills",
    [
        (True, {"axis": "two", "repeat": "Expand"}),
        (True, {"axis": "two", "repeat": "Tile"}),
        (False, {"axis": "one", "repeat": "Expand"}),
    ],
    ids=["expanded", "tiled", "heads in another order"],
)
def test_repeated_heads(compile_model, run_model, stage, rng, assert_close, once, fills):
    """Keys and values are read where they are, once for a group of queries' heads."""
    groups = "{1, 1, 2, 1, 1}" if fills["axis"] == "two" else "{1, 2, 1, 1, 1}"
    constants = f"int64[5] groups = {groups}, int64[4] merged = {{0, 6, -1, 16}}"
    body = REPEATED.format(values="groups", merged="merged", **fills)
    model = parse(body, ATTENTION, "[batch, 6, seq, 16]")
    model.graph.initializer.extend(parser.parse_graph(f"g () => () <{constants}> {{}}").initializer)
    kernels = stage(model, "mlir-kernel")
    assert kernels.count("kernel.attention ins") == 1
    assert ("floordiv 2" in kernels) == once and ("kernel.map ins" in kernels) != once, kernels
    library = compile_model(model)
    for batch, seq in SIZES:
        for keys in (5, 1, 70):
            feed = {
                "q": rng.standard_normal((batch, 6, seq, 16)).astype(np.float32),
                "k": rng.standard_normal((batch, 3, keys, 16)).astype(np.float32),
                "v": rng.standard_normal((batch, 3, keys, 16)).astype(np.float32),
            }
            assert_close(run_model(library, feed)["y"], exact(model, feed), what=f"{batch}, {seq}, {keys}")
