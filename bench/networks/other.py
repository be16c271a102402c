"""A recurrent network on convolutions, and a layer of a graph network."""

import torch
from torch import nn

from .network import Network


class Recurrent(nn.Module):
    """Lines of text or sound: convolutions, then a two-layer LSTM in both directions."""

    def __init__(self, height: int, hidden: int, classes: int = 30):
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d((2, 1)),
        )  # fmt: skip
        self.lstm = nn.LSTM(32 * height // 4, hidden, 2, bidirectional=True, batch_first=True)
        self.head = nn.Linear(2 * hidden, classes)

    def forward(self, x):
        y = self.convolutions(x).permute(0, 3, 1, 2).flatten(2)
        y, _ = self.lstm(y)
        return self.head(y).log_softmax(-1)


def recurrent(height: int = 32, hidden: int = 48) -> Network:
    def inputs(sizes, draw):
        return {"x": torch.randn(sizes["batch"], 1, height, sizes["width"], generator=draw)}

    return Network(
        lambda: Recurrent(height, hidden),
        inputs,
        {"x": {0: "batch", 3: "width"}},
        ["scores"],
        [{"batch": b, "width": w} for b, w in [(2, 40), (1, 64), (3, 18)]],
    )


class GraphLayer(nn.Module):
    """Two rounds of x' = relu(W x + mean over the incoming edges of V x)."""

    def __init__(self, width: int = 24, classes: int = 7):
        super().__init__()
        widths = [(width, 64), (64, classes)]
        self.own = nn.ModuleList(nn.Linear(a, b) for a, b in widths)
        self.others = nn.ModuleList(nn.Linear(a, b, bias=False) for a, b in widths)

    def forward(self, nodes, edges):
        source, target = edges[0], edges[1]
        ones = torch.ones_like(source, dtype=nodes.dtype)
        zeros = torch.zeros_like(nodes[:, 0])
        degree = zeros.scatter_add(0, target, ones).clamp(min=1).unsqueeze(1)
        for own, others in zip(self.own, self.others):
            messages = others(nodes)[source]
            index = target.unsqueeze(1).expand(-1, messages.shape[1])
            total = torch.zeros_like(own(nodes)).scatter_add(0, index, messages)
            nodes = torch.relu(own(nodes) + total / degree)
        return nodes


def graph_inputs(sizes, draw):
    return {
        "nodes": torch.randn(sizes["nodes"], 24, generator=draw),
        "edges": torch.randint(0, sizes["nodes"], (2, sizes["edges"]), generator=draw),
    }


NETWORKS = {
    "cnn_lstm": recurrent(),
    "gnn": Network(
        GraphLayer,
        graph_inputs,
        {"nodes": {0: "nodes"}, "edges": {1: "edges"}},
        ["scores"],
        [{"nodes": n, "edges": e} for n, e in [(10, 30), (100, 7), (33, 500)]],
    ),
}
