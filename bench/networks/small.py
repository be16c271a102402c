"""The networks of this folder and of bench/whole_export.py as small as they can be: few layers, few
channels, small pictures, and the code of their authors. An emulator can finish them.

    python -m bench.networks.small FOLDER                    (from the root of the tree)

writes FOLDER/NAME-EXPORTER/model.onnx with its cases beside it, as export.py has them.
"""

import sys
import warnings
from pathlib import Path

import timm
import torch
import transformers
from timm.models import byobnet, metaformer, mlp_mixer
from torch import nn
from torchvision import models
from torchvision.models import convnext, efficientnet, mobilenetv3, regnet, resnet

from . import ffn, language, other, structured, vision
from .export import export, save_cases
from .network import Network, picture_network, stir

CLASSES = 10
SIDE = 32


def pictures(build, size: int = SIDE) -> Network:
    return picture_network(build, size, batches=(2, 1))


def from_timm(name: str, **options) -> Network:
    return pictures(lambda: timm.create_model(name, pretrained=False, num_classes=CLASSES, **options))


def mobilenet_v3():
    layer = mobilenetv3.InvertedResidualConfig
    layers = [
        layer(8, 3, 8, 8, False, "RE", 1, 1, 1),
        layer(8, 3, 24, 16, False, "RE", 2, 1, 1),
        layer(16, 5, 24, 16, True, "HS", 2, 1, 1),
        layer(16, 5, 32, 16, True, "HS", 1, 1, 1),
    ]
    return models.MobileNetV3(layers, 32, num_classes=CLASSES)


def efficientnet_b0():
    def layer(*sizes):
        return efficientnet.MBConvConfig(*sizes, width_mult=1, depth_mult=1)

    layers = [layer(1, 3, 1, 8, 8, 1), layer(4, 3, 2, 8, 16, 2), layer(4, 5, 2, 16, 16, 2)]
    return models.EfficientNet(layers, 0.2, num_classes=CLASSES)


def convnext_t():
    layer = convnext.CNBlockConfig
    return models.ConvNeXt([layer(16, 32, 1), layer(32, None, 1)], num_classes=CLASSES)


def swin_t():
    """Pictures of two windows and a half, so that they are padded, and shifted."""
    return models.SwinTransformer(
        [4, 4], embed_dim=16, depths=[2, 2], num_heads=[1, 2], window_size=[4, 4], num_classes=CLASSES
    )


def regnet_y():
    layers = regnet.BlockParams(
        depths=[1, 2], widths=[16, 32], group_widths=[8, 8], bottleneck_multipliers=[1, 1], strides=[2, 2], se_ratio=0.25
    )
    return models.RegNet(layers, num_classes=CLASSES, stem_width=8)


def mixer(**options) -> Network:
    sizes = {"num_classes": CLASSES, "img_size": SIDE, "patch_size": 8, "num_blocks": 2, "embed_dim": 32}
    return pictures(lambda: mlp_mixer.MlpMixer(**sizes, **options))


def poolformer_s12():
    return metaformer.MetaFormer(
        depths=(1, 1, 1, 1), dims=(16, 16, 24, 32), num_classes=CLASSES, downsample_norm=None, mlp_act=nn.GELU,
        mlp_bias=True, norm_layers=metaformer.GroupNorm1, layer_scale_init_values=1e-5, res_scale_init_values=None,
        use_mlp_head=False,
    )  # fmt: skip


def repvgg_a0():
    layers = [byobnet.ByoBlockCfg(type="rep", d=2, c=c, s=2, gs=0) for c in (16, 24)]
    config = byobnet.ByoModelCfg(blocks=tuple(layers), stem_type="rep", stem_chs=16)
    return byobnet.ByobNet(config, num_classes=CLASSES)


def mobileone_s1():
    layers = [
        [
            byobnet.ByoBlockCfg(type="one", d=1, c=inputs, gs=1, s=stride),
            byobnet.ByoBlockCfg(type="one", d=1, c=outputs, gs=0, s=1, block_kwargs={"kernel_size": 1}),
        ]
        for inputs, outputs, stride in ((16, 16, 2), (16, 24, 2), (24, 24, 1))
    ]
    config = byobnet.ByoModelCfg(blocks=layers, stem_type="one", stem_chs=16)
    return byobnet.ByobNet(config, num_classes=CLASSES)


def tokens(model) -> Network:
    network = language.token_encoder(model)
    network.sizes = [{"batch": b, "seq": s} for b, s in ((2, 7), (1, 1), (1, 19))]
    return network


def decoder(model, make, sizes) -> Network:
    network = make(model, layers=2, heads=2, width=16)
    network.sizes = sizes
    return network


def bert_base():
    return transformers.BertModel(
        transformers.BertConfig(
            vocab_size=language.WORDS, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
        ),
        add_pooling_layer=False,
    )


def distilbert():
    config = transformers.DistilBertConfig(vocab_size=language.WORDS, dim=32, n_layers=2, n_heads=2, hidden_dim=64)
    return transformers.DistilBertModel(config)


def gpt2():
    config = transformers.GPT2Config(vocab_size=language.WORDS, n_embd=32, n_layer=2, n_head=2, n_positions=64)
    return transformers.GPT2LMHeadModel(config)


def llama():
    config = transformers.LlamaConfig(
        vocab_size=language.WORDS, hidden_size=64, intermediate_size=96, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64,
    )  # fmt: skip
    return transformers.LlamaForCausalLM(config)


