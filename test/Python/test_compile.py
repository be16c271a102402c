"""Compiling from Python, and the ONNX backend class."""

import ctypes
import os
import threading

import numpy as np
import onnx
import pytest
import strut
from onnx import TensorProto, helper, numpy_helper

W = np.random.default_rng(3).standard_normal((4, 8), np.float32)
X = np.random.default_rng(4).standard_normal((5, 4), np.float32)


@pytest.fixture(scope="module")
def proto():
    """y[rows, 8] = relu(x[rows, 4] W)"""
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Relu", ["h"], ["y"])],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 8])],
        [numpy_helper.from_array(W, "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


@pytest.fixture(scope="module")
def path(proto, tmp_path_factory):
    file = tmp_path_factory.mktemp("compile") / "net.onnx"
    onnx.save(proto, file)
    return file


def check(model, rows=5):
    np.testing.assert_allclose(model(X[:rows]), np.maximum(X[:rows] @ W, 0), rtol=1e-5, atol=1e-6)


def test_sources(proto, path):
    for source in (path, str(path), path.read_bytes(), proto):
        model = strut.compile(source)
        assert model.dims == ["rows"] and model.name == "net"
        check(model)
        check(model, 2)


def test_output(path, tmp_path):
    made = strut.compile(path, tmp_path / "net.so", cpu="x86-64-v3", threads=1)
    assert made == tmp_path / "net.so"
    assert "x86-64-v3" in strut.load(made).target
    check(strut.load(made, threads=1))
    strut.compile(path, tmp_path / "net.a")
    assert (tmp_path / "net.h").exists()


def test_dims(path):
    model = strut.compile(path, dims={"rows": 5})
    assert model.inputs[0].shape == (5, 4)
    check(model)
    with pytest.raises(ValueError, match=r"\[5, 4\]"):
        model(X[:3])


@pytest.mark.parametrize("rows", [3, 1, 0, 70])
def test_outputs_of_the_same_memory(rows):
    """Results that are each other's views, or an input's, are copied to where they are wanted."""
    shapes = {"y": ["n", 4], "same": ["n", 4], "apart": ["n", 2, 2], "turned": [4, "n"], "x2": ["n", 4]}
    nodes = [
        helper.make_node("Relu", ["x"], ["y"]),
        helper.make_node("Identity", ["y"], ["same"]),
        helper.make_node("Reshape", ["y", "shape"], ["apart"]),
        helper.make_node("Transpose", ["y"], ["turned"]),
        helper.make_node("Identity", ["x"], ["x2"]),
    ]
    graph = helper.make_graph(
        nodes,
        "views",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])],
        [helper.make_tensor_value_info(k, TensorProto.FLOAT, s) for k, s in shapes.items()],
        [numpy_helper.from_array(np.array([-1, 2, 2]), "shape")],
    )
    opset = [helper.make_opsetid("", 21)]
    model = strut.compile(helper.make_model(graph, opset_imports=opset, ir_version=10))
    x = np.random.default_rng(rows).standard_normal((rows, 4), np.float32)
    y = np.maximum(x, 0)
    results = model.run({"x": x})
    for name, expected in {
        "y": y, "same": y, "apart": y.reshape(-1, 2, 2), "turned": y.T, "x2": x,
    }.items():  # fmt: skip
        np.testing.assert_array_equal(results[name], expected, err_msg=name)


def test_emit(path, tmp_path):
    stage = strut.compile(path, tmp_path / "net.mlir", emit="mlir-onnx")
    assert "onnx.MatMul" in stage.read_text()
    check(strut.compile(stage))


def test_refused(tmp_path, path):
    with pytest.raises(strut.CompileError, match="absent.onnx"):
        strut.compile(tmp_path / "absent.onnx")
    with pytest.raises(strut.CompileError, match="model.onnx"):
        strut.compile(b"garbage")
    with pytest.raises(strut.CompileError, match="nowhere"):
        strut.compile(path, tmp_path / "nowhere" / "net.so")
    with pytest.raises(strut.CompileError, match="'mlir' is nothing"):
        strut.compile(path, tmp_path / "net.mlir", emit="mlir")
    with pytest.raises(ValueError, match="needs an output"):
        strut.compile(path, emit="mlir-onnx")
    assert list(tmp_path.iterdir()) == []


def test_callers_of_other_versions(path, tmp_path):
    """The C API takes the shorter options of an older header, and the longer ones of a newer
    header as long as what it does not know is not used."""
    from strut import _compiler

    class Newer(_compiler._Options):
        _fields_ = [("newer", ctypes.c_int64)]

    def compile(size, **fields):
        made = tmp_path / "net.so"
        made.unlink(missing_ok=True)
        options = Newer(struct_size=size, input=os.fsencode(path), output=os.fsencode(made), **fields)
        library = _compiler._library()
        message = library.strutCompile(ctypes.cast(ctypes.byref(options), ctypes.POINTER(_compiler._Options)))
        if not message:
            check(strut.load(made))
            return None
        text = ctypes.string_at(message).decode()
        library.strutFreeMessage(message)
        assert not made.exists()
        return text

    first = _compiler._Options.aliases.offset
    assert compile(first, num_aliases=3) is None  # what lies behind is not read
    assert compile(ctypes.sizeof(Newer)) is None
    assert "does not know" in compile(ctypes.sizeof(Newer), newer=1)
    for size in (0, first - 1):
        assert "struct_size is not set" in compile(size)
    for field in ("num_dims", "num_aliases"):
        for count in (-1, 1):
            assert "a count without an array" in compile(ctypes.sizeof(_compiler._Options), **{field: count})


def test_threads(path):
    """Several compilations at once."""
    models = []
    threads = [threading.Thread(target=lambda: models.append(strut.compile(path, threads=1))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(models) == 3
    for model in models:
        check(model)


def test_backend(proto):
    import strut.backend as backend

    assert backend.supports_device("CPU") and not backend.supports_device("CUDA")
    (y,) = backend.prepare(proto).run([X])
    np.testing.assert_allclose(y, np.maximum(X @ W, 0), rtol=1e-5, atol=1e-6)
    assert backend.run_model(proto, {"x": X}).y.shape == (5, 8)
    (z,) = backend.run_node(helper.make_node("Add", ["a", "b"], ["c"]), [X, X])
    np.testing.assert_array_equal(z, X + X)
    with pytest.raises(ValueError, match="CUDA"):
        backend.prepare(proto, "CUDA")
