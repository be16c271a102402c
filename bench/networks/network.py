"""What one architecture of the collection is, and how its weights are drawn."""

from dataclasses import dataclass
from typing import Callable

import torch
from torch import nn

Sizes = dict[str, int]


@dataclass
class Network:
    """`build()` gives the module, in eval mode later; it may use what a fresh process has.

    `inputs(sizes, draw)` gives the inputs by the names of `forward`'s parameters, drawn from
    the generator `draw`; floating-point ones in float32.  `dynamic` names the dimensions of
    each input that stay open: {"x": {0: "batch"}}.  `sizes` are the sizes to run at, the
    first of which is the one to export at; none of its dimensions is 1.
    """

    build: Callable[[], nn.Module]
    inputs: Callable[[Sizes, torch.Generator], dict[str, torch.Tensor]]
    dynamic: dict[str, dict[int, str]]
    outputs: list[str]
    sizes: list[Sizes]


def images(size: int, name: str = "x"):
    """Inputs of a network that reads `size` by `size` pictures."""

    def draw_images(sizes: Sizes, draw: torch.Generator) -> dict[str, torch.Tensor]:
        return {name: torch.randn(sizes["batch"], 3, size, size, generator=draw)}

    return draw_images


def picture_network(build: Callable[[], nn.Module], size: int = 224, batches=(2, 1, 5)) -> Network:
    """A classifier: pictures in, one row of scores each out."""
    return Network(
        build, images(size), {"x": {0: "batch"}}, ["scores"], [{"batch": count} for count in batches]
    )


def stir(module: nn.Module, seed: int = 0) -> nn.Module:
    """Draws what starts constant, so that no branch is multiplied by 0 or 1e-6, no norm is the
    identity and no bias is invisible.  What is random already stays.
    """
    draw = torch.Generator().manual_seed(seed)

    def noise(tensor, spread):
        return spread * torch.randn(tensor.shape, generator=draw, dtype=torch.float32)

    with torch.no_grad():
        for name, value in module.named_parameters():
            if value.numel() == 0 or value.min() != value.max():
                continue
            about_one = value.flatten()[0] == 1
            value.copy_(1 + noise(value, 0.2) if about_one else noise(value, 0.1))
        for name, value in module.named_buffers():
            if name.endswith("running_mean"):
                value.copy_(noise(value, 0.2))
            elif name.endswith("running_var"):
                value.copy_(0.6 + 0.8 * torch.rand(value.shape, generator=draw))
    return module
