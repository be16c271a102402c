"""Structured linear layers as torch writes them, run by the environment that has torch.

    structured.py FOLDER

writes NAME-EXPORTER-SIZES.onnx and an .npz of inputs and outputs in float64 for each network of
NETWORKS, both exporters, open and fixed dimensions. Formulas: Wei et al., Building on
Efficient Foundations, 2024 (low rank, BlockDense, BlockShuffle); Hu et al., LoRA, 2022."""

import copy
import pathlib
import sys

import numpy as np
import torch
from torch import nn

OPSETS = {"dynamo": 20, "legacy": 17}


def parameter(*shape):
    return nn.Parameter(torch.randn(*shape) / shape[-1] ** 0.5)


class LowRank(nn.Module):
    def __init__(self, inputs, outputs, rank, on_rows=False):
        super().__init__()
        self.down, self.up = nn.Linear(inputs, rank, bias=False), nn.Linear(rank, outputs)
        self.on_rows = on_rows

    def forward(self, x):
        if not self.on_rows:
            return self.up(self.down(x))
        z = torch.mm(x.reshape(-1, x.shape[-1]), self.down.weight.t())
        return torch.mm(z, self.up.weight.t()).reshape(*x.shape[:-1], -1) + self.up.bias


class BlockDense(nn.Module):
    def __init__(self, inputs, outputs, rank, blocks):
        super().__init__()
        self.blocks, self.up = blocks, nn.Linear(rank, outputs)
        self.weight = parameter(blocks, rank // blocks, inputs // blocks)

    def forward(self, x):
        z = x.reshape(-1, self.blocks, x.shape[-1] // self.blocks).transpose(0, 1)
        z = torch.bmm(z, self.weight.transpose(1, 2)).transpose(0, 1)
        return self.up(z.reshape(*x.shape[:-1], -1))


class BlockShuffle(nn.Module):
    def __init__(self, inputs, outputs, blocks, einsum=False):
        super().__init__()
        self.blocks, self.middle, self.einsum = blocks, min(inputs, outputs) // blocks, einsum
        self.first = parameter(blocks, self.middle, inputs // blocks)
        self.second = parameter(blocks, outputs // blocks, self.middle)
        self.bias = nn.Parameter(torch.randn(outputs))

    def forward(self, x):
        lead = x.shape[:-1]
        if self.einsum:
            z = torch.einsum("kqp,bskp->bskq", self.first, x.reshape(*lead, self.blocks, -1))
            z = z.reshape(*lead, self.middle, self.blocks).transpose(-1, -2)
            return torch.einsum("ltr,bslr->bstl", self.second, z).reshape(*lead, -1) + self.bias
        z = x.reshape(-1, self.blocks, x.shape[-1] // self.blocks).transpose(0, 1)
        z = torch.bmm(z, self.first.transpose(1, 2)).transpose(0, 1)
        z = z.reshape(-1, self.middle, self.blocks).transpose(-1, -2).transpose(0, 1)
        z = torch.bmm(z, self.second.transpose(1, 2))
        return z.permute(1, 2, 0).reshape(*lead, -1) + self.bias


class LoRA(nn.Module):
    def __init__(self, inputs, outputs, rank, in_weight=False):
        super().__init__()
        self.base, self.in_weight, self.scale = nn.Linear(inputs, outputs), in_weight, 16 / rank
        self.down, self.up = parameter(rank, inputs), parameter(outputs, rank)

    def forward(self, x):
        if self.in_weight:
            weight = self.base.weight + self.scale * (self.up @ self.down)
            return nn.functional.linear(x, weight, self.base.bias)
        update = nn.functional.linear(nn.functional.linear(x, self.down), self.up)
        return self.base(x) + update * self.scale


class Guided(nn.Module):
    """A dense guide whose factor has come down to 0."""

    def __init__(self, inputs, outputs, rank):
        super().__init__()
        self.guide, self.low = nn.Linear(inputs, outputs, bias=False), LowRank(inputs, outputs, rank)
        self.register_buffer("share", torch.tensor(0.0))

    def forward(self, x):
        return self.share * self.guide(x) + (1 - self.share) * self.low(x)


# name: (network, inputs). The last ones are above the size to which exporters fold constants.
NETWORKS = {
    "lowrank": (lambda: LowRank(24, 40, 6), 24),
    "lowrank_mm": (lambda: LowRank(24, 40, 6, on_rows=True), 24),
    "blockdense": (lambda: BlockDense(8, 32, 6, 2), 8),
    "blockshuffle": (lambda: BlockShuffle(12, 18, 3), 12),
    "blockshuffle_down": (lambda: BlockShuffle(32, 8, 4), 32),
    "blockshuffle_einsum": (lambda: BlockShuffle(12, 18, 3, einsum=True), 12),
    "lora": (lambda: LoRA(24, 20, 4), 24),
    "lora_in_weight": (lambda: LoRA(24, 20, 4, in_weight=True), 24),
    "guided": (lambda: Guided(48, 56, 4), 48),
    "large_blockshuffle": (lambda: BlockShuffle(192, 384, 2), 192),
    "large_lora_in_weight": (lambda: LoRA(96, 128, 4, in_weight=True), 96),
}
SIZES = {"dynamic": [(2, 5), (1, 1), (3, 17)], "static": [(2, 5)]}


def export(folder, name, exporter, sizes):
    torch.manual_seed(0)
    make, inputs = NETWORKS[name]
    network = make().eval()
    example, path = torch.randn(2, 5, inputs), folder / f"{name}-{exporter}-{sizes}.onnx"
    options = {"opset_version": OPSETS[exporter], "dynamo": exporter == "dynamo"}
    if exporter == "dynamo":
        options["verbose"] = False
    else:
        options["input_names"] = ["x"]
    if sizes == "dynamic" and exporter == "dynamo":
        options["dynamic_shapes"] = ({0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC},)
    elif sizes == "dynamic":
        options["dynamic_axes"] = {
  "x" : {0 : "b", 1 : "s"}}
    torch.onnx.export(network, (example,), str(path), **options)
    exact, cases = copy.deepcopy(network).double(), {}
    for index, lead in enumerate(SIZES[sizes]):
        x = torch.randn(*lead, inputs)
        cases[f"in{index}"], cases[f"out{index}"] = x.numpy(), exact(x.double()).detach().numpy()
    np.savez(path.with_suffix(".npz"), **cases)


if __name__ == "__main__":
    for name in NETWORKS:
        for exporter in OPSETS:
            for sizes in SIZES:
                export(pathlib.Path(sys.argv[1]), name, exporter, sizes)
