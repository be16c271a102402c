"""What the importer makes of good models."""

import re
import subprocess
import sys

import numpy
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from Import import models
from Import.models import OPSET, info, model


def operations(text):
    """(operator, location) of each onnx operation, in order."""
    names = dict(re.findall(r'^(#loc\d*) = loc\("([^"]*)"', text, re.MULTILINE))
    found = re.findall(r"onnx\.([\w.]+)\(.*loc\((#loc\d*|\"[^\"]*\")[^)]*\)$", text, re.MULTILINE)
    return [(op, names.get(loc, loc.strip('"'))) for op, loc in found]


def test_signature(import_model):
    text = import_model(models.mlp()).stdout
    assert "func.func @main(" in text
    assert 'onnx.dims = ["rows", ""]' in text
    assert 'onnx.name = "x"' in text
    assert re.search(r'-> \(tensor<\?x8xf32> \{onnx.name = "y"\}\)', text)
    assert 'onnx.graph_name = "test"' in text
    assert 'onnx.metadata = {producer_name = "test"}' in text


def test_locations(import_model):
    nodes = [op for op in operations(import_model(models.mlp()).stdout) if op[0] != "Constant"]
    assert nodes == [("MatMul", "first"), ("Add", "Add_1"), ("Relu", "act"), ("MatMul", "second")]


def test_large_weights_stay_in_the_file(import_model, tmp_path):
    text = import_model(models.mlp()).stdout
    data = (tmp_path / "model.onnx").read_bytes()
    references = re.findall(r'#onnx.file_data<"([^"]*)", (\d+), (\d+)> : tensor<(\w+)xf32>', text)
    assert [reference[3] for reference in references] == ["32x64", "64x8"]
    for (path, offset, length, _), shape in zip(references, [(32, 64), (64, 8)]):
        assert path == str(tmp_path / "model.onnx")
        values = numpy.frombuffer(data[int(offset) :][: int(length)], numpy.float32)
        numpy.testing.assert_array_equal(values, numpy.arange(numpy.prod(shape)))


def test_float_data_stays_in_the_file(import_model, tmp_path):
    values = numpy.arange(512, dtype=numpy.float32)
    tensor = helper.make_tensor("w", TensorProto.FLOAT, [2, 256], values)
    assert tensor.float_data and not tensor.raw_data
    node = helper.make_node("Add", ["x", "w"], ["y"], name="add")
    text = import_model(model([node], [info("x", [2, 256])], [info("y", None)], [tensor])).stdout
    ((path, offset, length),) = re.findall(r'#onnx.file_data<"([^"]*)", (\d+), (\d+)>', text)
    data = (tmp_path / "model.onnx").read_bytes()[int(offset) :][: int(length)]
    numpy.testing.assert_array_equal(numpy.frombuffer(data, numpy.float32), values)


def test_unnamed_dimensions_get_names(import_model):
    nodes = [helper.make_node("Concat", ["a", "b"], ["y"], name="cat", axis=0)]
    # One name is taken already.
    inputs = [info("a", [None, "b_1"]), info("b", [None, None])]
    text = import_model(model(nodes, inputs, [info("y", None)])).stdout
    assert re.findall(r"onnx.dims = (\[[^]]*\])", text) == ['["a_0", "b_1"]', '["b_0", "b_1_"]']


def test_arithmetic_on_shapes_is_followed(import_model):
    static = models.cnn()
    static.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 5
    assert "tensor<5x256xf32> {onnx.name" in import_model(static).stdout


def test_optional_operands(import_model):
    text = import_model(models.attention()).stdout
    assert re.search(r"%(\d+) = onnx.Absent", text)
    assert re.search(
        r"onnx.Clip\(%\d+, %\d+, %\d+\) : \(tensor<\?x\?x\?xf32>, none, tensor<f32>\)", text
    )


def test_bodies_are_regions(import_model):
    text = import_model(models.control_flow()).stdout
    assert re.search(r"onnx.If\(%\w+\) else_branch \{", text)
    assert re.search(r"onnx.Loop\(%\w+, %\w+, %\w+\) body \{", text)
    # Each yields what it computes; unnamed nodes are named after what they lie in.
    assert ("Abs", "choose/Abs_0") in operations(text)


def test_inlined_functions_keep_their_calls(import_model):
    muls = [name for op, name in operations(import_model(models.functions()).stdout) if op == "Mul"]
    assert muls == ["front/one/mul", "front/two/mul", "back/one/mul", "back/two/mul"]


def test_functions_of_another_version(import_model):
    body = helper.make_node("ReduceSum", ["x"], ["y"], name="sum", axes=[1])  # attribute until 13
    function = helper.make_function(
        "local",
        "F",
        ["x"],
        ["y"],
        [body],
        [helper.make_opsetid("", 11), helper.make_opsetid("local", 1)],
    )
    node = helper.make_node("F", ["x"], ["y"], name="call", domain="local")
    opset = [*OPSET, helper.make_opsetid("local", 1)]
    text = import_model(
        model([node], [info("x", [2, 3])], [info("y", None)], opset=opset, functions=[function])
    ).stdout
    assert "tensor<2x1xf32> {onnx.name" in text


def old_model():
    node = helper.make_node("Clip", ["x"], ["y"], name="clip", min=0.0, max=6.0)
    return model([node], [info("x", [4])], [info("y", [4])], opset=[helper.make_opsetid("", 6)])


