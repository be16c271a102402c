"""A small network of each family that the compiler knows by name, as its authors write it.

Feed-forward: Shazeer, GLU Variants, 2020; Sehanobish et al., Scalable Neural Network Kernels, ICLR
2024; Gillman et al., Fourier Head, ICLR 2025; Liu et al., KAN, ICLR 2025. Experts: Shazeer et al.,
Outrageously Large Neural Networks, ICLR 2017. Mixers: Tolstikhin et al., MLP-Mixer; Liu et al., Pay
Attention to MLPs (gMLP); Yu et al., MetaFormer (PoolFormer); Lee-Thorp et al., FNet; Huang et al.,
Adaptive Frequency Filters (AFFNet). Branches: Ding et al., RepVGG; Vasu et al., MobileOne and FastViT;
Wang et al., RepViT.

    families.py FOLDER

run by the environment that has torch, writes FOLDER/NAME-EXPORTER/model.onnx with its cases beside
it, as bench/networks/export.py has them.
"""

import math
import pathlib
import sys
import warnings

import torch
from torch import nn
from torch.nn import functional

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from adapted import (  # noqa: E402
    Adapters, Attention, Beside, ChannelLora, ChannelShuffle, Chunks, GatedPrefix, KeySpace, Layers, NeuronAdjust,
    SharedBase, Vera,
)  # fmt: skip
from bench.networks.export import export, save_cases  # noqa: E402
from bench.networks.ffn import rows  # noqa: E402
from bench.networks.network import Network, stir  # noqa: E402
from bench.networks.structured import BlockDense, BlockShuffle, Lora, RoutedLora, weight  # noqa: E402


class Gated(nn.Module):
    """down(act(gate(x)) * up(x)), with a map for each half or one that is split."""

    def __init__(self, d: int, hidden: int, act, is_one: bool):
        super().__init__()
        self.act, self.is_one = act, is_one
        self.up = nn.Linear(d, 2 * hidden if is_one else hidden)
        self.gate = None if is_one else nn.Linear(d, hidden, bias=False)
        self.down = nn.Linear(hidden, d)

    def forward(self, x):
        if self.is_one:
            up, gate = self.up(x).chunk(2, -1)
        else:
            up, gate = self.up(x), self.gate(x)
        return self.down(up * self.act(gate))


class Dual(nn.Module):
    """A linear part beside a net."""

    def __init__(self, d: int, hidden: int):
        super().__init__()
        self.linear, self.first = nn.Linear(d, d), nn.Linear(d, hidden)
        self.second = nn.Linear(hidden, d, bias=False)

    def forward(self, x):
        return self.linear(x) + self.second(functional.gelu(self.first(x)))


class StackedLora(RoutedLora):
    """The updates of a routed layer as two einsums."""

    def forward(self, x):
        logits = self.route(x)
        best, places = torch.topk(torch.softmax(logits, -1), self.taken, dim=-1)
        gates = torch.zeros_like(logits).scatter(-1, places, best / best.sum(-1, keepdim=True))
        down = torch.stack([each.weight for each in self.down])
        up = torch.stack([each.weight for each in self.up])
        inner = torch.einsum("...d,erd->...er", x, down) * gates.unsqueeze(-1)
        return self.whole(x) + self.scale * torch.einsum("...er,eor->...o", inner, up)


class RandomFeatures(nn.Module):
    """Psi phi(x G) with G drawn once, phi a ReLU or waves."""

    def __init__(self, d: int, outputs: int, features: int, waves: bool):
        super().__init__()
        self.waves, self.features = waves, features
        self.register_buffer("drawn", torch.randn(d, features))
        self.psi = nn.Linear(2 * features if waves else features, outputs, bias=False)
        self.out = nn.Linear(outputs, outputs)

    def forward(self, x):
        t = x @ self.drawn
        if self.waves:
            t, size = t / math.sqrt(2), (x * x).sum(-1, keepdim=True) / 2
            t = torch.cat([t.exp() * torch.cos(t - size), t.exp() * torch.sin(t - size)], -1)
        else:
            t = torch.maximum(t, 0.0 * torch.ones_like(t))
        return self.out(self.psi(t / math.sqrt(self.features)))


