"""Splits a page of text into passages short enough to be answers."""

import re
from pathlib import Path

_SHORT = 48  # characters; a shorter sentence means little without its neighbour
_LONG = 400  # characters; a longer one is cut at its clauses
_ABBREVIATIONS = re.compile(
    r"\b(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|No|vs|etc|e\.g|i\.e|cf|ca|approx|Fig|Vol|pp)\.$"
)
_END = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+(?=[\"'“‘(\[]?[A-Z0-9À-Þ])|(?<=[。！？])\s*")


def read(path: Path) -> str:
    """The text of `path`; OSError where it cannot be read, ValueError where it is no text."""
    data = path.read_bytes()
    if b"\0" in data[:4096]:
        raise ValueError(f"{path} is not a text file")
    return data.decode("utf-8-sig", errors="replace")


def split(text: str) -> list[str]:
    """Sentences, in order.  Headings and very short sentences join what follows them."""
    passages: list[str] = []
    held = ""
    for paragraph in re.split(r"\n\s*\n", text.replace("\r\n", "\n")):
        for sentence in _sentences(re.sub(r"\s+", " ", paragraph).strip()):
            if held:
                sentence = f"{held}{'' if held[-1] in '.!?:;…' else ':'} {sentence}"
            held = sentence
            if len(held) >= _SHORT:
                passages += _clauses(held)
                held = ""
    if held and passages:
        passages[-1] += f" {held}"
    elif held:
        passages.append(held)
    return passages


def _sentences(paragraph: str) -> list[str]:
    found, held = [], ""
    begin = 0
    for match in _END.finditer(paragraph):
        held = paragraph[begin : match.end()].strip()
        if _ABBREVIATIONS.search(held):
            continue
        found.append(held)
        begin = match.end()
    rest = paragraph[begin:].strip()
    return found + [rest] if rest else found


def _clauses(sentence: str) -> list[str]:
    if len(sentence) <= _LONG:
        return [sentence]
    pieces, held = [], ""
    for part in re.split(r"(?<=[;:,])\s+|\s+(?=[-–—]\s)", sentence):
        if held and len(held) + len(part) > _LONG:
            pieces.append(held)
            held = ""
        held = f"{held} {part}".strip()
    return pieces + [held]
