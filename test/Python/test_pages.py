"""Pages say what is so: commands and options exist, outputs are those of now, names are of the code."""

import json
import pathlib
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest

from mutations import Graph

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/*.md")), *ROOT.glob("*/*/README.md")]
ROOMS = ("lib", "include", "dialects", "tools", "python", "bench")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TEXTS = {str(page.relative_to(ROOT)): page.read_text() for page in PAGES}


def spans(text):
    """What stands between single backticks outside of blocks."""
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", FENCE.sub("", text))]


def commands(text):
    """Lines of blocks and spans that call strut."""
    lines = [line for _, block in FENCE.findall(text) for line in block.splitlines()]
    for line in [*lines, *spans(text)]:
        words = line.split("#")[0].removeprefix("$ ").split()
        if len(words) > 1 and words[0] == "strut" and words[1].isalpha():
            yield words[1:]


def test_commands_and_options_exist(strut_run):
    said = {
        (command, re.match(r"--?[\w-]+", option)[0]): page
        for page, text in TEXTS.items()
        for command, *words in commands(text)
        for option in [word for word in words if re.match(r"--?[a-zA-Z]", word)] or ["--help"]
    }
    assert len({command for command, _ in said}) >= 6
    # An option that takes no value refuses one, but is known.
    unknown = [
        f"{page}: strut {command} {option}: {why}"
        for (command, option), page in said.items()
        for why in [strut_run(command, f"{option}=x", "--help", code=None).stderr]
        if "Unknown" in why
    ]
    assert not unknown, "\n".join(unknown)


def test_names_exist():
    sources = [path for room in ROOMS for path in ROOT.glob(f"{room}/**/*")]
    code = "\n".join(path.read_text() for path in sources if path.suffix in {".td", ".h", ".cpp", ".txt", ".py"})
    missing = []
    for page, text in TEXTS.items():
        for span in spans(text):
            # A pass or a tool, with its dashes; an op or an attribute of a dialect; a file.
            if re.fullmatch(r"(--)?strut-[a-z-]+", span):
                known = re.search(rf"\b{span.removeprefix('--')}\b", code)
            elif re.fullmatch(r"(layer|kernel)\.\w+", span):
                dialect, name = span.split(".")
                known = f'"{span}"' in code or re.search(rf'{dialect.capitalize()}\w*Op<"{name}"', code)
            elif re.fullmatch(r"(lib|test|docs|bench|examples|dialects|scripts|include)/[\w./-]+", span):
                known = (ROOT / span).exists()
            else:
                continue
            if not known:
                missing.append(f"{page}: {span}")
    assert not missing, "\n".join(missing)


@pytest.fixture
def folder(tmp_path):
    """The models that pages speak of."""
    script = ROOT / "test/Driver/Inputs/explained.py"
    subprocess.run([sys.executable, script, tmp_path / "model.onnx"], check=True)
    graph, channels = Graph([("n", 8, 6, 6)]), 8
    x = graph.node("Reshape", "x0", np.array([0, 1, -1]))
    x = graph.node("InstanceNormalization", x, np.ones(1, np.float32), np.zeros(1, np.float32))
    x = graph.node("Reshape", x, graph.node("Shape", "x0"))
    x = graph.node("Mul", x, np.arange(channels, dtype=np.float32)[:, None, None])
    x = graph.node("Add", x, np.ones((channels, 1, 1), np.float32))
    pool = graph.node("AveragePool", x, kernel_shape=[3, 3], pads=[1] * 4, count_include_pad=0)
    graph = graph.model(**{graph.node("Sub", pool, x): 4})
    (tmp_path / "block.onnx").write_bytes(graph.SerializeToString())
    machine = json.loads((ROOT / "test/Rewrite/Inputs/machine.json").read_text())
    (tmp_path / "machine.json").write_text(json.dumps(machine))
    return tmp_path


SHOWN = [
    (page, block)
    for page, text in TEXTS.items()
    for _, block in FENCE.findall(text)
    if block.startswith("$ strut explain")
]


@pytest.mark.parametrize("page,block", SHOWN, ids=[page for page, _ in SHOWN])
def test_outputs_are_those_of_now(page, block, folder, strut_run):
    command, *shown = block.splitlines()
    words = [str(folder / word) if (folder / word).is_file() else word for word in shlex.split(command)[2:]]
    printed = [line.rstrip() for line in strut_run(*words).stdout.splitlines()]
    places = [printed.index(line) if line in printed else -1 for line in shown]
    assert shown and -1 not in places and places == sorted(places), "\n".join(printed)


def about(shown, found):
    """Whether what a page shows is what was found, numbers as far as their digits go."""
    if isinstance(shown, dict):
        return shown.keys() == found.keys() and all(about(shown[key], found[key]) for key in shown)
    if isinstance(shown, list):
        return len(shown) == len(found) and all(map(about, shown, found))
    return abs(shown - found) <= 0.05 if isinstance(shown, float) else shown == found


def test_block_of_the_json(folder, strut_run):
    (block,) = [block for kind, block in FENCE.findall(TEXTS["docs/explain.md"]) if kind == "json"]
    options = ["--machine", folder / "machine.json", "--size-budget", "1000%", "--M", "1,256", "--json"]
    answer = json.loads(strut_run("explain", folder / "model.onnx", *options).stdout)
    shown = json.loads(block)
    assert about(shown, answer["blocks"][0]), answer["blocks"][0]
