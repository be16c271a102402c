"""MiniLM-L6 in plain float64 NumPy: what the compiled model is measured against."""

import numpy as np
from scipy.special import erf


class Reference:
    """The sentence encoder, computed in float64 from the float32 checkpoint."""

    def __init__(self, tensors: dict[str, np.ndarray], config: dict):
        self._w = {name: t.astype(np.float64) for name, t in tensors.items() if t.dtype.kind == "f"}
        self._layers = config["num_hidden_layers"]
        self._heads = config["num_attention_heads"]
        self._eps = config["layer_norm_eps"]

    def __call__(self, input_ids, attention_mask, token_type_ids) -> dict[str, np.ndarray]:
        """`last_hidden_state` [batch, seq, 384] and `embedding` [batch, 384], both float64."""
        seq = input_ids.shape[1]
        x = (
            self._w["embeddings.word_embeddings.weight"][input_ids]
            + self._w["embeddings.token_type_embeddings.weight"][token_type_ids]
            + self._w["embeddings.position_embeddings.weight"][:seq]
        )
        x = self._norm("embeddings.LayerNorm", x)
        for layer in range(self._layers):
            name = f"encoder.layer.{layer}"
            attended = self._linear(f"{name}.attention.output.dense", self._attention(name, x, attention_mask))
            x = self._norm(f"{name}.attention.output.LayerNorm", attended + x)
            inner = self._linear(f"{name}.intermediate.dense", x)
            inner = 0.5 * inner * (1.0 + erf(inner / np.sqrt(2.0)))
            x = self._norm(f"{name}.output.LayerNorm", self._linear(f"{name}.output.dense", inner) + x)
        mask = attention_mask[:, :, None].astype(np.float64)
        mean = (x * mask).sum(1) / np.maximum(mask.sum(1), 1e-9)
        norm = np.sqrt((mean * mean).sum(1, keepdims=True))
        return {"last_hidden_state": x, "embedding": mean / np.maximum(norm, 1e-12)}

    def _linear(self, name: str, x: np.ndarray) -> np.ndarray:
        return x @ self._w[f"{name}.weight"].T + self._w[f"{name}.bias"]

    def _norm(self, name: str, x: np.ndarray) -> np.ndarray:
        centred = x - x.mean(-1, keepdims=True)
        variance = (centred * centred).mean(-1, keepdims=True)
        return centred / np.sqrt(variance + self._eps) * self._w[f"{name}.weight"] + self._w[f"{name}.bias"]

    def _attention(self, name: str, x: np.ndarray, mask: np.ndarray) -> np.ndarray:
        batch, seq, hidden = x.shape

        def heads(which: str) -> np.ndarray:
            y = self._linear(f"{name}.attention.self.{which}", x)
            return y.reshape(batch, seq, self._heads, hidden // self._heads).transpose(0, 2, 1, 3)

        query, key, value = heads("query"), heads("key"), heads("value")
        scores = query @ key.transpose(0, 1, 3, 2) / np.sqrt(hidden // self._heads)
        # A masked key gets weight exactly 0, as in the exported graph, unless all keys are masked.
        scores = np.where(mask[:, None, None, :] != 0, scores, float(np.finfo(np.float32).min))
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        scores /= scores.sum(-1, keepdims=True)
        return (scores @ value).transpose(0, 2, 1, 3).reshape(batch, seq, hidden)
