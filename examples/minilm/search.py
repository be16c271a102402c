#!/usr/bin/env python3
"""Searches a page of text by meaning, with MiniLM-L6 compiled by Strut.

    search.py [--text FILE] [--ask QUESTION]... [--best N] [--threads T]

Without --text it searches a page about lighthouses.  Without --ask it asks a few questions of
that page, or, on a terminal and with your own text, lets you type them.
"""

import argparse
import sys
import textwrap
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from examples import cache, engines, terminal  # noqa: E402
from examples.minilm import model, passages, weights  # noqa: E402

PAGE = Path(__file__).with_name("lighthouses.txt")
QUESTIONS = [
    "Why could a small flame be seen from so far away?",
    "Which plant did an engineer learn from?",
    "What did they eat?",
]
BATCH = 32  # passages in one run


def batches(texts: list[str]) -> list[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """(indices, inputs) pairs; texts of like length share a batch, so that little is padding."""
    order = np.argsort([len(text) for text in texts], kind="stable")
    groups = [order[i : i + BATCH] for i in range(0, len(order), BATCH)]
    return [(group, weights.encode([texts[i] for i in group])) for group in groups]


def embed(engine, work: list[tuple[np.ndarray, dict[str, np.ndarray]]]) -> np.ndarray:
    """Unit vectors [texts, 384] in the order of the texts."""
    found = np.concatenate([engine.run(feed)["embedding"] for _, feed in work])
    return found[np.argsort(np.concatenate([group for group, _ in work]))]


def show_answers(question: str, texts: list[str], scores: np.ndarray, best: int) -> None:
    print()
    print("  " + terminal.paint(f"“{question}”", "bold"))
    cells = 12
    indent = cells + 10
    for place, index in enumerate(np.argsort(-scores, kind="stable")[:best]):
        lines = textwrap.wrap(texts[index], terminal.width() - indent)
        score = terminal.paint(f"{scores[index]:5.2f}", "green" if place == 0 else "dim")
        filled = terminal.paint(terminal.bar(float(scores[index]), cells), "green" if place == 0 else "blue")
        style = ("bold",) if place == 0 else ()
        print(f"  {score} {filled}  {terminal.paint(lines[0], *style)}")
        for line in lines[1:]:
            print(" " * indent + terminal.paint(line, *style))


def compare(ours: np.ndarray, theirs: np.ndarray) -> None:
    """Prints how far two sets of unit vectors are apart."""
    cosine = (ours.astype(np.float64) * theirs.astype(np.float64)).sum(1)
    cosine /= np.linalg.norm(ours.astype(np.float64), axis=1)
    cosine /= np.linalg.norm(theirs.astype(np.float64), axis=1)
    difference = float(np.abs(ours - theirs).max())
    colour = "green" if difference < 1e-5 else "red"
    terminal.field(
        "agreement",
        f"largest difference {terminal.paint(f'{difference:.1e}', colour)} in {ours.size} numbers, "
        f"smallest cosine {terminal.paint(f'{cosine.min():.7f}', colour)}",
    )


def size(work: list[tuple[np.ndarray, dict[str, np.ndarray]]]) -> str:
    tokens = sum(int(feed["attention_mask"].sum()) for _, feed in work)
    return f"{sum(len(group) for group, _ in work)} passages, {tokens} tokens"


def search(texts: list[str], questions: list[str], best: int, width: int) -> None:
    """Compiles, embeds the page and the questions, and prints answers, agreement and times."""
    file, library, exporting, compiling = model.library()
    made = f"compiled in {compiling:.1f} s" if compiling else "compiled earlier, from the cache"
    if exporting:
        made = f"exported in {exporting:.1f} s, {made}"
    terminal.field("model", f"MiniLM-L6, 22.7 million weights; {made}")
    strut = engines.Strut(library, width)
    work = batches(texts)
    page = embed(strut, work)
    asked = [(question, batches([question])) for question in questions]
    ours = [embed(strut, feed) for _, feed in asked]
    for question, vector in zip(questions, ours):
        show_answers(question, texts, page @ vector[0], best)
    if not asked:
        questions = converse(strut, texts, page, best) or texts[:1]
        asked = [(question, batches([question])) for question in questions]
        ours = [embed(strut, feed) for _, feed in asked]

    # Strut is timed before ONNX Runtime starts its threads, which spin between runs.
    times = [engines.seconds(lambda feed=feed: embed(strut, feed)) for feed in (asked[0][1], work)]
    reference = engines.peer(file, width)
    if reference is None:
        return
    theirs = [engines.seconds(lambda feed=feed: embed(reference, feed)) for feed in (asked[0][1], work)]
    print()
    compare(
        np.concatenate([page, *ours]),
        np.concatenate([embed(reference, work), *(embed(reference, feed) for _, feed in asked)]),
    )
    terminal.field("speed", f"on {width} thread{'s' * (width > 1)}, median of several runs")
    short = asked[0][1][0][1]["input_ids"]
    rows = [(f"one question, {short.size} tokens", times[0], theirs[0])]
    rows.append((f"the page, {size(work)}", times[1], theirs[1]))
    terminal.duel(rows, strut.name, reference.name)


def converse(engine, texts: list[str], page: np.ndarray, best: int) -> list[str]:
    """Answers questions typed on the terminal until an empty one, and returns them."""
    print("\n  Ask something of this text; an empty line ends.")
    questions: list[str] = []
    while True:
        try:
            question = input("\n  ? ").strip()
        except (EOFError, KeyboardInterrupt):
            question = ""
        if not question:
            return questions
        questions.append(question)
        show_answers(question, texts, page @ embed(engine, batches([question]))[0], best)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", type=Path, default=PAGE, help="a text file to search")
    parser.add_argument("--ask", action="append", default=[], help="a question (may be repeated)")
    parser.add_argument("--best", type=int, default=2, help="answers to show (default 2)")
    parser.add_argument("--threads", type=int, default=engines.threads())
    arguments = parser.parse_args()
    questions = arguments.ask
    if not questions and arguments.text == PAGE:
        questions = QUESTIONS
    if not questions and not sys.stdin.isatty():
        questions = ["What is this text about?"]
    try:
        texts = passages.split(passages.read(arguments.text))
        if not texts:
            raise ValueError(f"{arguments.text} holds no text")
        terminal.heading("Search by meaning")
        terminal.field("page", f"{arguments.text.name}, {len(texts)} passages")
        search(texts, questions, max(1, arguments.best), max(1, arguments.threads))
    except OSError as error:
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    except (ValueError, weights.MissingWeights, cache.CompileError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