class FourierHead(nn.Module):
    """Log probabilities of bins, the squares of a Fourier series by constant matrices."""

    def __init__(self, d: int, bins: int, frequencies: int):
        super().__init__()
        self.series = nn.Linear(d, 2 * (frequencies + 1))
        places = (2 * torch.arange(bins) + 1) / bins - 1
        angles = torch.outer(places, torch.arange(frequencies + 1)) * math.pi
        cosine, sine = angles.cos(), angles.sin()
        waves = torch.cat((torch.cat((cosine, -sine), 1), torch.cat((sine, cosine), 1)))
        self.register_buffer("waves", waves)

    def forward(self, x):
        real, imaginary = (self.series(x) @ self.waves.T).chunk(2, -1)
        density = real * real + imaginary * imaginary
        return torch.log(density / density.sum(-1, keepdim=True) + 1e-5)


class Kan(nn.Module):
    """A map of SiLU and one of cubic B-splines on `intervals` of [-1, 1]."""

    def __init__(self, inputs: int, outputs: int, intervals: int = 5, order: int = 3):
        super().__init__()
        knots = (torch.arange(-order, intervals + order + 1) * 2 / intervals - 1).expand(inputs, -1)
        self.register_buffer("knots", knots.contiguous())
        self.order, self.base = order, weight(outputs, inputs)
        self.splines = weight(outputs, inputs, intervals + order)
        self.scale = nn.Parameter(torch.rand(outputs, inputs) + 0.5)

    def forward(self, x):
        t, wide = self.knots, x.unsqueeze(-1)
        basis = ((wide >= t[:, :-1]) & (wide < t[:, 1:])).to(x.dtype)
        for k in range(1, self.order + 1):
            left = (wide - t[:, : -(k + 1)]) / (t[:, k:-1] - t[:, : -(k + 1)]) * basis[..., :-1]
            right = (t[:, k + 1 :] - wide) / (t[:, k + 1 :] - t[:, 1:-k]) * basis[..., 1:]
            basis = left + right
        splines = (self.splines * self.scale.unsqueeze(-1)).flatten(1)
        return functional.linear(functional.silu(x), self.base) + functional.linear(basis.flatten(-2), splines)


class Boosted(nn.Module):
    """A sum of small nets, as it was trained, or as one net of which the first `steps` are used."""

    def __init__(self, d: int, stages: int, hidden: int, outputs: int, is_prefix: bool):
        super().__init__()
        self.is_prefix, self.hidden = is_prefix, hidden
        self.first = nn.ModuleList(nn.Linear(d, hidden) for _ in range(stages))
        self.second = nn.ModuleList(nn.Linear(hidden, outputs) for _ in range(stages))
        self.all_first, self.all_second = nn.Linear(d, stages * hidden), nn.Linear(stages * hidden, outputs, bias=False)
        self.register_buffer("biases", torch.randn(stages + 1, outputs))

    def forward(self, x, steps=None):
        if self.is_prefix:
            keep = (torch.arange(self.all_first.out_features) < steps * self.hidden).to(x.dtype)
            return self.all_second(torch.sigmoid(self.all_first(x)) * keep) + self.biases[steps]
        y = self.biases[0]
        for stage, (first, second) in enumerate(zip(self.first, self.second)):
            y = y + 0.9 / (stage + 1) * second(torch.sigmoid(first(x)))
        return 2 * y


class Activator(nn.Module):
    """x + out(norm(gelu(a(n))) * norm(b(n))) with n = norm(x)."""

    def __init__(self, d: int, hidden: int):
        super().__init__()
        self.norm, self.inner = nn.LayerNorm(d), nn.LayerNorm(hidden)
        self.a, self.b, self.out = nn.Linear(d, hidden), nn.Linear(d, hidden), nn.Linear(hidden, d)

    def forward(self, x):
        n = self.norm(x)
        return x + self.out(self.inner(functional.gelu(self.a(n))) * self.inner(self.b(n)))


