"""A sentence encoder of two small layers, as examples/minilm writes it: masks, pooling, vectors of length 1."""

import numpy as np
import pytest

import strut
from examples.minilm import export

CONFIG = {
    "vocab_size": 40, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
    "max_position_embeddings": 80, "type_vocab_size": 2, "layer_norm_eps": 1e-12,
}  # fmt: skip
SIZES = [(2, 7), (1, 1), (3, 70)]


def _tensors(rng):
    """Weights by the names of a checkpoint."""
    width, inner = CONFIG["hidden_size"], CONFIG["intermediate_size"]
    tables = {"word": "vocab_size", "position": "max_position_embeddings", "token_type": "type_vocab_size"}
    shapes = {f"embeddings.{name}_embeddings.weight": (CONFIG[size], width) for name, size in tables.items()}
    norms = ["embeddings.LayerNorm"]
    for index in range(CONFIG["num_hidden_layers"]):
        layer = f"encoder.layer.{index}"
        linears = {f"attention.self.{name}": (width, width) for name in ("query", "key", "value")}
        linears |= {"attention.output.dense": (width, width)}
        linears |= {"intermediate.dense": (inner, width), "output.dense": (width, inner)}
        for name, shape in linears.items():
            shapes |= {f"{layer}.{name}.weight": shape, f"{layer}.{name}.bias": shape[:1]}
        norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
    shapes |= {f"{norm}.{part}": (width,) for norm in norms for part in ("weight", "bias")}
    return {name: rng.normal(0, shape[-1] ** -0.5, shape).astype(np.float32) for name, shape in shapes.items()}


def _feed(rng, batch, length):
    """Tokens of which each row has some that do not count."""
    lengths = rng.integers(1, length + 1, (batch, 1))
    return {
        "input_ids": rng.integers(0, CONFIG["vocab_size"], (batch, length)),
        "attention_mask": (np.arange(length) < lengths).astype(np.int64),
        "token_type_ids": rng.integers(0, 2, (batch, length)),
    }


@pytest.fixture
def encoder(rng):
    return export.build(_tensors(rng), CONFIG, hidden=True)


def test_the_emulator_gives_what_the_cpu_gives(encoder, rng, assert_close):
    on_cpu = strut.compile(encoder)
    on_gpu = strut.compile(encoder, gpu_arch="emulate", no_cpu=True, device="emulate")
    for batch, length in SIZES:
        feed = _feed(rng, batch, length)
        expected = {name: value.copy() for name, value in on_cpu.run(feed).items()}
        for name, value in on_gpu.run(feed).items():
            assert_close(value, expected.pop(name), what=f"{name} of {batch} x {length}")
        assert not expected
