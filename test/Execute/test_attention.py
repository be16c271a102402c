"""kernel.attention, compiled from kernel IR and run against softmax(Q Kᵀ) V in float64."""

import numpy
import pytest

from Execute.kernels import DTYPES

SHAPES = [(1, 1), (2, 7), (1, 128), (3, 33), (1, 300), (2, 513), (0, 5), (2, 0)]
HEAD_SIZES = [32, 64, 80, 1]


def attention_text(heads, kv_heads, size, body, extras="", strut_dims=("B", "M", "S"), dtype="f32"):
    """A host function y = attention(q, k, v[, mask]); `body` makes %z of %score (and %m). The
    mask is f32, all else of `dtype`."""
    b, m, s = strut_dims
    head = f"h floordiv {heads // kv_heads}" if heads != kv_heads else "h"
    mask = extras == "mask"
    space = "(b, h, m, s, d, e)"
    maps = [f"{space} -> (b, m, h, d)", f"{space} -> (b, s, {head}, d)", f"{space} -> (b, s, {head}, e)"]
    maps += [f"{space} -> (b, s)"] if mask else []
    maps += [f"{space} -> (b, m, h, e)"]
    q, kv = f"tensor<?x?x{heads}x{size}x{dtype}>", f"tensor<?x?x{kv_heads}x{size}x{dtype}>"

    def argument(name, type, rows):
        dims = f'["{b}", "{rows}", "", ""]' if type != "tensor<?x?xf32>" else f'["{b}", "{rows}"]'
        return f'%{name}: {type} {{strut.name = "{name}", strut.dims = {dims}}}'

    arguments = [argument("q", q, m), argument("k", kv, s), argument("v", kv, s)]
    arguments += [argument("mask", "tensor<?x?xf32>", s)] if mask else []
    symbols = list(dict.fromkeys(strut_dims))
    arguments += [f"%{name}: index" for name in symbols]
    return f"""
module attributes {{onnx.graph_name = "g"}} {{
  func.func @main({", ".join(arguments)}) -> ({q} {{strut.name = "y"}})
      attributes {{strut.symbols = [{", ".join(f'"{name}"' for name in symbols)}]}} {{
    %init = tensor.empty(%{b}, %{m}) : {q}
    %y = kernel.attention ins(%q, %k, %v{", %mask" if mask else ""} :
                              {q}, {kv}, {kv}{", tensor<?x?xf32>" if mask else ""})
        outs(%init : {q}) attributes {{indexing_maps = [{", ".join(f"affine_map<{text}>" for text in maps)}]}} {{
    ^bb0(%score: f32{", %m: f32" if mask else ""}):
      {body}
      kernel.yield %z : f32
    }} -> {q}
    return %y : {q}
  }}
}}
"""


SCALE = "%c = arith.constant 0.25 : f32\n %x = arith.mulf %score, %c : f32\n"
PLAIN = SCALE + "%zero = arith.constant 0.0 : f32\n %z = arith.addf %x, %zero : f32"
MASKED = SCALE + "%z = arith.addf %x, %m : f32"
CAUSAL = (
    SCALE
    + """%i = kernel.index 2
      %j = kernel.index 3
      %later = arith.cmpi ugt, %j, %i : index
      %out = arith.constant 0xFF800000 : f32
      %z = arith.select %later, %out, %x : f32"""
)


def reference(q, k, v, mask=None, causal=False):
    """Rows without a finite score are 0."""
    q, k, v = (x.astype(numpy.float64) for x in (q, k, v))
    group = q.shape[2] // k.shape[2]
    k, v = numpy.repeat(k, group, 2), numpy.repeat(v, group, 2)
    scores = numpy.einsum("bmhd,bshd->bhms", q, k) * 0.25
    if mask is not None:
        scores = scores + mask[:, None, None, :]
    if causal:
        scores = numpy.where(numpy.arange(k.shape[1]) > numpy.arange(q.shape[1])[:, None], -numpy.inf, scores)
    highest = scores.max(-1, keepdims=True, initial=-numpy.inf)
    weights = numpy.exp(scores - numpy.where(numpy.isfinite(highest), highest, 0))
    total = weights.sum(-1, keepdims=True)
    weights = weights / numpy.where(total == 0, 1, total)
    return numpy.einsum("bhms,bshd->bmhd", weights, v)


@pytest.fixture(scope="module")
def compile_attention(compile_file, tmp_path_factory):
    def compile(text, *flags):
        folder = tmp_path_factory.mktemp("attention")
        (folder / "attention.mlir").write_text(text)
        return compile_file(folder / "attention.mlir", folder / "attention.so", *flags)

    return compile


def draw(rng, b, m, s, heads, kv_heads, size):
    return [
        rng.standard_normal(shape).astype(numpy.float32)
        for shape in ((b, m, heads, size), (b, s, kv_heads, size), (b, s, kv_heads, size))
    ]


