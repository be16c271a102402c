"""Networks whose structure is not in their matrices alone, as their authors write them.

Random features: Sehanobish et al., Scalable Neural Network Kernels, ICLR 2024. Kolmogorov-Arnold
layers: Liu et al., 2024, in the B-spline form of efficient-kan. Fourier head: Gillman et al., ICLR
2025. Boosting in stages: Emami and Martinez-Munoz, 2023. Unlearning by neuron adjustment: Li et al.,
2025. Adaptive frequency filters: Huang et al., ICCV 2023.
"""

import math

import torch
from torch import nn
from torch.nn import functional

from .ffn import rows
from .network import Network


class RandomFeatures(nn.Module):
    """psi relu(G x) in place of a dense layer: G is fixed, and what follows is linear, too."""

    def __init__(self, d: int, hidden: int, features: int):
        super().__init__()
        self.register_buffer("fixed", torch.randn(d, features))
        self.learned, self.out = nn.Linear(features, hidden, bias=False), nn.Linear(hidden, d)

    def forward(self, x):
        t = x @ self.fixed
        features = torch.maximum(t, torch.zeros_like(t)) / math.sqrt(t.shape[-1])
        return x + self.out(self.learned(features))


class Splines(nn.Module):
    """A layer of B-splines of order 3 over 5 intervals per edge, beside a base with SiLU."""

    def __init__(self, inputs: int, outputs: int, intervals: int = 5, order: int = 3):
        super().__init__()
        knots = torch.arange(-order, intervals + order + 1) * (2 / intervals) - 1
        self.register_buffer("knots", knots.expand(inputs, -1).contiguous())
        self.order, bases = order, intervals + order
        self.base = nn.Parameter(torch.randn(outputs, inputs) / math.sqrt(inputs))
        self.weight = nn.Parameter(torch.randn(outputs, inputs, bases) / math.sqrt(inputs))
        self.scale = nn.Parameter(torch.rand(outputs, inputs) + 0.5)

    def bases(self, x):
        x, t = x.unsqueeze(-1), self.knots
        b = ((x >= t[:, :-1]) & (x < t[:, 1:])).to(x.dtype)
        for k in range(1, self.order + 1):
            rising = (x - t[:, : -(k + 1)]) / (t[:, k:-1] - t[:, : -(k + 1)])
            falling = (t[:, k + 1 :] - x) / (t[:, k + 1 :] - t[:, 1:-k])
            b = rising * b[..., :-1] + falling * b[..., 1:]
        return b

    def forward(self, x):
        flat = x.reshape(-1, x.shape[-1])
        weight = (self.weight * self.scale.unsqueeze(-1)).flatten(1)
        y = functional.linear(functional.silu(flat), self.base)
        y = y + functional.linear(self.bases(flat).flatten(1), weight)
        return y.reshape(*x.shape[:-1], -1)


class FourierHead(nn.Module):
    """Scores of bins from the autocorrelation of a short complex sequence, in real parts."""

    def __init__(self, d: int, bins: int, frequencies: int):
        super().__init__()
        self.count, self.map = frequencies + 1, nn.Linear(d, 2 * (frequencies + 1))
        places = (2 * torch.arange(bins) + 1) / bins - 1
        angles = torch.outer(torch.arange(frequencies + 1), places) * torch.pi
        self.register_buffer("cosine", angles.cos())
        self.register_buffer("sine", angles.sin())

    def forward(self, x):
        a, b = self.map(x).split(self.count, -1)
        real = a @ self.cosine - b @ self.sine
        imaginary = a @ self.sine + b @ self.cosine
        q = real * real + imaginary * imaginary
        return torch.log(q / q.sum(-1, keepdim=True) + 1e-5)


class Boosted(nn.Module):
    """The sum of `stages` small nets, each with its rate."""

    def __init__(self, d: int = 100, stages: int = 50, units: int = 8, outputs: int = 10):
        super().__init__()
        self.start = nn.Parameter(torch.randn(outputs))
        nets = (nn.Sequential(nn.Linear(d, units), nn.Sigmoid(), nn.Linear(units, outputs)) for _ in range(stages))
        self.nets, self.rates = nn.ModuleList(nets), [0.9 / (t + 1) for t in range(stages)]

    def forward(self, x):
        y = self.start
        for rate, net in zip(self.rates, self.nets):
            y = y + rate * net(x)
        return y


class Activator(nn.Module):
    """Gated nets alone: one norm for both halves, and one for both halves' inputs."""

    def __init__(self, d: int = 256, hidden: int = 512):
        super().__init__()
        self.norm, self.inner = nn.LayerNorm(d), nn.LayerNorm(hidden)
        self.first, self.second, self.third = nn.Linear(d, hidden), nn.Linear(d, hidden), nn.Linear(hidden, d)
        self.net = nn.Sequential(nn.Linear(d, hidden), nn.GELU(), nn.Linear(hidden, d))

    def forward(self, x):
        n = self.norm(x)
        x = x + self.third(self.inner(functional.gelu(self.first(n))) * self.inner(self.second(n)))
        return x + self.net(self.norm(x))


