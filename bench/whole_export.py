#!/usr/bin/env python3
"""Exports a network at the size people run it, with open dimensions; runs where torch is installed.

    python -m bench.whole_export bert_base bert_base.onnx      (from the root of the tree)

The networks of bench/networks are small where the tests need no more; these are whole.
"""

import argparse
import sys
import warnings
from pathlib import Path

import torch
import torchvision
import transformers

from .networks import ffn, research, structured, vision
from .networks.export import export
from .networks.language import Hidden, words
from .networks.network import Network, picture_network, stir
from .networks.vision import from_timm


class Logits(torch.nn.Module):
    """A decoder without a cache: tokens in, scores of every place out."""

    def __init__(self, model: torch.nn.Module):
        super().__init__()
        self.model = model

    def forward(self, input_ids):
        return self.model(input_ids=input_ids, use_cache=False).logits


def bert_base() -> torch.nn.Module:
    return Hidden(transformers.BertModel(transformers.BertConfig(vocab_size=1000), add_pooling_layer=False))


def minilm() -> torch.nn.Module:
    """As all-MiniLM-L6: six narrow layers."""
    config = transformers.BertConfig(
        vocab_size=1000, hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536
    )
    return Hidden(transformers.BertModel(config, add_pooling_layer=False))


def gpt2() -> torch.nn.Module:
    return Logits(transformers.GPT2LMHeadModel(transformers.GPT2Config(vocab_size=1000)))


def tokens(build, masked: bool) -> Network:
    """Batch and sequence are open.  No token is masked: padding would make the work smaller."""
    axes = {0: "batch", 1: "seq"}
    names = ["input_ids", "attention_mask"] if masked else ["input_ids"]

    def inputs(sizes, draw):
        ids = words(sizes, draw)
        return dict(zip(names, (ids, torch.ones_like(ids))))

    return Network(build, inputs, {name: axes for name in names}, ["result"], [{"batch": 2, "seq": 19}])


NETWORKS: dict[str, Network] = {
    "vit_b16": picture_network(torchvision.models.vit_b_16),
    "bert_base": tokens(bert_base, masked=True),
    "minilm": tokens(minilm, masked=True),
    "gpt2": tokens(gpt2, masked=False),
    "mixer_b16": picture_network(from_timm("mixer_b16_224")),
    **{
        name: vision.NETWORKS[name]
        for name in ("convnext_t", "swin_t", "resnet50", "efficientnet_b0", "mobilenet_v3")
    },
    # Trained with several branches each, which nobody has merged.
    "repvgg_a0": picture_network(from_timm("repvgg_a0")),
    "mobileone_s1": picture_network(from_timm("mobileone_s1")),
    "repvit_m1": picture_network(from_timm("repvit_m1_0")),
    "poolformer_s12": picture_network(from_timm("poolformer_s12")),
    "repavit_s": picture_network(lambda: ffn.RePaViT(depth=12)),
    "gmlp_s": picture_network(from_timm("gmlp_s16_224")),
    **structured.NETWORKS,
    **research.NETWORKS,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", choices=sorted(NETWORKS))
    parser.add_argument("model", type=Path)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    network = NETWORKS[arguments.network]
    torch.manual_seed(7)
    export(network, "dynamo", stir(network.build().eval()), arguments.model)
    return 0


if __name__ == "__main__":
    sys.exit(main())
