"""Convolutional networks and vision transformers."""

import timm
import torch
import torchvision
from torch import nn

from .network import Network, picture_network


def from_torchvision(name: str, **options):
    return lambda: getattr(torchvision.models, name)(weights=None, **options)


def from_timm(name: str, **options):
    return lambda: timm.create_model(name, pretrained=False, **options)


class Block(nn.Sequential):
    """Two convolutions, each with batch normalisation and ReLU."""

    def __init__(self, inner: int, outer: int):
        layers = []
        for channels in (inner, outer):
            layers += [nn.Conv2d(channels, outer, 3, padding=1, bias=False)]
            layers += [nn.BatchNorm2d(outer), nn.ReLU(inplace=True)]
        super().__init__(*layers)


class UNet(nn.Module):
    """Down by pooling, up by `up` ("transposed" convolution or "resize"), skips concatenated."""

    def __init__(self, up: str, widths: tuple[int, ...], classes: int = 5):
        super().__init__()
        self.down = nn.ModuleList(Block(a, b) for a, b in zip((3, *widths), widths))
        self.pool = nn.MaxPool2d(2)
        self.up, self.merge = nn.ModuleList(), nn.ModuleList()
        for wide, narrow in zip(widths[:0:-1], widths[-2::-1]):
            if up == "transposed":
                self.up.append(nn.ConvTranspose2d(wide, narrow, 2, stride=2))
            else:
                larger = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
                self.up.append(nn.Sequential(larger, nn.Conv2d(wide, narrow, 1)))
            self.merge.append(Block(2 * narrow, narrow))
        self.head = nn.Conv2d(widths[0], classes, 1)

    def forward(self, x):
        skips = []
        for index, block in enumerate(self.down):
            x = block(self.pool(x) if index else x)
            skips.append(x)
        for up, merge, skip in zip(self.up, self.merge, skips[-2::-1]):
            x = merge(torch.cat([skip, up(x)], 1))
        return self.head(x)


def unet(up: str, widths=(16, 32, 64, 128)) -> Network:
    def inputs(sizes, draw):
        shape = (sizes["batch"], 3, sizes["height"], sizes["width"])
        return {"x": torch.randn(shape, generator=draw)}

    sizes = [(2, 48, 64), (1, 96, 32), (3, 16, 24)]
    return Network(
        lambda: UNet(up, widths),
        inputs,
        {"x": {0: "batch", 2: "height", 3: "width"}},
        ["mask"],
        [dict(zip(("batch", "height", "width"), each)) for each in sizes],
    )


NETWORKS = {
    "resnet50": picture_network(from_torchvision("resnet50")),
    "mobilenet_v3": picture_network(from_torchvision("mobilenet_v3_large")),
    "efficientnet_b0": picture_network(from_torchvision("efficientnet_b0")),
    "convnext_t": picture_network(from_torchvision("convnext_tiny"), batches=(2, 1)),
    "swin_t": picture_network(from_torchvision("swin_t"), batches=(2, 1)),
    "vit_b16": picture_network(
        lambda: torchvision.models.VisionTransformer(224, 16, num_layers=4, num_heads=12,
                                                     hidden_dim=768, mlp_dim=3072),
        batches=(2, 1, 3),
    ),
    "deit_tiny": picture_network(from_timm("deit_tiny_distilled_patch16_224")),
    "mixer_s16": picture_network(from_timm("mixer_s16_224"), batches=(2, 1)),
    "poolformer_s12": picture_network(from_timm("poolformer_s12"), batches=(2, 1)),
    "regnet_y": picture_network(from_torchvision("regnet_y_400mf")),
    "densenet121": picture_network(from_torchvision("densenet121")),
    "unet_transposed": unet("transposed"),
    "unet_resize": unet("resize"),
}  # fmt: skip
