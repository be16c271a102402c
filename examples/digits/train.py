#!/usr/bin/env python3
"""Trains the digit network on scikit-learn's handwritten digits and writes it as ONNX.

    train.py digits.onnx

Beside the model comes digits.npz: the held-back images and labels, and the trainer's own
probabilities for them, which a compiled model has to reproduce.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import onnx

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from examples.digits.network import Network  # noqa: E402


def data(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training images and labels, then held-back ones (a fifth, the same share of each digit)."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    images = (digits.images / 16.0).astype(np.float32)[:, None]
    train_x, test_x, train_y, test_y = train_test_split(
        images, digits.target, test_size=0.2, random_state=seed, stratify=digits.target
    )
    return train_x, train_y, test_x, test_y


def train(epochs: int = 16, batch: int = 64, seed: int = 0, report=print) -> Network:
    """Adam with a cosine schedule; images are shifted by up to one pixel."""
    train_x, train_y, _, _ = data()
    rng = np.random.default_rng(seed)
    network = Network(rng)
    parameters = network.parameters()
    first = {name: np.zeros_like(p) for name, p in parameters.items()}
    second = {name: np.zeros_like(p) for name, p in parameters.items()}
    steps = epochs * -(-len(train_x) // batch)
    step = 0
    for epoch in range(epochs):
        order, loss = rng.permutation(len(train_x)), 0.0
        for begin in range(0, len(order), batch):
            pick = order[begin : begin + batch]
            x = _shifted(train_x[pick], rng)
            loss += network.step(x, train_y[pick]) * len(pick)
            step += 1
            rate = 2e-3 * 0.5 * (1 + np.cos(np.pi * step / steps))
            for name, gradient in network.gradients().items():
                first[name] += 0.1 * (gradient - first[name])
                second[name] += 0.001 * (gradient * gradient - second[name])
                mean = first[name] / (1 - 0.9**step)
                variance = second[name] / (1 - 0.999**step)
                parameters[name] -= rate * mean / (np.sqrt(variance) + 1e-8)
        report(f"epoch {epoch + 1:2d}/{epochs}  loss {loss / len(order):.4f}")
    return network


def _shifted(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    dy, dx = np.where(rng.random((2, len(x))) < 0.5, 1, rng.integers(0, 3, (2, len(x))))
    rows = dy[:, None, None] + np.arange(8)[:, None]
    columns = dx[:, None, None] + np.arange(8)
    return padded[np.arange(len(x))[:, None, None], 0, rows, columns][:, None]


def write(path: Path, report=print) -> float:
    """Trains, writes `path` and its .npz, and returns the accuracy on held-back digits."""
    network = train(report=report)
    _, _, test_x, test_y = data()
    probabilities = network.probabilities(test_x)
    onnx.save(network.to_onnx(), path)
    np.savez(path.with_suffix(".npz"), images=test_x, labels=test_y, probabilities=probabilities)
    return float((probabilities.argmax(1) == test_y).mean())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    begin = time.perf_counter()
    accuracy = write(arguments.output)
    seconds = time.perf_counter() - begin
    print(f"{arguments.output}: {accuracy:.2%} of the held-back digits, trained in {seconds:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
