"""The example programs as a user meets them: what they print, and what they say when it fails."""

import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from examples.digits import classify
from examples.minilm import passages, weights

QUESTION = "Where do fish live?"
TEXT = """Bread is baked in an oven at high heat every morning.

Trout swim in the clear water of cold mountain streams.
"""


@pytest.fixture
def example(root, strut):
    """example(script, *arguments, code=0): runs an example against the build under test."""

    def run(script, *arguments, code=0):
        environment = {**os.environ, "STRUT": str(strut)}
        command = [sys.executable, str(root / "examples" / script), *map(str, arguments)]
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL, timeout=300
        )
        assert done.returncode == code, f"{command}\n{done.stdout}{done.stderr}"
        assert "\x1b" not in done.stdout, "colour codes where there is no terminal"
        return done

    return run


@pytest.fixture
def minilm():
    try:
        weights.folder()
    except weights.MissingWeights as missing:
        pytest.skip(str(missing))


def test_search_in_a_text_of_ones_own(example, minilm, tmp_path):
    page = tmp_path / "page.txt"
    page.write_text(TEXT)
    shown = example("minilm/search.py", "--text", page, "--ask", QUESTION, "--best", 1).stdout
    assert QUESTION in shown
    assert "Trout swim" in shown and "Bread" not in shown
    assert "agreement" in shown and "ONNX Runtime" in shown


def test_search_in_its_own_page(example, minilm):
    shown = example("minilm/search.py").stdout
    assert "lighthouses.txt" in shown and "Fresnel" not in shown.split("flame")[0]


@pytest.mark.parametrize(
    "content,complaint",
    [(None, "No such file"), (b"", "holds no text"), (b"\x7fELF\0\0", "is not a text file")],
    ids=["missing", "empty", "binary"],
)
def test_search_in_what_is_no_text(example, tmp_path, content, complaint):
    page = tmp_path / "page.txt"
    if content is not None:
        page.write_bytes(content)
    done = example("minilm/search.py", "--text", page, "--ask", QUESTION, code=1)
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1 and complaint in lines[0] and "page.txt" in lines[0]


def test_digits(example):
    shown = example("digits/classify.py").stdout
    rows = [line for line in shown.splitlines() if " of 360" in line]
    assert len(rows) == 3
    assert len({line.split("of 360,")[1].strip() for line in rows}) == 1, "one accuracy for all three"


def test_demo_explains_itself(root):
    demo = root / "scripts" / "demo"
    shown = subprocess.run([demo, "--help"], capture_output=True, text=True, timeout=300)
    assert shown.returncode == 0 and "--ask" in shown.stdout
    wrong = subprocess.run([demo, "--question"], capture_output=True, text=True, timeout=300)
    assert wrong.returncode == 1 and "--question" in wrong.stderr


def test_passages():
    text = "Title\n\nDr. Smith found 3.5 g of it at home in St. Ives. He kept it for the rest of his long and happy life! Ok?\n"
    assert passages.split(text) == [
        "Title: Dr. Smith found 3.5 g of it at home in St. Ives.",
        "He kept it for the rest of his long and happy life! Ok?",
    ]
    assert passages.split(" \n\n ") == []
    assert passages.split("Short.") == ["Short."]
    long = passages.split("word, " * 300)
    assert len(long) > 1 and max(map(len, long)) <= 401
    assert " ".join(long).split() == ("word, " * 300).split()
    assert len(passages.split("x" * 2000)) == 1


def test_digits_over_http(root, strut):
    model, _ = classify.onnx_file(report=lambda line: None)
    held = np.load(model.with_suffix(".npz"))
    environment = {**os.environ, "STRUT": str(strut)}
    command = [sys.executable, str(root / "examples" / "digits" / "serve.py"), "--workers", "3"]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    server = subprocess.Popen(command, text=True, env=environment, **pipes)
    try:
        address = server.stdout.readline().strip()

        def ask(image):
            request = urllib.request.Request(address, json.dumps(image).encode())
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)

        with ThreadPoolExecutor(6) as clients:
            answers = list(clients.map(ask, [image[0].tolist() for image in held["images"][:60]]))
        expected = held["probabilities"][:60]
        assert [answer["digit"] for answer in answers] == list(expected.argmax(1))
        np.testing.assert_allclose([answer["probability"] for answer in answers], expected.max(1), atol=1e-3)
        with pytest.raises(urllib.error.HTTPError, match="400") as refused:
            ask([[1, 2], [3, 4]])
        assert "8 rows of 8 numbers" in json.load(refused.value)["error"]
        host, port = address.removeprefix("http://").strip("/").split(":")
        for length in ("99", "x"):
            with socket.create_connection((host, int(port))) as client:
                client.sendall(f"POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n[".encode())
        assert ask(held["images"][0][0].tolist())["digit"] == held["probabilities"][0].argmax()
    finally:
        server.stdin.close()
        assert server.wait(60) == 0
    assert not server.stderr.read(), "neither a client that hangs up nor the end of the program is an error"