def test_versions(import_model):
    assert re.search(r"onnx.Clip\(%\w+, %\w+, %\w+\)", import_model(old_model()).stdout)
    assert "onnx.Clip_v6(%arg0) {max = 6.0" in import_model(old_model(), "--no-convert").stdout
    assert "onnx.Clip_v12(" in import_model(old_model(), "--opset=12").stdout
    assert "no opset 9999" in import_model(old_model(), "--opset=9999", code=1).stderr


def test_what_the_converter_gets_wrong_stays(import_model):
    """Slopes per channel would become slopes of the last axis, one maximum one per row."""
    slope = models.weight("s", (3,))
    for kind, opset, weights in (("PRelu", 6, [slope]), ("Hardmax", 11, [])):
        inputs = ["x", *(tensor.name for tensor in weights)]
        node = helper.make_node(kind, inputs, ["y"], name="node")
        opsets = [helper.make_opsetid("", opset)]
        old = model([node], [info("x", [2, 3, 4])], [info("y", None)], weights, opsets)
        assert f"onnx.{kind}_v{opset}(" in import_model(old).stdout


def test_old_resizing_keeps_its_coordinates(import_model):
    scales = numpy_helper.from_array(numpy.array([1, 1, 2, 2], numpy.float32), "s")
    for kind, opset in (("Upsample", 9), ("Resize", 10)):
        node = helper.make_node(kind, ["x", "s"], ["y"], name="up", mode="linear")
        opsets = [helper.make_opsetid("", opset)]
        old = model([node], [info("x", [1, 1, 4, 4])], [info("y", None)], [scales], opsets)
        text = import_model(old).stdout
        assert 'coordinate_transformation_mode = "asymmetric"' in text
        assert "tensor<1x1x8x8xf32> {onnx.name" in text


def test_operators_of_other_domains(import_model):
    nodes = [
        helper.make_node("QuickGelu", ["x"], ["h"], name="quick", domain="com.microsoft"),
        helper.make_node(
            "Scaler", ["h"], ["y"], name="scale", domain="ai.onnx.ml", offset=[0.0], scale=[2.0]
        ),
    ]
    opset = [*OPSET, helper.make_opsetid("com.microsoft", 1), helper.make_opsetid("ai.onnx.ml", 3)]
    text = import_model(model(nodes, [info("x", [2, 4])], [info("y", None)], opset=opset)).stdout
    assert "onnx.com.microsoft.QuickGelu(" in text and "onnx.ai.onnx.ml.Scaler(" in text


def test_default_domain_has_two_names(import_model):
    node = helper.make_node("Relu", ["x"], ["y"], name="act", domain="ai.onnx")
    text = import_model(
        model(
            [node], [info("x", [2])], [info("y", None)], opset=[helper.make_opsetid("ai.onnx", 14)]
        )
    ).stdout
    assert "onnx.Relu(" in text


def test_initializers_that_are_inputs(import_model):
    old = models.mlp()
    old.graph.input.extend([info("w1", [32, 64]), info("b1", [64]), info("w2", [64, 8])])
    assert len(re.findall("onnx.name = ", import_model(old).stdout)) == 2


def test_external_data_is_one_case_with_embedded(import_model, tmp_path):
    onnx.save(
        models.mlp(),
        tmp_path / "m.onnx",
        save_as_external_data=True,
        location="m.bin",
        size_threshold=0,
    )
    text = import_model(tmp_path / "m.onnx").stdout
    assert text.count(f'#onnx.file_data<"{tmp_path}/m.bin"') == 2
    assert "dense<" in text  # the bias is small


@pytest.mark.parametrize(
    "dtype,values,printed",
    [
        (TensorProto.INT4, [-8, 7, -1], "[-8, 7, -1]> : tensor<3xi4>"),
        (TensorProto.UINT4, [15, 0, 9], "[15, 0, 9]> : tensor<3xui4>"),
        (TensorProto.BOOL, [True, False, True], "[true, false, true]> : tensor<3xi1>"),
        (
            TensorProto.FLOAT16,
            [1.5, -2.0, 0.0],
            "[1.500000e+00, -2.000000e+00, 0.000000e+00]> : tensor<3xf16>",
        ),
        (
            TensorProto.BFLOAT16,
            [1.5, -2.0, 0.0],
            "[1.500000e+00, -2.000000e+00, 0.000000e+00]> : tensor<3xbf16>",
        ),
        (TensorProto.STRING, ["a", "b", "c"], '["a", "b", "c"]> : tensor<3x!onnx.string>'),
        (
            TensorProto.UINT64,
            [(1 << 64) - 1, 0, 1],
            "[18446744073709551615, 0, 1]> : tensor<3xui64>",
        ),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else "",
)
def test_element_types(import_model, dtype, values, printed):
    tensor = helper.make_tensor("c", dtype, [3], values)
    node = helper.make_node("Identity", ["c"], ["y"], name="id")
    opset = [helper.make_opsetid("", 21)]
    text = import_model(model([node], [], [info("y", [3], dtype)], [tensor], opset=opset)).stdout
    assert printed in text


def test_memory_does_not_grow_with_weights(importer, tmp_path):
    """200 MB of weights, less than 100 MB of anonymous memory."""
    onnx.save(
        model(
            [helper.make_node("MatMul", ["x", "w"], ["y"], name="mm")],
            [info("x", ["n", 5000])],
            [info("y", ["n", 10000])],
            [numpy_helper.from_array(numpy.zeros((5000, 10000), numpy.float32), "w")],
        ),
        tmp_path / "big.onnx",
    )
    program = (
        "import resource, subprocess, sys\n"
        "resource.setrlimit(resource.RLIMIT_DATA, (100 << 20, 100 << 20))\n"
        "sys.exit(subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, importer, tmp_path / "big.onnx"], timeout=300
    )
    assert done.returncode == 0