class NeuronAdjust(nn.Module):
    """A gated net; what goes into some neurons is mirrored where it looks like what to forget."""

    def __init__(self, d: int = 768, hidden: int = 3072, adjusted: int = 60):
        super().__init__()
        self.gate, self.up = nn.Linear(d, hidden, bias=False), nn.Linear(d, hidden, bias=False)
        self.down = nn.Linear(hidden, d, bias=False)
        self.register_buffer("chosen", torch.arange(adjusted) * (hidden // adjusted) + 3)
        self.register_buffer("means", torch.randn(2, adjusted) / 3)
        self.register_buffer("deviations", torch.rand(2, adjusted) + 0.3)

    def density(self, v, i):
        s = self.deviations[i]
        return torch.exp(-0.5 * ((v - self.means[i]) / s) ** 2) / (s * math.sqrt(2 * math.pi))

    def forward(self, x):
        g = self.gate(x)
        v = g[:, :, self.chosen]
        mirrored = self.means[0] + self.deviations[0] / self.deviations[1] * (self.means[1] - v)
        g[:, :, self.chosen] = torch.where(self.density(v, 0) <= self.density(v, 1), mirrored, v)
        return self.down(functional.silu(g) * self.up(x))


class FrequencyFilter(nn.Module):
    """x + irfft2(f * mask(f)), f = rfft2(x); the mask is a net per frequency in blocks of channels."""

    def __init__(self, channels: int, blocks: int = 8):
        super().__init__()
        size = channels // blocks
        self.blocks, self.size = blocks, size
        self.first, self.second = (nn.Parameter(torch.randn(2, blocks, size, size) / size**0.5) for _ in range(2))
        self.biases = nn.Parameter(0.1 * torch.randn(2, 2, blocks, size, 1, 1))

    def product(self, real, imaginary, w, bias):
        def through(x, matrix):
            return torch.einsum("bkihw,kio->bkohw", x, matrix)

        return (
            through(real, w[0]) - through(imaginary, w[1]) + bias[0],
            through(imaginary, w[0]) + through(real, w[1]) + bias[1],
        )

    def forward(self, x):
        batch, channels, height, width = x.shape
        f = torch.fft.rfft2(x, dim=(2, 3), norm="ortho")
        split = (batch, self.blocks, self.size, height, width // 2 + 1)
        real, imaginary = f.real.reshape(split), f.imag.reshape(split)
        real, imaginary = self.product(real, imaginary, self.first, self.biases[0])
        real, imaginary = self.product(real.relu(), imaginary.relu(), self.second, self.biases[1])
        mask = torch.stack([functional.softshrink(part, 0.01) for part in (real, imaginary)], -1)
        mask = torch.view_as_complex(mask.contiguous()).reshape(f.shape)
        return x + torch.fft.irfft2(mask * f, s=(height, width), dim=(2, 3), norm="ortho")


class FrequencyBlock(nn.Module):
    """AFFNet's block: an inverted bottleneck, then the filter, each after a norm."""

    def __init__(self, channels: int = 96):
        super().__init__()
        inner = 2 * channels

        def step(*convolution, **options):
            return [nn.Conv2d(*convolution, bias=False, **options), nn.BatchNorm2d(convolution[1])]

        self.norms = nn.ModuleList(nn.GroupNorm(1, channels) for _ in range(2))
        self.net = nn.Sequential(
            *step(channels, inner, 1), nn.SiLU(), *step(inner, inner, 3, padding=1, groups=inner), nn.SiLU(),
            *step(inner, channels, 1),
        )  # fmt: skip
        self.filter = FrequencyFilter(channels)

    def forward(self, x):
        u = self.norms[0](x)
        return x + self.filter(self.norms[1](u + self.net(u)))


class Deep(nn.Sequential):
    """Layers one after the other."""

    def forward(self, x):
        return super().forward(x)


def deep(layer, depth: int):
    return lambda: Deep(*(layer() for _ in range(depth)))


def maps(build, channels: int, side: int) -> Network:
    """[batch, channels, side, side] in and out."""

    def inputs(sizes, draw):
        return {"x": torch.randn(sizes["batch"], channels, side, side, generator=draw)}

    return Network(build, inputs, {"x": {0: "batch"}}, ["y"], [{"batch": 2}, {"batch": 1}])


NETWORKS = {
    "random_features": rows(deep(lambda: RandomFeatures(768, 3072, 128), 6), 768),
    "splines": rows(deep(lambda: Splines(256, 256), 2), 256),
    "fourier_head": rows(lambda: FourierHead(384, 4096, 256), 384),
    "boosted": rows(Boosted, 100),
    "activator": rows(deep(Activator, 4), 256),
    "neuron_adjust": rows(deep(NeuronAdjust, 2), 768),
    "frequency_block": maps(deep(FrequencyBlock, 2), 96, 32),
}