class Experts(nn.Module):
    """Of `experts` nets each row takes the best `taken`; `spelling` says how the sum is written."""

    def __init__(self, d: int, hidden: int, experts: int, taken: int, spelling: str):
        super().__init__()
        self.route, self.experts, self.taken, self.spelling = nn.Linear(d, experts), experts, taken, spelling
        self.first, self.second = weight(experts, d, hidden), weight(experts, hidden, d)
        self.nets = nn.ModuleList(
            nn.Sequential(nn.Linear(d, hidden), nn.GELU(), nn.Linear(hidden, d)) for _ in range(experts)
        )

    def forward(self, x):
        shape, x = x.shape, x.flatten(0, -2)
        best, places = torch.topk(self.route(x), self.taken, dim=-1)
        weights = best.softmax(-1)
        if self.spelling == "masked":
            y = sum(
                net(x) * (weights * (places == e)).sum(-1, keepdim=True) for e, net in enumerate(self.nets)
            )
        elif self.spelling == "batched":
            scores = torch.zeros(x.shape[0], self.experts, dtype=x.dtype).scatter(1, places, weights)
            inner = functional.gelu(torch.bmm(x.unsqueeze(0).expand(self.experts, -1, -1), self.first))
            y = (torch.bmm(inner, self.second) * scores.t().unsqueeze(-1)).sum(0)
        elif self.spelling == "gathered":
            inner = functional.gelu(torch.einsum("md,mkdh->mkh", x, self.first[places]))
            y = (torch.einsum("mkh,mkho->mko", inner, self.second[places]) * weights.unsqueeze(-1)).sum(1)
        else:
            y = torch.zeros_like(x)
            for e, net in enumerate(self.nets):
                row, slot = torch.where(places == e)
                y = y.index_add(0, row, net(x[row]) * weights[row, slot].unsqueeze(-1))
        return y.reshape(shape)


class MixerBlock(nn.Module):
    """A net along places, then one along channels (MLP-Mixer)."""

    def __init__(self, places: int, channels: int):
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(2))
        self.along = nn.Sequential(nn.Linear(places, 2 * places), nn.GELU(), nn.Linear(2 * places, places))
        self.across = nn.Sequential(nn.Linear(channels, 2 * channels), nn.GELU(), nn.Linear(2 * channels, channels))

    def forward(self, x):
        x = x + self.along(self.norms[0](x).transpose(1, 2)).transpose(1, 2)
        return x + self.across(self.norms[1](x))


