"""Encoders, decoders with a cache, and a speech encoder, as the transformers library writes them."""

import torch
import transformers
from torch import nn
from transformers import DynamicCache, StaticCache

from .network import Network

WORDS = 1000


def words(sizes, draw, length="seq"):
    return torch.randint(0, WORDS, (sizes["batch"], sizes[length]), generator=draw)


def padded(sizes, draw, length="seq"):
    """A mask whose rows end anywhere."""
    lengths = torch.randint(1, sizes[length] + 1, (sizes["batch"], 1), generator=draw)
    return (torch.arange(sizes[length]) < lengths).long()


class Hidden(nn.Module):
    """An encoder of tokens, by its last hidden state alone."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask):
        return self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state


def token_encoder(model) -> Network:
    axes = {0: "batch", 1: "seq"}
    return Network(
        lambda: Hidden(model()),
        lambda sizes, draw: {"input_ids": words(sizes, draw), "attention_mask": padded(sizes, draw)},
        {"input_ids": axes, "attention_mask": axes},
        ["hidden"],
        [{"batch": b, "seq": s} for b, s in [(2, 19), (1, 1), (3, 64), (1, 128)]],
    )


def bert():
    config = transformers.BertConfig(vocab_size=WORDS, num_hidden_layers=4)
    return transformers.BertModel(config, add_pooling_layer=False)


def distilbert():
    config = transformers.DistilBertConfig(vocab_size=WORDS, n_layers=2)
    return transformers.DistilBertModel(config)


def t5_config(**sizes):
    # Written out, attention can be traced with open dimensions. Fused, it cannot: torch.export
    # records its result, transposed, as one that a view can flatten, and the operators that it
    # is then decomposed into for ONNX give another order of memory.
    sizes = {"d_model": 256, "d_kv": 32, "d_ff": 512, "num_layers": 3, "num_heads": 8} | sizes
    return transformers.T5Config(
        vocab_size=WORDS, feed_forward_proj="gated-gelu", attn_implementation="eager", **sizes
    )


def t5_encoder(**sizes):
    return transformers.T5EncoderModel(t5_config(**sizes))


class Decoder(nn.Module):
    """One step of a decoder: tokens and the cache's layers in, scores and the cache's layers out."""

    def __init__(self, model: nn.Module, layers: int):
        super().__init__()
        self.model, self.layers = model, layers

    def forward(self, input_ids, attention_mask, past):
        cache = DynamicCache([(past[2 * i], past[2 * i + 1]) for i in range(self.layers)])
        out = self.model(
            input_ids=input_ids, attention_mask=attention_mask, past_key_values=cache, use_cache=True
        )
        present = [half for layer in out.past_key_values.layers for half in (layer.keys, layer.values)]
        return out.logits, *present


def cached_decoder(model, layers: int, heads: int, width: int) -> Network:
    """`heads` is the number of key heads, `width` that of elements of each."""
    names = [f"{kind}{i}" for i in range(layers) for kind in ("key", "value")]

    def inputs(sizes, draw):
        total = {"batch": sizes["batch"], "total": sizes["past"] + sizes["seq"]}
        mask = torch.ones(total["batch"], total["total"], dtype=torch.long)
        # The first row begins later, as padding on the left does; no token sees nothing.
        mask[0, : sizes["past"] // 2] = 0
        shape = (sizes["batch"], heads, sizes["past"], width)
        return {
            "input_ids": words(sizes, draw),
            "attention_mask": mask,
            "past": [torch.randn(shape, generator=draw) for _ in names],
        }

    return Network(
        lambda: Decoder(model(), layers),
        inputs,
        {
            "input_ids": {0: "batch", 1: "seq"},
            "attention_mask": {0: "batch", 1: "total"},
            "past": [{0: "batch", 2: "past"} for _ in names],
        },
        ["logits", *(f"present_{name}" for name in names)],
        [
            {"batch": b, "seq": s, "past": p}
            for b, s, p in [(2, 3, 5), (1, 1, 31), (2, 1, 1), (1, 16, 0), (3, 7, 64)]
        ],
    )


class StaticDecoder(nn.Module):
    """One step of a decoder whose cache has its full length from the start: tokens, the number of
    those before them and the cache's layers in, scores and the cache's layers out."""

    def __init__(self, model: nn.Module, layers: int):
        super().__init__()
        self.model, self.layers = model, layers

    def forward(self, input_ids, past, cache):
        static = StaticCache(self.model.config, max_cache_len=cache[0].shape[2])
        for i, layer in enumerate(static.layers):
            # The layer updates in place what it is given, and an exporter's input must stay.
            layer.keys, layer.values = cache[2 * i].clone(), cache[2 * i + 1].clone()
            layer.cumulative_length, layer.is_initialized = past.clone(), True
            layer.dtype, layer.device = cache[0].dtype, cache[0].device
        out = self.model(input_ids=input_ids, past_key_values=static, use_cache=True)
        following = [half for layer in static.layers for half in (layer.keys, layer.values)]
        return out.logits, *following


def static_decoder(model, layers: int, heads: int, width: int) -> Network:
    """`heads` is the number of key heads, `width` that of elements of each."""
    names = [f"{kind}{i}" for i in range(layers) for kind in ("key", "value")]

    def inputs(sizes, draw):
        shape = (sizes["batch"], heads, sizes["length"], width)
        return {
            "input_ids": words(sizes, draw),
            "past": torch.tensor(sizes["past"]),
            "cache": [torch.randn(shape, generator=draw) for _ in names],
        }

    return Network(
        lambda: StaticDecoder(model(), layers),
        inputs,
        {
            "input_ids": {0: "batch", 1: "seq"},
            "past": {},
            "cache": [{0: "batch", 2: "length"} for _ in names],
        },
        ["logits", *(f"next_{name}" for name in names)],
        [
            {"batch": b, "seq": s, "length": n, "past": p}
            for b, s, n, p in [(2, 3, 24, 5), (1, 1, 64, 63), (2, 1, 17, 0), (1, 16, 16, 0), (3, 7, 100, 31)]
        ],
    )


def gpt2():
    config = transformers.GPT2Config(vocab_size=WORDS, n_embd=256, n_layer=3, n_head=8, n_positions=128)
    return transformers.GPT2LMHeadModel(config)


def llama():
    config = transformers.LlamaConfig(
        vocab_size=WORDS, hidden_size=256, intermediate_size=688, num_hidden_layers=3,
        num_attention_heads=8, num_key_value_heads=2, max_position_embeddings=256,
    )  # fmt: skip
    return transformers.LlamaForCausalLM(config)


class T5Decoder(nn.Module):
    """T5's decoder over the encoder's output, scores out."""

    def __init__(self, config):
        super().__init__()
        self.model = transformers.T5ForConditionalGeneration(config)

    def forward(self, input_ids, encoded, attention_mask):
        out = self.model(
            decoder_input_ids=input_ids, encoder_outputs=(encoded,), attention_mask=attention_mask,
            use_cache=False,
        )  # fmt: skip
        return out.logits


def t5_decoder(**sizes) -> Network:
    config = t5_config(**sizes)

    def inputs(sizes, draw):
        return {
            "input_ids": words(sizes, draw),
            "encoded": torch.randn(sizes["batch"], sizes["source"], config.d_model, generator=draw),
            "attention_mask": padded(sizes, draw, "source"),
        }

    return Network(
        lambda: T5Decoder(config),
        inputs,
        {
            "input_ids": {0: "batch", 1: "seq"},
            "encoded": {0: "batch", 1: "source"},
            "attention_mask": {0: "batch", 1: "source"},
        },
        ["logits"],
        [
            {"batch": b, "seq": s, "source": t}
            for b, s, t in [(2, 7, 11), (1, 1, 1), (3, 20, 33), (1, 64, 5)]
        ],
    )


class Whisper(nn.Module):
    """Whisper's encoder, spectrogram to hidden state."""

    def __init__(self, config):
        super().__init__()
        self.model = transformers.WhisperModel(config).get_encoder()

    def forward(self, mel):
        return self.model(mel).last_hidden_state


