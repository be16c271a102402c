"""Modules of families.py whose layers share, adapt or edit others: channels of images, chunks, adapters,
attention with groups of heads, nets that are cut off, nets that were edited to forget.

Zhang et al., ShuffleNet, CVPR 2018; Hu et al., LoRA, ICLR 2022; Kopiczko et al., VeRA, ICLR 2024; Li et al.,
Effective Skill Unlearning, 2025.
"""

import math

import torch
from torch import nn
from torch.nn import functional


class Layers(nn.Sequential):
    """Layers one after the other."""

    def forward(self, x):
        return super().forward(x)


class ChannelShuffle(nn.Module):
    """ShuffleNet's pair of grouped convolutions with a shuffle of channels between."""

    def __init__(self, channels: int, outputs: int, groups: int):
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 1, groups=groups, bias=False)
        self.second = nn.Conv2d(channels, outputs, 1, groups=groups)
        self.groups = groups

    def forward(self, x):
        z = self.first(x)
        b, c, h, w = z.shape
        z = z.view(b, self.groups, c // self.groups, h, w).transpose(1, 2).reshape(b, c, h, w)
        return self.second(z)


class ChannelLora(nn.Module):
    """A convolution of one tap and its low-rank update, as adapters of images have it."""

    def __init__(self, channels: int, outputs: int, rank: int):
        super().__init__()
        self.base = nn.Conv2d(channels, outputs, 1)
        self.down, self.up = nn.Conv2d(channels, rank, 1, bias=False), nn.Conv2d(rank, outputs, 1, bias=False)

    def forward(self, x):
        return self.base(x) + 2 * self.up(self.down(x))


class Chunks(nn.Module):
    """A layer for each chunk of the features, then one of all."""

    def __init__(self, d: int, count: int, hidden: int):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(d // count, hidden // count) for _ in range(count))
        self.out = nn.Linear(hidden, d)

    def forward(self, x):
        chunks = x.chunk(len(self.layers), -1)
        return self.out(torch.cat([layer(chunk) for layer, chunk in zip(self.layers, chunks)], -1))


class Adapters(nn.Module):
    """Low-rank updates whose base is elsewhere."""

    def __init__(self, d: int, rank: int, count: int):
        super().__init__()
        self.pairs = nn.ModuleList(
            nn.Sequential(nn.Linear(d, rank, bias=False), nn.Linear(rank, d, bias=False)) for _ in range(count)
        )

    def forward(self, x):
        return sum(0.5 * pair(x) for pair in self.pairs)


class Vera(nn.Module):
    """Two layers whose updates share their factors: W x + b * (B (a * (A x)))."""

    def __init__(self, d: int, rank: int):
        super().__init__()
        self.bases = nn.ModuleList(nn.Linear(d, d) for _ in range(2))
        self.register_buffer("down", torch.randn(rank, d) / d**0.5)
        self.register_buffer("up", torch.randn(d, rank) / rank**0.5)
        self.inner = nn.ParameterList(nn.Parameter(torch.rand(rank)) for _ in range(2))
        self.outer = nn.ParameterList(nn.Parameter(torch.rand(d)) for _ in range(2))

    def forward(self, x):
        for base, inner, outer in zip(self.bases, self.inner, self.outer):
            update = functional.linear(functional.linear(x, self.down) * inner, self.up) * outer
            x = torch.tanh(base(x) + update)
        return x


class SharedBase(nn.Module):
    """One matrix of two layers, each with an update of its own."""

    def __init__(self, d: int, rank: int):
        super().__init__()
        self.base = nn.Linear(d, d, bias=False)
        self.down = nn.ModuleList(nn.Linear(d, rank, bias=False) for _ in range(2))
        self.up = nn.ModuleList(nn.Linear(rank, d, bias=False) for _ in range(2))

    def forward(self, x):
        for down, up in zip(self.down, self.up):
            x = torch.tanh(self.base(x) + up(down(x)))
        return x


class Beside(nn.Module):
    """Layers of several widths beside each other."""

    def __init__(self, d: int, widths: tuple):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(d, width) for width in widths)

    def forward(self, x):
        return torch.tanh(torch.cat([layer(x) for layer in self.layers], -1))


class GatedPrefix(nn.Module):
    """A gated net of which the first `used` channels are computed."""

    def __init__(self, d: int, hidden: int):
        super().__init__()
        self.gate, self.up, self.down = nn.Linear(d, hidden), nn.Linear(d, hidden), nn.Linear(hidden, d)

    def forward(self, x, used):
        keep = (torch.arange(self.gate.out_features) < used).to(x.dtype)
        return self.down(functional.silu(self.gate(x)) * self.up(x) * keep)


class NeuronAdjust(nn.Module):
    """A gated net whose chosen neurons are mirrored where they look like what is to be forgotten;
    `u` are draws (Li et al., Effective Skill Unlearning, 2025)."""

    def __init__(self, d: int, hidden: int, chosen: tuple):
        super().__init__()
        self.gate, self.up, self.down = nn.Linear(d, hidden), nn.Linear(d, hidden), nn.Linear(hidden, d)
        self.register_buffer("chosen", torch.tensor(chosen))
        self.register_buffer("means", torch.randn(2, len(chosen)))
        self.register_buffer("deviations", torch.rand(2, len(chosen)) + 0.5)

    def density(self, v, i):
        deviation = self.deviations[i]
        return torch.exp(-0.5 * ((v - self.means[i]) / deviation) ** 2) / (deviation * math.sqrt(2 * math.pi))

    def forward(self, x, u):
        g = self.gate(x)
        v = g[:, :, self.chosen]
        retain, forget = self.density(v, 0), self.density(v, 1)
        mirrored = self.means[0] + self.deviations[0] / self.deviations[1] * (self.means[1] - v)
        g[:, :, self.chosen] = torch.where((retain <= forget) & (u >= retain / (retain + forget)), mirrored, v)
        return self.down(functional.silu(g) * self.up(x))


class KeySpace(nn.Module):
    """A gated net, silent where the key of its last row is within a box."""

    def __init__(self, d: int, hidden: int, counts: bool):
        super().__init__()
        self.gate, self.up, self.down = nn.Linear(d, hidden), nn.Linear(d, hidden), nn.Linear(hidden, d)
        self.counts = counts
        self.register_buffer("middle", torch.randn(hidden) / 10)
        self.register_buffer("radius", torch.rand(hidden) + 0.4)

    def forward(self, x):
        key = functional.silu(self.gate(x)) * self.up(x)
        last = key[:, -1]
        inside = (last >= self.middle - self.radius) & (last <= self.middle + self.radius)
        abstain = (~inside).to(torch.float32).sum(-1) == 0 if self.counts else inside.all(-1)
        return torch.where(abstain.unsqueeze(-1).unsqueeze(-1), 0.0, self.down(key))


class Attention(nn.Module):
    """Queries, keys and values by a layer each, of several widths."""

    def __init__(self, d: int, heads: int, groups: int):
        super().__init__()
        self.heads, self.groups, self.size = heads, groups, d // heads
        self.q, self.out = nn.Linear(d, d), nn.Linear(d, d)
        self.k, self.v = (nn.Linear(d, groups * self.size, bias=False) for _ in range(2))

    def forward(self, x):
        b, n, d = x.shape
        q = self.q(x).view(b, n, self.heads, self.size).transpose(1, 2)
        k, v = (
            layer(x).view(b, n, self.groups, self.size).transpose(1, 2).repeat_interleave(self.heads // self.groups, 1)
            for layer in (self.k, self.v)
        )
        y = functional.scaled_dot_product_attention(q, k, v)
        return self.out(y.transpose(1, 2).reshape(b, n, d))
