"""Feed-forward nets with structure that plain operators hide, as their authors train them."""

import torch
from torch import nn
from torch.nn import functional

from .network import Network, picture_network


class IdleChannels(nn.Module):
    """RePaViT's net: of 4 d hidden channels the first `active` pass GELU, the others none.

    `spelling`: "mask" (a bool mask and where), "assign" (to a slice) or "split" (and cat).
    """

    def __init__(self, d: int, active: int, spelling: str, batch_norm: bool = True):
        super().__init__()
        self.active, self.spelling, self.batch_norm = active, spelling, batch_norm
        self.first, self.second = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)
        self.before = nn.BatchNorm1d(d) if batch_norm else nn.LayerNorm(d)
        self.between = nn.BatchNorm1d(4 * d) if batch_norm else nn.Identity()

    def normalised(self, norm, x):
        return norm(x.transpose(1, 2)).transpose(1, 2) if self.batch_norm else norm(x)

    def forward(self, x):
        u = self.first(self.normalised(self.before, x))
        if self.spelling == "mask":
            mask = torch.zeros_like(u, dtype=torch.bool)
            mask[:, :, : self.active] = True
            u = torch.where(mask, functional.gelu(u), u)
        elif self.spelling == "assign":
            u[:, :, : self.active] = functional.gelu(u[:, :, : self.active])
        else:
            active, idle = u.split([self.active, u.shape[-1] - self.active], dim=-1)
            u = torch.cat([functional.gelu(active), idle], dim=-1)
        return x + self.second(self.normalised(self.between, u))


class Block(nn.Module):
    """Attention, then a net with idle channels."""

    def __init__(self, d: int, heads: int, active: int, spelling: str):
        super().__init__()
        self.norm, self.heads = nn.LayerNorm(d), heads
        self.qkv, self.out = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.ffn = IdleChannels(d, active, spelling)

    def forward(self, x):
        shape = (x.shape[0], x.shape[1], self.heads, -1)
        q, k, v = (part.reshape(shape).transpose(1, 2) for part in self.qkv(self.norm(x)).chunk(3, -1))
        y = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        return self.ffn(x + self.out(y))


class RePaViT(nn.Module):
    """A vision transformer of RePaViT's blocks, without its class token."""

    def __init__(
        self, d: int = 384, heads: int = 6, depth: int = 2, spelling: str = "mask", side: int = 224, patch: int = 16
    ):
        super().__init__()
        self.patches = nn.Conv2d(3, d, patch, patch)
        self.places = nn.Parameter(0.2 * torch.randn(1, (side // patch) ** 2, d))
        self.blocks = nn.Sequential(*(Block(d, heads, d, spelling) for _ in range(depth)))
        self.head = nn.Linear(d, 100)

    def forward(self, x):
        tokens = self.patches(x).flatten(2).transpose(1, 2) + self.places
        return self.head(self.blocks(tokens).mean(1))


def rows(build, d: int, is_open: bool = True) -> Network:
    """[batch, rows, d] in and out; both dimensions open, or fixed."""

    def inputs(sizes, draw):
        return {"x": torch.randn(sizes["batch"], sizes["rows"], d, generator=draw)}

    sizes = [{"batch": 2, "rows": 7}]
    if is_open:
        sizes += [{"batch": 1, "rows": 1}, {"batch": 3, "rows": 64}]
    return Network(build, inputs, {"x": {0: "batch", 1: "rows"} if is_open else {}}, ["y"], sizes)


# Weights of 96 x 384 are above the size to which the newer exporter folds constants.
NETWORKS = {
    "repa_mask": rows(lambda: IdleChannels(96, 96, "mask"), 96),
    "repa_assign": rows(lambda: IdleChannels(96, 96, "assign"), 96),
    "repa_split": rows(lambda: IdleChannels(96, 96, "split"), 96),
    "repa_mask_fixed": rows(lambda: IdleChannels(96, 96, "mask"), 96, is_open=False),
    "repa_assign_fixed": rows(lambda: IdleChannels(96, 96, "assign"), 96, is_open=False),
    "repa_all_idle": rows(lambda: IdleChannels(96, 0, "mask"), 96),
    "repa_mostly_active": rows(lambda: IdleChannels(96, 380, "mask"), 96),
    "repa_layer_norm": rows(lambda: IdleChannels(96, 96, "mask", batch_norm=False), 96),
    "repavit_s": picture_network(RePaViT),
}