class SpatialGating(nn.Module):
    """gMLP's block: half of the channels, mixed along places, gates the other."""

    def __init__(self, places: int, channels: int, hidden: int):
        super().__init__()
        self.norm, self.inner = nn.LayerNorm(channels), nn.LayerNorm(hidden // 2)
        self.first, self.second = nn.Linear(channels, hidden), nn.Linear(hidden // 2, channels)
        self.along = nn.Conv1d(places, places, 1)

    def forward(self, x):
        u, v = functional.gelu(self.first(self.norm(x))).chunk(2, -1)
        return x + self.second(u * self.along(self.inner(v)))


class PoolBlock(nn.Module):
    """PoolFormer's block."""

    def __init__(self, channels: int):
        super().__init__()
        self.norms = nn.ModuleList(nn.GroupNorm(1, channels) for _ in range(2))
        self.pool = nn.AvgPool2d(3, 1, 1, count_include_pad=False)
        self.first, self.second = nn.Conv2d(channels, 4 * channels, 1), nn.Conv2d(4 * channels, channels, 1)
        self.scales = nn.ParameterList(nn.Parameter(1e-5 * torch.ones(channels, 1, 1)) for _ in range(2))

    def forward(self, x):
        n = self.norms[0](x)
        x = x + self.scales[0] * (self.pool(n) - n)
        return x + self.scales[1] * self.second(functional.gelu(self.first(self.norms[1](x))))


class FourierMixing(nn.Module):
    """FNet's block: the real part of a transform along places and channels."""

    def __init__(self, d: int):
        super().__init__()
        self.norm, self.net = nn.LayerNorm(d), nn.Sequential(nn.Linear(d, 2 * d), nn.GELU(), nn.Linear(2 * d, d))

    def forward(self, x):
        x = self.norm(x + torch.fft.fft(torch.fft.fft(x, dim=-1), dim=-2).real)
        return x + self.net(x)


class FrequencyFilter(nn.Module):
    """AFFNet's mixer: a spectrum times what a complex block-diagonal net makes of it."""

    def __init__(self, channels: int, blocks: int):
        super().__init__()
        self.blocks, size = blocks, channels // blocks
        self.first, self.second = weight(2, blocks, size, size), weight(2, blocks, size, size)
        self.biases = nn.Parameter(0.2 * torch.randn(2, 2, blocks, size, 1, 1))

    def forward(self, x):
        def product(t, w):
            return torch.einsum("bkihw,kio->bkohw", t, w)

        spectrum = torch.fft.rfft2(x, norm="ortho")
        pieces = spectrum.unflatten(1, (self.blocks, -1))
        real, imaginary = pieces.real, pieces.imag
        (w1, w2), (v1, v2), b = self.first, self.second, self.biases
        r = functional.relu(product(real, w1) - product(imaginary, w2) + b[0, 0])
        i = functional.relu(product(imaginary, w1) + product(real, w2) + b[0, 1])
        r, i = product(r, v1) - product(i, v2) + b[1, 0], product(i, v1) + product(r, v2) + b[1, 1]
        mask = torch.view_as_complex(functional.softshrink(torch.stack([r, i], -1), 0.01).contiguous())
        return x + torch.fft.irfft2(mask.flatten(1, 2) * spectrum, s=x.shape[-2:], norm="ortho")


def normalised(inputs: int, outputs: int, window: int, groups: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, window, padding=window // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs))


class Branches(nn.Module):
    """act of the sum of branches of one image; FastViT's mixer adds x times a factor of it less its norm."""

    def __init__(self, *branches: nn.Module, act=functional.relu):
        super().__init__()
        self.branches, self.act = nn.ModuleList(branches), act

    def forward(self, x):
        return self.act(sum(branch(x) for branch in self.branches))


def images(build, channels: int, height: int = 7, width: int = 9) -> Network:
    """[batch, channels, height, width] in and out, of open batch."""

    def inputs(sizes, draw):
        return {"x": torch.randn(sizes["batch"], channels, height, width, generator=draw)}

    return Network(build, inputs, {"x": {0: "batch"}}, ["y"], [{"batch": size} for size in (2, 1, 3)])


def places(build, count: int, d: int) -> Network:
    """[batch, count, d] in and out, of open batch."""

    def inputs(sizes, draw):
        return {"x": torch.randn(sizes["batch"], count, d, generator=draw)}

    return Network(build, inputs, {"x": {0: "batch"}}, ["y"], [{"batch": size} for size in (2, 1, 3)])


def with_input(network: Network, name: str, draw_more, dynamic=None) -> Network:
    """The network with one more input."""

    def inputs(sizes, draw):
        return network.inputs(sizes, draw) | {name: draw_more(sizes, draw)}

    return Network(network.build, inputs, network.dynamic | {name: dynamic or {}}, network.outputs, network.sizes)


def moe(spelling: str) -> Network:
    return rows(lambda: Experts(24, 20, 4, 2, spelling), 24)


NETWORKS = {
    "swiglu": rows(lambda: Gated(24, 40, functional.silu, False), 24),
    "geglu": rows(lambda: Gated(24, 40, functional.gelu, True), 24),
    "dual": rows(lambda: Dual(24, 12), 24),
    "lora": rows(lambda: Lora(24, 20, 4), 24),
    "lora_routed": rows(lambda: RoutedLora(24, 20, 4, 2), 24),
    "lora_stacked": rows(lambda: StackedLora(24, 20, 4, 2), 24),
    "blockdense": rows(lambda: BlockDense(24, 40), 24),
    "blockshuffle": rows(lambda: BlockShuffle(24, 40), 24),
    "random_features": rows(lambda: RandomFeatures(24, 20, 7, False), 24),
    "random_waves": rows(lambda: RandomFeatures(24, 20, 7, True), 24),
    "fourier_head": rows(lambda: FourierHead(24, 18, 5), 24),
    "kan": rows(lambda: Kan(5, 4), 5),
    "boosted": rows(lambda: Boosted(7, 4, 3, 2, False), 7),
    "prefix": with_input(
        rows(lambda: Boosted(7, 4, 3, 2, True), 7), "steps",
        lambda sizes, draw: torch.randint(0, 5, (), generator=draw),
    ),
    "attention": rows(lambda: Attention(24, 4, 2), 24),
    "prefix_gated": with_input(
        rows(lambda: GatedPrefix(24, 40), 24), "used", lambda sizes, draw: torch.randint(0, 41, (), generator=draw)
    ),
    "channels_lowrank": images(lambda: Layers(nn.Conv2d(24, 6, 1, bias=False), nn.Conv2d(6, 40, 1)), 24),
    "channels_shuffle": images(lambda: ChannelShuffle(24, 48, 3), 24),
    "channels_lora": images(lambda: ChannelLora(24, 20, 4), 24),
    "chunks": rows(lambda: Chunks(24, 3, 12), 24),
    "adapters": rows(lambda: Adapters(24, 3, 3), 24),
    "lora_factors_shared": rows(lambda: Vera(24, 3), 24),
    "lora_base_shared": rows(lambda: SharedBase(24, 3), 24),
    "beside": rows(lambda: Beside(24, (20, 7, 13)), 24),
    "neuron_adjust": with_input(
        rows(lambda: NeuronAdjust(24, 40, (3, 17, 30)), 24), "u",
        lambda sizes, draw: torch.rand(*sizes.values(), 3, generator=draw), {0: "batch", 1: "rows"},
    ),
    "key_space_all": rows(lambda: KeySpace(24, 40, False), 24),
    "key_space_count": rows(lambda: KeySpace(24, 40, True), 24),
    "activator": rows(lambda: Activator(24, 40), 24),
    "moe_masked": moe("masked"),
    "moe_batched": moe("batched"),
    "moe_gathered": moe("gathered"),
    "moe_loop": moe("loop"),
    "mlp_mixer": places(lambda: MixerBlock(11, 24), 11, 24),
    "gmlp": places(lambda: SpatialGating(11, 24, 40), 11, 24),
    "fnet": places(lambda: FourierMixing(24), 12, 24),
    "affnet": images(lambda: FrequencyFilter(16, 4), 16, 6, 8),
    "poolformer": images(lambda: PoolBlock(12), 12),
    "repvgg": images(
        lambda: Branches(normalised(8, 8, 3), normalised(8, 8, 1), nn.BatchNorm2d(8)), 8
    ),
    "mobileone": images(
        lambda: Branches(*[normalised(8, 8, 3, 8) for _ in range(3)], normalised(8, 8, 1, 8), nn.BatchNorm2d(8)), 8
    ),
    "repvit": images(
        lambda: Branches(normalised(8, 8, 3, 8), nn.Conv2d(8, 8, 1, groups=8), nn.Identity(), act=nn.BatchNorm2d(8)), 8
    ),
    "fastvit": images(
        lambda: Branches(normalised(8, 8, 7, 8), normalised(8, 8, 3, 8), nn.BatchNorm2d(8), act=functional.gelu), 8
    ),
}  # fmt: skip
# What an exporter does not write: complex values, at opset 17.
NOT_EXPORTED = {("fnet", "legacy"), ("affnet", "legacy")}


def main(folder: pathlib.Path) -> None:
    warnings.filterwarnings("ignore")
    for name, network in NETWORKS.items():
        for exporter in ("dynamo", "legacy"):
            if (name, exporter) in NOT_EXPORTED:
                continue
            path = folder / f"{name}-{exporter}" / "model.onnx"
            path.parent.mkdir(exist_ok=True)
            torch.manual_seed(7)
            module = stir(network.build().eval())
            export(network, exporter, module, path)
            save_cases(network, module, path.parent)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
