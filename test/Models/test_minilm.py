"""MiniLM-L6, whole: every element against float64, and never far from ONNX Runtime's own error."""

import numpy
import onnx
import pytest

from examples import engines
from examples.minilm import export, passages, reference, search, weights

# In this order on one loaded model, so that its buffers grow, shrink and grow again.
SHAPES = [(2, 7), (1, 128), (1, 1), (3, 33), (5, 2), (1, 17), (1, 512), (4, 64)]
# Of ONNX Runtime's largest distance from the float64 result.
WORSE_THAN_PEER = 4


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    """The encoder with both outputs, as an ONNX file."""
    try:
        tensors = weights.tensors()
    except weights.MissingWeights as missing:
        pytest.skip(str(missing))
    path = tmp_path_factory.mktemp("minilm") / "minilm.onnx"
    onnx.save(export.build(tensors, weights.config(), hidden=True), path)
    return path


@pytest.fixture(scope="module")
def expected(model_file):
    """The model in float64."""
    return reference.Reference(weights.tensors(), weights.config())


@pytest.fixture(scope="module")
def peer(model_file):
    return engines.OnnxRuntime(model_file, 2)


@pytest.fixture(scope="module")
def library(model_file, compile_file):
    return compile_file(model_file)


@pytest.fixture(scope="module")
def compiled(library):
    return engines.Strut(library, 2)


def tokens(rng, batch, seq, padded):
    """Random tokens; with `padded`, a random tail of each row is masked, as a tokenizer does."""
    ids = rng.integers(0, weights.config()["vocab_size"], (batch, seq))
    mask = numpy.ones_like(ids)
    if padded:
        lengths = rng.integers(1, seq + 1, (batch, 1))
        mask = (numpy.arange(seq) < lengths).astype(numpy.int64)
    types = rng.integers(0, 2, (batch, seq))
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}


def check(compiled, expected, peer, feed, assert_close):
    """Every output element against float64, and the largest distance against the peer's.

    The bound of an element is five times the root mean square of what six layers round, here and in
    ONNX Runtime: on one processor or another, one of ten thousand elements may lie beyond it.
    """
    actual, exact, theirs = compiled.run(feed), expected(**feed), peer.run(feed)
    assert sorted(actual) == sorted(exact)
    for name, value in exact.items():
        assert actual[name].dtype == numpy.float32
        assert_close(actual[name], value, what=name, beyond=1e-4)
        rounding = numpy.finfo(numpy.float32).eps * numpy.abs(value).max()
        allowed = WORSE_THAN_PEER * max(numpy.abs(theirs[name] - value).max(), rounding)
        assert numpy.abs(actual[name] - value).max() <= allowed, name


@pytest.mark.parametrize("padded", [False, True], ids=["full", "padded"])
@pytest.mark.parametrize("batch,seq", SHAPES, ids=[f"{b}x{s}" for b, s in SHAPES])
def test_every_element(compiled, expected, peer, assert_close, batch, seq, padded):
    # The same tokens in every run: of a million elements one may always come near the bound,
    # here as in ONNX Runtime, which is no news unless the code has changed.
    rng = numpy.random.default_rng([batch, seq, padded])
    check(compiled, expected, peer, tokens(rng, batch, seq, padded), assert_close)


def test_sentences(compiled, expected, peer, assert_close):
    texts = ["Hi", "The cat sat on the mat.", "Encyclopædias, naïve façades & 12.5 % more!", ""]
    check(compiled, expected, peer, weights.encode(texts), assert_close)


def test_mask_may_have_holes(compiled, expected, peer, rng, assert_close):
    feed = tokens(rng, 3, 20, padded=False)
    feed["attention_mask"] = rng.integers(0, 2, (3, 20))
    feed["attention_mask"][:, 0] = 1
    check(compiled, expected, peer, feed, assert_close)


def test_no_rows(compiled):
    empty = numpy.zeros((0, 7), numpy.int64)
    feed = {"input_ids": empty, "attention_mask": empty, "token_type_ids": empty}
    actual = compiled.run(feed)
    assert actual["embedding"].shape == (0, 384)
    assert actual["last_hidden_state"].shape == (0, 7, 384)


def test_same_bits_on_one_thread(library, compiled, rng):
    feed = tokens(rng, 2, 45, padded=True)
    two = {name: value.copy() for name, value in compiled.run(feed).items()}
    one = engines.Strut(library, 1).run(feed)
    for name, value in two.items():
        numpy.testing.assert_array_equal(one[name], value, err_msg=name)


def test_same_bits_alone_and_in_a_batch(compiled, rng):
    feed = tokens(rng, 5, 19, padded=True)
    together = {name: value.copy() for name, value in compiled.run(feed).items()}
    for row in range(5):
        alone = compiled.run({name: value[row : row + 1] for name, value in feed.items()})
        for name, value in together.items():
            numpy.testing.assert_array_equal(alone[name][0], value[row], err_msg=f"{name}, row {row}")


def test_finds_what_is_meant(compiled, expected):
    """The search answers as the float64 model would, in full order."""
    texts = passages.split(passages.read(search.PAGE))[::6]
    feed = weights.encode(texts)
    page, exact_page = compiled.run(feed)["embedding"].copy(), expected(**feed)["embedding"]
    for question in search.QUESTIONS:
        asked = weights.encode([question])
        scores = page @ compiled.run(asked)["embedding"][0]
        exact = exact_page @ expected(**asked)["embedding"][0]
        numpy.testing.assert_allclose(scores, exact, atol=1e-5)
        # Two passages that score alike may change places.
        numpy.testing.assert_allclose(exact[numpy.argsort(-scores)], -numpy.sort(-exact), atol=1e-5)


def test_export_is_valid_and_spelled_as_torch_does(model_file):
    model = onnx.load(model_file)
    onnx.checker.check_model(model, full_check=True)
    onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    names = {node.name: node.op_type for node in model.graph.node}
    assert len(names) == len(model.graph.node)
    assert names["/encoder/layer.0/attention/self/query/MatMul"] == "MatMul"
    assert names["/encoder/layer.5/intermediate/intermediate_act_fn/Erf"] == "Erf"
    assert names["/embeddings/LayerNorm/LayerNormalization"] == "LayerNormalization"


def test_reference_agrees_with_onnxruntime(expected, peer, rng, assert_close):
    """The yardstick itself: two implementations that share nothing."""
    feed = tokens(rng, 3, 29, padded=True)
    exact, theirs = expected(**feed), peer.run(feed)
    for name, value in exact.items():
        assert_close(theirs[name], value, what=name)