def random_mask(rng, b, s):
    """Some keys are out; all keys of the first of several sequences are."""
    mask = numpy.where(rng.random((b, s)) < 0.3, -numpy.inf, rng.standard_normal((b, s)))
    if b > 1:
        mask[0] = -numpy.inf
    return mask.astype(numpy.float32)


@pytest.mark.parametrize("size", HEAD_SIZES)
def test_masked(compile_attention, load, rng, assert_close, size):
    text = attention_text(3, 3, size, MASKED, "mask", ("B", "S", "S"))
    model = load(compile_attention(text))
    for b, s in SHAPES:
        q, k, v = draw(rng, b, s, s, 3, 3, size)
        mask = random_mask(rng, b, s)
        y = model.run({"q": q, "k": k, "v": v, "mask": mask})["y"]
        assert_close(y, reference(q, k, v, mask), what=f"batch {b}, sequence {s}")
        if b > 1:
            assert not y[0].any(), "a row whose keys are all masked gives 0"


@pytest.mark.parametrize("cpu", [None, "x86-64-v3", "x86-64-v2"], ids=str)
def test_grouped_queries(compile_attention, load, rng, assert_close, cpu):
    """Four query heads to one key head; queries and keys of different lengths."""
    text = attention_text(8, 2, 64, PLAIN)
    model = load(compile_attention(text, *(["--target-cpu", cpu] if cpu else [])))
    for b, m, s in [(1, 1, 1), (2, 7, 40), (1, 1, 600), (2, 50, 3), (1, 49, 257), (2, 3, 0), (2, 0, 3)]:
        q, k, v = draw(rng, b, m, s, 8, 2, 64)
        y = model.run({"q": q, "k": k, "v": v})["y"]
        assert_close(y, reference(q, k, v), what=f"batch {b}, {m} queries, {s} keys")


@pytest.mark.parametrize("dtype", ["f16", "bf16"])
@pytest.mark.parametrize("cpu", [None, "x86-64-v3", "x86-64-v2"], ids=str)
def test_halves(compile_attention, load, rng, assert_close, cpu, dtype):
    """Stored in 16 bits, computed in f32."""
    numbers = DTYPES[dtype]
    for size in (32, 20):
        text = attention_text(2, 2, size, PLAIN, dtype=dtype)
        model = load(compile_attention(text, *(["--target-cpu", cpu] if cpu else [])))
        for b, m, s in [(2, 7, 40), (1, 1, 300), (1, 3, 0)]:
            q, k, v = (x.astype(numbers) for x in draw(rng, b, m, s, 2, 2, size))
            y = model.run({"q": q, "k": k, "v": v})["y"]
            assert_close(y, reference(q, k, v), str(numbers), what=f"batch {b}, {m} queries, {s} keys")


def test_causal(compile_attention, load, rng, assert_close):
    model = load(compile_attention(attention_text(2, 2, 32, CAUSAL)))
    for b, s in SHAPES:
        q, k, v = draw(rng, b, s, s, 2, 2, 32)
        y = model.run({"q": q, "k": k, "v": v})["y"]
        assert_close(y, reference(q, k, v, causal=True), what=f"batch {b}, sequence {s}")


def test_scores_beyond_the_range_of_exp(compile_attention, load, rng, assert_close):
    """The online softmax subtracts the maximum, also where a later block raises it."""
    model = load(compile_attention(attention_text(1, 1, 32, PLAIN)))
    q, k, v = draw(rng, 1, 4, 700, 1, 1, 32)
    k *= numpy.linspace(1, 200, 700, dtype=numpy.float32)[None, :, None, None]
    y = model.run({"q": q, "k": k, "v": v})["y"]
    assert numpy.isfinite(y).all()
    # A score of a thousand is known to some 1e-4 in f32, so the weights are to that ratio.
    numpy.testing.assert_allclose(y, reference(q, k, v), rtol=0, atol=5e-3)


def test_bits_depend_on_the_row_alone(compile_attention, load, rng):
    path = compile_attention(attention_text(8, 2, 80, PLAIN))
    one, two = load(path, 1), load(path, 2)
    q, k, v = draw(rng, 2, 60, 300, 8, 2, 80)
    whole = two.run({"q": q, "k": k, "v": v})["y"]
    numpy.testing.assert_array_equal(one.run({"q": q, "k": k, "v": v})["y"], whole)
    for begin, end in [(0, 1), (59, 60), (3, 10), (10, 60)]:
        part = two.run({"q": q[:, begin:end], "k": k, "v": v})["y"]
        numpy.testing.assert_array_equal(part, whole[:, begin:end], err_msg=f"{begin}:{end}")
    alone = two.run({"q": q[1:], "k": k[1:], "v": v[1:]})["y"]
    numpy.testing.assert_array_equal(alone, whole[1:])
