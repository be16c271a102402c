"""Dense constants that are transforms by their numbers: what is recognised, and that values stay."""

import json

import numpy as np
import pytest

from mutations import Graph

# So quick to start a kernel that small transforms pay.
MACHINE = "test/Rewrite/Inputs/quick.json"


def hadamard(n):
    k = np.arange(n)
    return np.array([[1.0 - 2 * (int(i & j).bit_count() % 2) for j in k] for i in k])


def dct(n):
    k = np.arange(n)
    matrix = np.cos(np.pi * np.outer(2 * k + 1, k) / (2 * n)) * np.sqrt(2 / n)
    matrix[:, 0] /= np.sqrt(2)
    return matrix


def waves(n):
    """[cosines | sines] of a real signal, as a head or a filter bank has them."""
    angles = 2 * np.pi * (np.outer(np.arange(n), np.arange(n // 2 + 1)) % n) / n
    return np.concatenate([np.cos(angles), -np.sin(angles)], 1)


def inverse_waves(n):
    """From [real | imaginary] parts of half a spectrum to the signal."""
    bins = np.arange(n // 2 + 1)
    share = np.where((bins == 0) | (2 * bins == n), 1 / n, 2 / n)[:, None]
    angles = 2 * np.pi * (np.outer(bins, np.arange(n)) % n) / n
    return np.concatenate([share * np.cos(angles), -share * np.sin(angles)])


def complex_waves(n, sign):
    """[real | imaginary] to [real | imaginary]."""
    angles = sign * 2 * np.pi * (np.outer(np.arange(n), np.arange(n)) % n) / n
    return np.block([[np.cos(angles), np.sin(angles)], [-np.sin(angles), np.cos(angles)]])


def shuffled(rng, matrix):
    """Rows and, but for the first one, columns in another order, with signs."""
    columns = np.concatenate([[0], 1 + rng.permutation(matrix.shape[1] - 1)])
    return matrix[rng.permutation(len(matrix))][:, columns] * rng.choice([-1.0, 1.0], matrix.shape[1])


MATRICES = {
    "hadamard": lambda rng: hadamard(64) / 8,
    "walsh": lambda rng: hadamard(64)[:, rng.permutation(64)] * rng.choice([-1.0, 1.0], 64),
    "plane_dct": lambda rng: np.kron(dct(16), dct(16)),
    "kronecker": lambda rng: np.kron(rng.standard_normal((6, 8)), rng.standard_normal((20, 32))),
    "hadamard_any_order": lambda rng: shuffled(rng, hadamard(64)) * rng.choice([-1.0, 1.0], (64, 1)),
    "hadamard_of_three": lambda rng: hadamard(1024) / 32,
    "three_kronecker": lambda rng: np.kron(np.kron(dct(8), rng.standard_normal((16, 12))), dct(16)),
    "dct": lambda rng: dct(512),
    "dct_any_order": lambda rng: shuffled(rng, dct(512)),
    "inverse_dct": lambda rng: dct(512).T,
    "inverse_dct_as_such": lambda rng: np.linalg.inv(2 * dct(500) / np.sqrt(2 / 500)),
    "inverse_dct_any_order": lambda rng: shuffled(rng, dct(512)).T,
    "inverse_waves": lambda rng: inverse_waves(480),
    "inverse_waves_odd": lambda rng: inverse_waves(495),
    "waves_any_order": lambda rng: waves(480)[rng.permutation(480)],
    "complex_waves": lambda rng: complex_waves(320, -1),
    "inverse_complex_waves": lambda rng: complex_waves(320, 1) / 320,
    "waves": lambda rng: waves(480),
    "real_part": lambda rng: np.cos(2 * np.pi * (np.outer(np.arange(640), np.arange(640)) % 640) / 640),
}


def layer(matrix, bias):
    """relu(relu(x) W + bias)."""
    graph = Graph([("n", "m", len(matrix))])
    y = graph.node("Add", graph.node("MatMul", graph.node("Relu", "x0"), matrix), bias)
    return graph.model(**{graph.node("Relu", y): 3})


def blocks(strut_run, path, root):
    answer = json.loads(strut_run("explain", path, "--json", "--machine", root / MACHINE).stdout)
    found = [(block["kind"], sorted(set(block["chosen"].values()))) for block in answer["blocks"]]
    for block in answer["blocks"]:
        assert block["exactness"] == ("bit-exact" if block["kind"] == "dense" else "under a condition")
    return [block for block in found if block[0] != "permutation"]


@pytest.mark.parametrize("name", MATRICES)
def test_tables_are_transforms(name, rng, compile_model, strut_run, root, tmp_path, assert_close):
    import strut

    matrix = np.float32(MATRICES[name](rng))
    bias = np.float32(rng.standard_normal(matrix.shape[1]))
    model = layer(matrix, bias)
    library = strut.load(str(compile_model(model, "--machine", str(root / MACHINE))), threads=2)
    ((kind, chosen),) = blocks(strut_run, tmp_path / "model.onnx", root)
    assert kind == "transform" and chosen != ["dense"]
    if "three" in name:
        assert chosen[0].count(" x ") == 2
    for lead in ((0, 3), (1, 1), (3, 7), (2, 33)):
        x = np.float32(10.0 ** rng.integers(-4, 5) * rng.standard_normal((*lead, len(matrix))))
        (actual,) = library.run({"x0": x}).values()
        expected = np.maximum(np.maximum(np.float64(x), 0) @ np.float64(matrix) + bias, 0)
        assert_close(actual, expected, what=f"{name} {lead}")


def test_small_tables_stay(strut_run, root, tmp_path):
    """Three stages take as long as one small product."""
    path = tmp_path / "model.onnx"
    for matrix in (dct(24), waves(24)):
        path.write_bytes(layer(np.float32(matrix), np.zeros(matrix.shape[1], np.float32)).SerializeToString())
        ((kind, _),) = blocks(strut_run, path, root)
        assert kind == "dense", matrix.shape


def test_what_is_nearly_a_transform_is_none(rng, strut_run, root, tmp_path):
    """One number is off by what rounding to f16 would make of it, or rows have factors as well."""
    path, close = tmp_path / "model.onnx", []
    for name in ("hadamard", "kronecker", "dct", "waves"):
        close.append(np.float32(MATRICES[name](rng)))
        middle = np.argsort(np.abs(close[-1]), axis=None)[close[-1].size // 2]
        close[-1].flat[middle] *= 1 + 1e-3
    close.append(np.float32(dct(512) * (1 + 0.1 * rng.random((512, 1)))))
    for matrix in close:
        path.write_bytes(layer(matrix, np.zeros(matrix.shape[1], np.float32)).SerializeToString())
        ((kind, _),) = blocks(strut_run, path, root)
        assert kind == "dense", matrix.shape