T5 = {"d_model": 32, "d_kv": 16, "d_ff": 48, "num_layers": 2, "num_heads": 2}
WHISPER = {
    "d_model": 32, "encoder_layers": 1, "encoder_attention_heads": 2, "decoder_attention_heads": 2,
    "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "max_source_positions": 24, "num_mel_bins": 8,
}  # fmt: skip
STEPS = [{"batch": b, "seq": s, "past": p} for b, s, p in ((2, 3, 5), (1, 1, 19), (1, 4, 0))]
STATIC_STEPS = [STEPS[0] | {"length": 24}, STEPS[1] | {"length": 32}, STEPS[2] | {"length": 8}]


def unet(up: str) -> Network:
    network = vision.unet(up, widths=(8, 16, 32))
    network.sizes = [dict(zip(("batch", "height", "width"), each)) for each in ((2, 16, 24), (1, 8, 4))]
    return network


def cnn_lstm() -> Network:
    network = other.recurrent(height=8, hidden=8)
    network.sizes = [{"batch": b, "width": w} for b, w in ((2, 10), (1, 6))]
    return network


def body(project, net, first_dense=True) -> Network:
    """Blocks of bench/networks/structured.py."""
    return ffn.rows(lambda: structured.Body(project, net, 32, 64, 2, depth=2, first_dense=first_dense), 32)


NETWORKS: dict[str, Network] = {
    "resnet50": pictures(
        lambda: models.ResNet(resnet.Bottleneck, [1, 1, 1, 1], width_per_group=8, num_classes=CLASSES)
    ),
    "mobilenet_v3": pictures(mobilenet_v3),
    "efficientnet_b0": pictures(efficientnet_b0),
    "convnext_t": pictures(convnext_t),
    "swin_t": pictures(swin_t, 40),
    "vit_b16": pictures(lambda: models.VisionTransformer(SIDE, 8, 2, 2, 32, 64, num_classes=CLASSES)),
    "deit_tiny": from_timm(
        "deit_tiny_distilled_patch16_224", img_size=SIDE, patch_size=8, embed_dim=32, depth=2, num_heads=2
    ),
    "mixer_s16": mixer(),
    "poolformer_s12": pictures(poolformer_s12),
    "regnet_y": pictures(regnet_y),
    "densenet121": pictures(lambda: models.DenseNet(8, (2, 2), num_init_features=16, num_classes=CLASSES)),
    "unet_transposed": unet("transposed"),
    "unet_resize": unet("resize"),
    "bert_base": tokens(bert_base),
    "distilbert": tokens(distilbert),
    "t5_encoder": tokens(lambda: language.t5_encoder(**T5)),
    "t5_decoder": language.t5_decoder(**T5),
    "gpt2": decoder(gpt2, language.cached_decoder, STEPS),
    "llama": decoder(llama, language.cached_decoder, STEPS),
    "llama_static": decoder(llama, language.static_decoder, STATIC_STEPS),
    "whisper_encoder": language.whisper_encoder(**WHISPER),
    "cnn_lstm": cnn_lstm(),
    "gnn": other.NETWORKS["gnn"],
    "gmlp_s": mixer(mlp_ratio=6, block_layer=mlp_mixer.SpatialGatingBlock, mlp_layer=mlp_mixer.GatedMlp),
    "repvgg_a0": pictures(repvgg_a0),
    "mobileone_s1": pictures(mobileone_s1),
    "repvit_m1": from_timm("repvit_m1_0", embed_dim=(8, 16), depth=(2, 2)),
    "repavit_s": pictures(lambda: ffn.RePaViT(d=32, heads=2, depth=1, side=SIDE, patch=8)),
    "repavit_split": pictures(lambda: ffn.RePaViT(d=32, heads=2, depth=1, spelling="split", side=SIDE, patch=8)),
    "structured_lowrank": body(nn.Linear, structured.LowRank),
    "structured_blockdense": body(nn.Linear, structured.BlockDense),
    "structured_blockshuffle": body(nn.Linear, structured.BlockShuffle),
    "lora_plain": body(structured.Lora, structured.Lora, first_dense=False),
    "lora_routed": body(structured.RoutedLora, nn.Linear, first_dense=False),
    "experts_8": ffn.rows(lambda: structured.Experts(32, 48, 8), 32),
    **{name: network for name, network in ffn.NETWORKS.items() if name != "repavit_s"},
}


def calibrated(network: Network, module: nn.Module) -> nn.Module:
    """Batch norms with the means and variances of an input, whose signal so reaches the end."""
    for norm in module.modules():
        if isinstance(norm, nn.modules.batchnorm._BatchNorm):
            norm.momentum = 1
            norm.train()
    with torch.no_grad():
        module(**network.inputs(network.sizes[0], torch.Generator().manual_seed(2)))
    return module.eval()


def main(folder: Path) -> None:
    warnings.filterwarnings("ignore")
    for name, network in NETWORKS.items():
        for exporter in ("dynamo", "legacy"):
            path = folder / f"{name}-{exporter}" / "model.onnx"
            path.parent.mkdir(exist_ok=True)
            torch.manual_seed(7)
            module = calibrated(network, stir(network.build().eval()))
            export(network, exporter, module, path)
            save_cases(network, module, path.parent)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
