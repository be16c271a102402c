"""Bad weights: the message names the tensor and, where there is one, the file."""

import pytest
from onnx import TensorProto, helper

from Import.models import info, one, relu, weight


@pytest.mark.parametrize(
    "dims,name",
    [
        ([7, 7], "short"),
        ([2], "long"),
        ([-2, -2], "negative"),
        ([1 << 62, 1 << 62], "overflow"),
        ([1 << 40], "huge"),
    ],
)
@pytest.mark.parametrize("size", [4, 4000], ids=["small", "large"])
def test_initializer_size(refuse, dims, name, size):
    tensor = weight(name, (size,))
    tensor.dims[:] = dims
    refuse(
        one(helper.make_node("Add", ["x", name], ["y"], name="add"), initializers=[tensor]),
        f"{name}",
    )


def test_initializer_of_unknown_type(refuse):
    tensor = weight("w", (4,))
    tensor.data_type = 99
    refuse(one(relu(), initializers=[tensor]), "w")


def test_initializer_without_data(refuse):
    tensor = TensorProto(name="w", dims=[4], data_type=TensorProto.FLOAT)
    refuse(one(relu(), initializers=[tensor]), "w")


# External data


def external(**entries):
    tensor = TensorProto(name="w", dims=[64, 8], data_type=TensorProto.FLOAT)
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=str(value))
    node = helper.make_node("MatMul", ["x", "w"], ["y"], name="mm")
    return one(node, initializers=[tensor], inputs=[info("x", [2, 64])])


@pytest.fixture
def data(tmp_path):
    (tmp_path / "w.bin").write_bytes(bytes(64 * 8 * 4))
    return tmp_path / "w.bin"


def test_external_data_is_fine(import_model, data):
    assert f'"{data}", 0, 2048' in import_model(external(location="w.bin")).stdout


def test_external_data_missing(refuse):
    refuse(external(location="w.bin"), "'w'", "w.bin", "No such file")


def test_external_data_without_location(refuse):
    refuse(external(offset=0, length=2048), "'w'", "names no file")


@pytest.mark.parametrize(
    "location", ["../w.bin", "a/../../w.bin", "/etc/passwd", "sub/..", "w\0.bin"]
)
def test_external_data_escapes(refuse, data, location):
    refuse(external(location=location), "'w'", "inside the model's folder")


def test_external_data_escapes_by_a_link(refuse, tmp_path):
    (tmp_path / "away").symlink_to("/etc")
    refuse(external(location="away/passwd"), "'w'", "outside the model's folder")


def test_external_data_is_a_directory(refuse, tmp_path):
    (tmp_path / "w.bin").mkdir()
    refuse(external(location="w.bin"), "'w'", "not a regular file")


@pytest.mark.parametrize("offset", [1, 2048, 1 << 40, (1 << 64) - 1])
def test_external_data_too_short(refuse, data, offset):
    refuse(external(location="w.bin", offset=offset), "'w'", "w.bin", "2048 bytes")


@pytest.mark.parametrize("length", [0, 2047, 2049, 1 << 60])
def test_external_data_of_wrong_length(refuse, data, length):
    refuse(external(location="w.bin", length=length), "'w'", "2048 bytes")


@pytest.mark.parametrize("value", ["", "x", "-1", "0x10", "99999999999999999999"])
def test_external_data_with_wrong_number(refuse, data, value):
    refuse(external(location="w.bin", offset=value), "'w'", "offset")
