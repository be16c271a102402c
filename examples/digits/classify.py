#!/usr/bin/env python3
"""Reads handwritten digits with a small CNN compiled by Strut.

    classify.py [--seed N] [--threads T]

The network is trained here, in plain NumPy, the first time; see train.py.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from examples import cache, engines, terminal  # noqa: E402
from examples.digits import network, train  # noqa: E402


def onnx_file(report=print) -> tuple[Path, float]:
    """digits.onnx in the cache with digits.npz beside it, and the seconds training took."""

    def make(path: Path) -> None:
        report("training a small CNN in NumPy (about ten seconds, once)")
        train.write(path, report=lambda line: None)

    return cache.exported("digits", [Path(train.__file__), Path(network.__file__)], make)


def show_digits(images: np.ndarray, labels: np.ndarray, probabilities: np.ndarray) -> None:
    """A row of digits as grey blocks, with what was read below each."""
    print()
    for y in range(images.shape[2]):
        print("  " + "  ".join("".join(terminal.shade(v) for v in image[0, y]) for image in images))
    captions = []
    for label, row in zip(labels, probabilities):
        text = f"{row.argmax()} ({row.max():.1%})"
        if row.argmax() != label:
            text += f" is {label}"
        # The padding goes outside of the colour, whose codes have a length too.
        padding = " " * max(0, 16 - len(text))
        right = row.argmax() == label
        captions.append(terminal.paint(text, "green" if right else "red", "bold") + padding)
    print("  " + "  ".join(captions))


def pick(labels: np.ndarray, guesses: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Indices of digits to show: chosen at random, and a misread one among them if there is one."""
    rng = np.random.default_rng(seed)
    wrong = np.flatnonzero(labels != guesses)
    shown = rng.permutation(np.flatnonzero(labels == guesses))[: count - min(1, len(wrong))]
    return np.concatenate([shown, rng.permutation(wrong)[: count - len(shown)]])


def accuracy(labels: np.ndarray, probabilities: np.ndarray) -> str:
    right = int((probabilities.argmax(1) == labels).sum())
    return f"{right} of {len(labels)}, {right / len(labels):.2%}"


def classify(seed: int, width: int) -> None:
    """Trains or finds the network, compiles it, and prints digits, accuracy and times."""
    file, training = onnx_file(lambda line: terminal.field("training", line))
    library, compiling = cache.compiled(file)
    held = np.load(file.with_suffix(".npz"))
    images, labels, trainer = held["images"], held["labels"], held["probabilities"]
    made = f"trained in {training:.0f} s" if training else "trained earlier"
    made += f", compiled in {compiling:.1f} s" if compiling else ", compiled earlier"
    terminal.field("model", f"three convolutions, pooling and a classifier; {made}")

    strut = engines.Strut(library, width)
    ours = strut.run({"image": images})["probabilities"]
    shown = pick(labels, ours.argmax(1), 10 if terminal.width() >= 92 else 5, seed)
    for row in np.split(shown, range(5, len(shown), 5)):
        show_digits(images[row], labels[row], ours[row])
    print()
    feeds = [{"image": images[:1]}, {"image": images}]
    times = [engines.seconds(lambda feed=feed: strut.run(feed)) for feed in feeds]
    reference = engines.peer(file, width)
    print("  Read correctly, of digits that the training never saw:")
    print(f"    {'NumPy trainer':22}{accuracy(labels, trainer)}")
    if reference is not None:
        theirs = reference.run({"image": images})["probabilities"]
        print(f"    {reference.name:22}{accuracy(labels, theirs)}")
    print(f"    {strut.name:22}{terminal.paint(accuracy(labels, ours), 'bold')}")
    if reference is None:
        return
    print()
    difference = f"{np.abs(ours - theirs).max():.1e}"
    terminal.field("agreement", f"largest difference {difference} in {ours.size} probabilities")
    terminal.field("speed", f"on {width} thread{'s' * (width > 1)}, median of several runs")
    peers = [engines.seconds(lambda feed=feed: reference.run(feed)) for feed in feeds]
    names = ["one digit", f"{len(images)} digits at once"]
    terminal.duel(list(zip(names, times, peers)), strut.name, reference.name)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=4, help="chooses the digits to show")
    parser.add_argument("--threads", type=int, default=engines.threads())
    arguments = parser.parse_args()
    terminal.heading("Handwritten digits")
    try:
        classify(arguments.seed, max(1, arguments.threads))
    except (OSError, cache.CompileError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
