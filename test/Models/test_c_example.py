"""examples/c against an installed Strut, as a project elsewhere would use it."""

import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from examples.digits import classify

DRAWN_SEVEN = """\
 ++++++
 +####+
     #+
    +#
  +###+
   ##
  +#
  ##
"""


def call(*command, **options):
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=300, **options
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def built(build, root, strut, tmp_path_factory):
    """The folder with the example's two programs."""
    work = tmp_path_factory.mktemp("c")
    model, _ = classify.onnx_file(report=lambda line: None)
    call("cmake", "--install", build, "--prefix", work / "prefix")
    call(
        *("cmake", "-S", root / "examples" / "c", "-B", work / "build", "-G", "Ninja"),
        *("-DCMAKE_C_COMPILER=clang-22", "-DCMAKE_CXX_COMPILER=clang++-22"),
        *(f"-DCMAKE_PREFIX_PATH={work / 'prefix'}", f"-DDIGITS_MODEL={model}"),
    )
    call("cmake", "--build", work / "build")
    return work / "build"


def test_reads_its_own_digit(built):
    assert call(built / "read_digit").startswith("7 (")


def test_reads_what_is_drawn(built):
    assert call(built / "read_digit", "-", input=DRAWN_SEVEN).startswith("7 (")


def test_threads_have_their_own_contexts(built):
    assert call(built / "read_many").strip() == "72 images on 4 threads, 0 failures"


def test_serves_clients_at_the_same_time(built):
    model, _ = classify.onnx_file(report=lambda line: None)
    held = np.load(model.with_suffix(".npz"))
    server = subprocess.Popen([built / "serve", "2", "2"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        port = int(server.stdout.readline().split()[1])

        def ask(lines):
            with socket.create_connection(("127.0.0.1", port), timeout=60) as client, client.makefile("rw") as stream:
                answers = []
                for line in lines:
                    print(line, file=stream, flush=True)
                    answers.append(stream.readline().strip())
                return answers

        parts = np.array_split(np.arange(100), 5)
        lines = [[" ".join(map(str, held["images"][i].ravel())) for i in part] for part in parts]
        with ThreadPoolExecutor(len(lines)) as clients:
            answers = [answer.split() for part in clients.map(ask, lines) for answer in part]
        expected = held["probabilities"][:100]
        assert [int(digit) for digit, _ in answers] == list(expected.argmax(1))
        np.testing.assert_allclose([float(p) for _, p in answers], expected.max(1), atol=1e-3)
        assert ask(["1 2 3"]) == ["error: an image has 64 numbers, this line has 3"]
    finally:
        server.stdin.close()
        assert server.wait(60) == 0
