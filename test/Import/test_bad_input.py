"""Bad models: one clear message that names the node, tensor or file; a small exit code; soon."""

import numpy
import pytest
from onnx import TensorProto, helper, numpy_helper

from Import import models
from Import.models import OPSET, info, one, relu, weight


# What is no model at all


def test_missing_file(refuse, tmp_path):
    refuse(tmp_path / "nowhere.onnx", "nowhere.onnx", "No such file")


def test_empty_file(refuse):
    refuse(b"", "model.onnx", "is empty")


def test_directory(refuse, tmp_path):
    refuse(tmp_path, str(tmp_path), "not a regular file")


def test_garbage(refuse, rng):
    refuse(rng.bytes(100_000), "model.onnx", "not an ONNX model")


def test_text(refuse):
    refuse(b"module { func.func @main() { return } }", "model.onnx", "not an ONNX model")


def test_other_protobuf(refuse):
    refuse(
        numpy_helper.from_array(numpy.zeros(3), "t").SerializeToString(),
        "model.onnx",
        "not an ONNX model",
    )


def test_truncated(refuse):
    data = models.mlp().SerializeToString()
    refuse(data[: len(data) // 2], "model.onnx", "damaged")


def test_device(refuse):
    refuse("/dev/zero", "/dev/zero", "not a regular file")


def test_more_than_two_gigabytes(refuse, tmp_path):
    with open(tmp_path / "model.onnx", "wb") as file:
        file.truncate(3 << 30)
    refuse(tmp_path / "model.onnx", "model.onnx", "2 GiB")


def test_one_huge_string(refuse, tmp_path):
    with open(tmp_path / "model.onnx", "wb") as file:
        file.write(b"\x12" + varint(1 << 30))  # producer_name
        file.truncate((1 << 30) + 6)
    refuse(tmp_path / "model.onnx", "model.onnx", "128 MiB")


def test_deep_nesting(refuse):
    body = b"\x0a\x01n"
    for _ in range(5000):  # graph in attribute in node in graph ...
        attribute = b"\x32" + varint(len(body)) + body
        node = b"\x2a" + varint(len(attribute)) + attribute
        body = b"\x0a" + varint(len(node)) + node
    refuse(b"\x3a" + varint(len(body)) + body, "model.onnx", "damaged")


def varint(value):
    result = bytearray()
    while value > 127:
        result.append(value & 127 | 128)
        value >>= 7
    return bytes(result + bytes([value]))


# Versions and operators


def test_opset_from_the_future(refuse):
    refuse(one(relu(), opset=[helper.make_opsetid("", 9999)]), "9999")


def test_opset_zero(refuse):
    refuse(one(relu(), opset=[helper.make_opsetid("", 0)]), "version 0")


def test_ir_version_from_the_future(refuse):
    bad = one(relu())
    bad.ir_version = 4000
    refuse(bad, "IR version 4000")


def test_unknown_operators_are_listed(refuse):
    nodes = [
        helper.make_node("Frobnicate", ["x"], ["a"], name="first"),
        helper.make_node("Frobnicate", ["a"], ["b"], name="again"),
        helper.make_node("Munge", ["b"], ["y"], name="munge", domain="com.example"),
    ]
    opset = [*OPSET, helper.make_opsetid("com.example", 3)]
    refuse(
        one(*nodes, opset=opset),
        "Frobnicate (version 18) in 2 nodes, first 'first'",
        "com.example.Munge (version 3) in 1 node, first 'munge'",
    )


def test_unknown_operator_in_a_body(refuse):
    bad = models.control_flow()
    bad.graph.node[0].attribute[0].g.node[0].op_type = "Frobnicate"
    refuse(bad, "Frobnicate", "first 'choose/")


def test_unknown_domain(refuse):
    refuse(
        one(helper.make_node("Munge", ["x"], ["y"], name="munge", domain="com.example")),
        "munge",
        "com.example",
    )


def test_deprecated_operator(refuse):
    node = helper.make_node("Upsample", ["x", "s"], ["y"], name="up")
    refuse(one(node, initializers=[weight("s", (2,))]), "'up' (Upsample)", "deprecated")


# Arity and attributes


@pytest.mark.parametrize("count", [0, 1, 3])
def test_arity(refuse, count):
    refuse(
        one(helper.make_node("MatMul", ["x"] * count, ["y"], name="mm")),
        "'mm' (MatMul)",
        f"input size {count}",
    )


def test_too_many_outputs(refuse):
    refuse(
        one(helper.make_node("Relu", ["x"], ["y", "z"], name="act")),
        "'act' (Relu)",
        "output size 2",
    )


def test_unknown_attribute(refuse):
    refuse(one(relu(slope=2.0)), "'act' (Relu)", "slope")


def test_missing_attribute(refuse):
    refuse(one(helper.make_node("Cast", ["x"], ["y"], name="cast")), "'cast' (Cast)", "'to'")


def test_attribute_of_another_type(refuse):
    refuse(
        one(helper.make_node("Softmax", ["x"], ["y"], name="soft", axis=1.5)),
        "'soft' (Softmax)",
        "axis",
    )


def test_attribute_twice(refuse):
    node = helper.make_node("Softmax", ["x"], ["y"], name="soft", axis=1)
    node.attribute.append(helper.make_attribute("axis", 0))
    refuse(one(node), "'soft' (Softmax)", "axis")


def test_attribute_out_of_range(refuse):
    refuse(one(helper.make_node("Softmax", ["x"], ["y"], name="soft", axis=7)), "soft", "axis")


@pytest.mark.parametrize("axis", [-(1 << 31), -7, 4, (1 << 63) - 1])
def test_axis_of_a_normalisation(refuse, axis):
    node = helper.make_node("LayerNormalization", ["x", "g"], ["y", "m"], name="norm", axis=axis)
    refuse(one(node, initializers=[weight("g", (3,))]), "norm", f"axis {axis}")


@pytest.mark.parametrize("parts", [1, 3, 1 << 40])
def test_parts_of_a_split(refuse, parts):
    node = helper.make_node("Split", ["x"], ["y", "z"], name="split", num_outputs=parts)
    refuse(one(node), "split", "has 2 results")


@pytest.mark.parametrize("equation", ["i\xff", "ij-", "i.j", "......", "i>j"])
def test_einsum_equation(refuse, equation):
    refuse(
        one(helper.make_node("Einsum", ["x"], ["y"], name="sum", equation=equation)),
        "sum",
        "not an equation",
    )


def test_reference_outside_a_function(refuse):
    node = relu()
    node.op_type = "Softmax"
    attribute = node.attribute.add()
    attribute.name, attribute.ref_attr_name, attribute.type = "axis", "k", attribute.INT
    refuse(one(node), "'act' (Softmax)", "axis")


def test_sparse_initializer(refuse):
    bad = one(relu())
    bad.graph.sparse_initializer.add().values.name = "sparse"
    refuse(bad, "sparse")


# Names and order


def test_dangling_input(refuse):
    refuse(one(relu("nothing")), "'act' (Relu)", "'nothing'", "nothing defines")


def test_dangling_output(refuse):
    refuse(one(relu(), outputs=[info("z", None)]), "output 'z'")


def test_output_twice(refuse):
    refuse(one(relu(), outputs=[info("y", None), info("y", None)]), "output 'y' twice")


def test_cycle(refuse):
    a = helper.make_node("Add", ["x", "q"], ["p"], name="a")
    b = helper.make_node("Add", ["p", "x"], ["q"], name="b")
    refuse(one(a, b, outputs=[info("q", None)]), "'a' (Add)", "'b'", "cycle")


def test_self_cycle(refuse):
    refuse(one(helper.make_node("Add", ["x", "y"], ["y"], name="self")), "'self' (Add)", "cycle")


def test_wrong_order(refuse):
    refuse(
        one(relu("h", "y"), helper.make_node("Neg", ["x"], ["h"], name="neg")),
        "'act' (Relu)",
        "'neg'",
        "sorted",
    )


def test_value_twice(refuse):
    refuse(
        one(relu(), helper.make_node("Neg", ["x"], ["y"], name="neg")),
        "'neg' (Neg)",
        "'y'",
        "already",
    )


def test_input_twice(refuse):
    refuse(one(relu(), inputs=[info("x", [2]), info("x", [2])]), "input 'x' is defined twice")


def test_initializer_twice(refuse):
    refuse(
        one(relu(), initializers=[weight("w", (2,)), weight("w", (2,))]),
        "initializer 'w' is defined twice",
    )


def test_body_shadows(refuse):
    bad = models.control_flow()
    bad.graph.node[0].attribute[0].g.node[0].output[0] = "x"
    refuse(bad, "'x'", "already")


def test_strings_that_are_not_utf8(refuse):
    data = one(relu("xx", "y"), inputs=[info("xx", [2])]).SerializeToString()
    data = data.replace(b"xx", b"\xff\xfe", 1)  # the operand, not the input
    refuse(data, "'act' (Relu)", "nothing defines")


# Types and sizes


def test_input_without_type(refuse):
    bad = one(relu())
    bad.graph.input[0].ClearField("type")
    refuse(bad, "input 'x'")


def test_input_of_unknown_element_type(refuse):
    bad = one(relu())
    bad.graph.input[0].type.tensor_type.elem_type = 77
    refuse(bad, "input 'x'")


def test_types_disagree(refuse):
    node = helper.make_node("Add", ["x", "i"], ["y"], name="sum")
    refuse(
        one(node, inputs=[info("x", [2]), info("i", [2], TensorProto.INT64)]),
        "sum",
        "inconsistent type",
    )


def test_shapes_disagree(refuse):
    node = helper.make_node("MatMul", ["x", "w"], ["y"], name="mm")
    refuse(one(node, initializers=[weight("w", (5, 4))]), "mm", "Incompatible dimensions")


def test_declared_output_lies(refuse):
    refuse(one(relu(), outputs=[info("y", [2, 4])]), "act", "2x3", "2x4")


def test_declared_element_type_lies(refuse):
    refuse(one(relu(), outputs=[info("y", [2, 3], TensorProto.INT8)]), "act", "i8")


def test_declared_rank_lies(refuse):
    refuse(one(relu(), outputs=[info("y", [2, 3, 1])]), "act", "2x3x1")


def test_value_info_lies(refuse):
    bad = one(relu("x", "h"), helper.make_node("Neg", ["h"], ["y"], name="neg"))
    bad.graph.value_info.append(info("h", [9, 9]))
    refuse(bad, "act", "9x9")


def test_output_that_is_an_input_lies(refuse):
    bad = one(relu(), outputs=[info("y", None), info("x", [3, 2])])
    refuse(bad, "output 'x'")


@pytest.mark.parametrize(
    "dims", [[1 << 62, 1 << 62], [(1 << 63) - 1, 2, 2], [1 << 40, 1 << 40, 0, 1 << 40]]
)
def test_huge_dimensions(refuse, dims):
    refuse(one(relu(), inputs=[info("x", dims)]), "'x'", "exceeds any memory")


def test_huge_result(refuse):
    node = helper.make_node("ConstantOfShape", ["s"], ["y"], name="fill")
    shape = numpy_helper.from_array(numpy.array([1 << 31, 1 << 31, 1 << 31]), "s")
    refuse(one(node, initializers=[shape]), "fill", "exceeds any memory")


# Functions


def call(name, **fields):
    return helper.make_node(name, ["x"], ["y"], name="call", domain="local", **fields)


def function(name, *nodes):
    return helper.make_function(
        "local", name, ["x"], ["y"], nodes, [*OPSET, helper.make_opsetid("local", 1)]
    )


LOCAL = [*OPSET, helper.make_opsetid("local", 1)]


def test_function_calls_itself(refuse):
    refuse(one(call("F"), opset=LOCAL, functions=[function("F", call("F"))]), "F", "Cycle")


def test_functions_call_each_other(refuse):
    refuse(
        one(call("F"), opset=LOCAL, functions=[function("F", call("G")), function("G", call("F"))]),
        "Cycle",
    )


def test_functions_that_explode(refuse):
    functions = [function("F0", relu())]
    for i in range(1, 60):
        first = helper.make_node(f"F{i - 1}", ["x"], ["h"], domain="local")
        second = helper.make_node(f"F{i - 1}", ["h"], ["y"], domain="local")
        functions.append(function(f"F{i}", first, second))
    refuse(one(call("F59"), opset=LOCAL, functions=functions), "more than 250000 nodes")


def test_empty_functions_that_explode(refuse):
    functions = [helper.make_function("local", "F0", ["x"], ["x"], [], LOCAL)]
    for i in range(1, 60):
        first = helper.make_node(f"F{i - 1}", ["x"], ["h"], domain="local")
        second = helper.make_node(f"F{i - 1}", ["h"], ["y"], domain="local")
        functions.append(function(f"F{i}", first, second))
    refuse(one(call("F59"), opset=LOCAL, functions=functions), "more than 250000 nodes")


def test_long_names_that_explode(refuse):
    long = helper.make_node("Relu", ["x"], ["y"], name="n" * 100_000)
    functions = [function("F0", long)]
    for i in range(1, 17):
        first = helper.make_node(f"F{i - 1}", ["x"], ["h"], domain="local")
        second = helper.make_node(f"F{i - 1}", ["h"], ["y"], domain="local")
        functions.append(function(f"F{i}", first, second))
    refuse(one(call("F16"), opset=LOCAL, functions=functions), "256 MiB")


def test_many_calls_of_another_version(refuse):
    old = helper.make_function("local", "F", ["x"], ["y"], [relu()], [helper.make_opsetid("", 13)])
    nodes = [helper.make_node("F", ["x"], [f"y{i}"], domain="local") for i in range(200)]
    refuse(
        one(*nodes, opset=LOCAL, functions=[old], outputs=[info("y0", None)]), "more than 100 times"
    )


def test_message_does_not_hold_the_body(refuse):
    bad = models.control_flow()
    body = bad.graph.node[1].attribute[0].g
    body.input[2].type.tensor_type.elem_type = TensorProto.DOUBLE
    for i in range(100):
        body.node.append(helper.make_node("Neg", ["acc"], [f"n{i}"]))
    refuse(bad, "loop", "f64", "f32")


def test_function_twice(refuse):
    refuse(
        one(call("F"), opset=LOCAL, functions=[function("F", relu()), function("F", relu())]), "F"
    )


def test_function_with_dangling_name(refuse):
    refuse(one(call("F"), opset=LOCAL, functions=[function("F", relu("q"))]), "'act' (Relu)", "'q'")


def test_call_with_too_many_inputs(refuse):
    node = helper.make_node("F", ["x", "x"], ["y"], name="call", domain="local")
    refuse(one(node, opset=LOCAL, functions=[function("F", relu())]), "'call' (F)", "more inputs")
