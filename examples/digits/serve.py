#!/usr/bin/env python3
"""Reads digits for whoever asks over HTTP.

    serve.py [--port P] [--workers N] [--threads T]

    curl -d '[[0, 0, 1, ...], ...]' http://127.0.0.1:PORT/

A request is an 8x8 image as JSON, numbers from 0 (paper) to 1 (ink); the answer is
{"digit": 7, "probability": 0.98}. Requests that wait are answered together: the batch is a
dimension of the model, so one library serves every batch size. Ends with its standard input.
"""

import argparse
import json
import queue
import sys
import threading
from concurrent.futures import Future
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from examples import cache, engines  # noqa: E402
from examples.digits import classify  # noqa: E402

LARGEST_BATCH = 64


def parse(body: bytes) -> np.ndarray:
    """The image of a request; raises ValueError for anything else."""
    image = np.asarray(json.loads(body), np.float32)
    if image.shape != (8, 8):
        raise ValueError(f"an image has 8 rows of 8 numbers, this one has the shape {image.shape}")
    return image


class Reader:
    """Batches images for a model, which several workers call at once."""

    def __init__(self, model: engines.Strut, workers: int):
        self._model = model
        self._waiting: queue.Queue = queue.Queue()
        self._workers = [threading.Thread(target=self._work, daemon=True) for _ in range(workers)]
        for worker in self._workers:
            worker.start()

    def read(self, image: np.ndarray) -> np.ndarray:
        """The ten probabilities of an image [8, 8]."""
        answer: Future = Future()
        self._waiting.put((image, answer))
        return answer.result()

    def close(self) -> None:
        """Answers what waits, and lets the workers go."""
        for _ in self._workers:
            self._waiting.put(None)
        for worker in self._workers:
            worker.join()

    def _batch(self) -> list:
        """What waits, at least one image; nothing where a worker is to go."""
        batch = []
        while len(batch) < LARGEST_BATCH:
            try:
                entry = self._waiting.get(block=not batch)
            except queue.Empty:
                break
            if entry is None:
                if batch:  # to go next time
                    self._waiting.put(None)
                break
            batch.append(entry)
        return batch

    def _work(self) -> None:
        while batch := self._batch():
            images = np.stack([image for image, _ in batch])[:, None]
            try:
                rows = self._model.run({"image": images})["probabilities"]
            except Exception as error:
                for _, answer in batch:
                    answer.set_exception(error)
                continue
            for (_, answer), row in zip(batch, rows):
                answer.set_result(row)


def handler(reader: Reader) -> type[BaseHTTPRequestHandler]:
    """The class that answers requests by `reader`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # connections stay open

        def do_POST(self):
            try:
                length = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(length)
                if len(body) < length:  # the client has hung up
                    self.close_connection = True
                    return
                row = reader.read(parse(body))
                self._answer(200, {"digit": int(row.argmax()), "probability": float(row.max())})
            except (ValueError, TypeError) as error:
                self._answer(400, {"error": str(error)})

        def _answer(self, code: int, content: dict) -> None:
            text = json.dumps(content).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    return Handler


class Server(ThreadingHTTPServer):
    """A thread a connection; many clients may connect at one moment."""

    request_queue_size = 128  # beyond, a connection waits for a second

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):  # clients may hang up
            super().handle_error(request, client_address)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--port", type=int, default=0, help="default: any free one")
    parser.add_argument("--workers", type=int, default=2, help="runs at a time (default 2)")
    parser.add_argument("--threads", type=int, default=1, help="threads of a run (default 1)")
    options = parser.parse_args()
    if options.workers < 1:
        parser.error("there must be a worker")
    file, _ = classify.onnx_file()
    library, _ = cache.compiled(file)
    reader = Reader(engines.Strut(library, options.threads), options.workers)
    server = Server(("127.0.0.1", options.port), handler(reader))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_address[1]}/", flush=True)
    sys.stdin.read()
    server.shutdown()
    reader.close()


if __name__ == "__main__":
    main()