def whisper_encoder(**sizes) -> Network:
    sizes = {
        "d_model": 256, "encoder_layers": 2, "encoder_attention_heads": 8, "decoder_layers": 1,
        "decoder_attention_heads": 8, "decoder_ffn_dim": 256, "encoder_ffn_dim": 1024, "max_source_positions": 200,
        "num_mel_bins": 80,
    } | sizes  # fmt: skip
    config = transformers.WhisperConfig(
        vocab_size=WORDS, pad_token_id=1, bos_token_id=2, eos_token_id=3, decoder_start_token_id=2, **sizes
    )

    def inputs(sizes, draw):
        shape = (sizes["batch"], config.num_mel_bins, 2 * config.max_source_positions)
        return {"mel": torch.randn(shape, generator=draw)}

    batches = [{"batch": count} for count in (2, 1, 3)]
    return Network(lambda: Whisper(config), inputs, {"mel": {0: "batch"}}, ["hidden"], batches)


NETWORKS = {
    "bert_base": token_encoder(bert),
    "distilbert": token_encoder(distilbert),
    "t5_encoder": token_encoder(t5_encoder),
    "t5_decoder": t5_decoder(),
    "gpt2": cached_decoder(gpt2, layers=3, heads=8, width=32),
    "llama": cached_decoder(llama, layers=3, heads=2, width=32),
    "llama_static": static_decoder(llama, layers=3, heads=2, width=32),
    "whisper_encoder": whisper_encoder(),
}  # fmt: skip
