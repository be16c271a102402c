"""Transformers whose linear layers have structure, as their authors write them.

Structured feed-forward nets: Wei et al., Building on Efficient Foundations, NeurIPS 2024. LoRA: Hu
et al., ICLR 2022; routed: a few updates a layer, of which each token takes the best. Experts: Shazeer
et al., ICLR 2017, all of them computed, as those write it who export.
"""

import math

import torch
from torch import nn
from torch.nn import functional

from .ffn import rows


def weight(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(*shape) / math.sqrt(shape[-1]))


class LowRank(nn.Module):
    """inputs -> rank -> outputs."""

    def __init__(self, inputs: int, outputs: int, share: int = 4):
        super().__init__()
        rank = min(inputs, outputs) // share
        self.down, self.up = nn.Linear(inputs, rank, bias=False), nn.Linear(rank, outputs)

    def forward(self, x):
        return self.up(self.down(x))


class BlockDense(nn.Module):
    """`blocks` matrices beside each other, then a dense one."""

    def __init__(self, inputs: int, outputs: int, blocks: int = 4):
        super().__init__()
        rank, self.blocks = min(inputs, outputs) // 2, blocks
        self.first, self.second = weight(blocks, rank // blocks, inputs // blocks), nn.Linear(rank, outputs)

    def forward(self, x):
        pieces = x.reshape(-1, self.blocks, x.shape[-1] // self.blocks).transpose(0, 1)
        z = torch.bmm(pieces, self.first.transpose(1, 2)).transpose(0, 1)
        return self.second(z.reshape(*x.shape[:-1], -1))


class BlockShuffle(nn.Module):
    """Two block-diagonal matrices with a shuffle between and after them (Monarch)."""

    def __init__(self, inputs: int, outputs: int, blocks: int = 4):
        super().__init__()
        self.blocks, self.inner = blocks, min(inputs, outputs) // blocks
        self.first = weight(blocks, self.inner, inputs // blocks)
        self.second = weight(blocks, outputs // blocks, self.inner)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x):
        pieces = x.reshape(-1, self.blocks, x.shape[-1] // self.blocks).transpose(0, 1)
        z = torch.bmm(pieces, self.first.transpose(1, 2)).transpose(0, 1)
        z = z.reshape(-1, self.inner, self.blocks).transpose(-1, -2).transpose(0, 1)
        y = torch.bmm(z, self.second.transpose(1, 2)).permute(1, 2, 0)
        return y.reshape(*x.shape[:-1], -1) + self.bias


class Lora(nn.Module):
    """A dense layer and an update of low rank that nobody has merged."""

    def __init__(self, inputs: int, outputs: int, rank: int = 16):
        super().__init__()
        self.whole, self.scale = nn.Linear(inputs, outputs), 32 / rank
        self.down, self.up = nn.Linear(inputs, rank, bias=False), nn.Linear(rank, outputs, bias=False)

    def forward(self, x):
        return self.whole(x) + self.scale * self.up(self.down(x))


class RoutedLora(nn.Module):
    """A dense layer and several updates, of which each token takes the best `taken`."""

    def __init__(self, inputs: int, outputs: int, updates: int = 4, rank: int = 16, taken: int = 2):
        super().__init__()
        self.whole, self.route = nn.Linear(inputs, outputs), nn.Linear(inputs, updates, bias=False)
        self.down = nn.ModuleList(nn.Linear(inputs, rank, bias=False) for _ in range(updates))
        self.up = nn.ModuleList(nn.Linear(rank, outputs, bias=False) for _ in range(updates))
        self.taken, self.scale = taken, 32 / rank

    def forward(self, x):
        logits = self.route(x)
        best, places = torch.topk(torch.softmax(logits, -1), self.taken, dim=-1)
        gates = torch.zeros_like(logits).scatter(-1, places, best / best.sum(-1, keepdim=True))
        y = self.whole(x)
        for i, (down, up) in enumerate(zip(self.down, self.up)):
            y = y + self.scale * gates[..., i : i + 1] * up(down(x))
        return y


class Experts(nn.Module):
    """Nets of which each row takes the best `taken`: all are computed, in two batched products."""

    def __init__(self, d: int, hidden: int, experts: int, taken: int = 2):
        super().__init__()
        self.route, self.taken, self.count = nn.Linear(d, experts, bias=False), taken, experts
        self.first, self.second = weight(experts, d, hidden), weight(experts, hidden, d)
        self.biases = nn.ParameterList(nn.Parameter(torch.randn(experts, 1, n)) for n in (hidden, d))

    def forward(self, x):
        rows = x.flatten(0, 1)
        logits = self.route(rows)
        best, places = torch.topk(logits, self.taken, dim=-1)
        gates = torch.zeros_like(logits).scatter(-1, places, torch.softmax(best, -1))
        inner = torch.bmm(rows.unsqueeze(0).expand(self.count, -1, -1), self.first) + self.biases[0]
        nets = torch.bmm(functional.gelu(inner), self.second) + self.biases[1]
        return (nets * gates.t().unsqueeze(-1)).sum(0).reshape(x.shape)


class Block(nn.Module):
    """Attention and a feed-forward net, each after a norm; `project` and `net` make their layers."""

    def __init__(self, d: int, hidden: int, heads: int, project, net):
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(d) for _ in range(2))
        self.qkv, self.out, self.heads = project(d, 3 * d), project(d, d), heads
        self.first, self.second = net(d, hidden), net(hidden, d)

    def forward(self, x):
        shape = (x.shape[0], x.shape[1], self.heads, -1)
        q, k, v = (part.reshape(shape).transpose(1, 2) for part in self.qkv(self.norms[0](x)).chunk(3, -1))
        y = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        x = x + self.out(y)
        return x + self.second(functional.gelu(self.first(self.norms[1](x))))


class Body(nn.Sequential):
    """`depth` blocks; the first one has dense layers where `first_dense`."""

    def __init__(self, project, net, d=768, hidden=3072, heads=12, depth=6, first_dense=True):
        dense = Block(d, hidden, heads, nn.Linear, nn.Linear)
        rest = (Block(d, hidden, heads, project, net) for _ in range(depth - first_dense))
        super().__init__(*([dense] if first_dense else []), *rest)

    def forward(self, x):
        return super().forward(x)


D = 768
NETWORKS = {
    "structured_lowrank": rows(lambda: Body(nn.Linear, LowRank), D),
    "structured_blockdense": rows(lambda: Body(nn.Linear, BlockDense), D),
    "structured_blockshuffle": rows(lambda: Body(nn.Linear, BlockShuffle), D),
    "lora_plain": rows(lambda: Body(Lora, Lora, first_dense=False), D),
    "lora_routed": rows(lambda: Body(RoutedLora, nn.Linear, first_dense=False), D),
    "experts_8": rows(lambda: Experts(512, 1024, 8), 512),
    "experts_16": rows(lambda: Experts(512, 1024, 16), 512),
    "experts_64": rows(lambda: Experts(512, 1024, 64), 512),
}
