"""Forms that the cost model chose: which one runs, and that all give the same values."""

import pathlib
import re
import subprocess

import numpy as np
import pytest

from Execute.abi import Context, Failure, Session

MACHINE = pathlib.Path(__file__).parents[1] / "Rewrite" / "Inputs" / "machine.json"
INPUTS, RANK, OUTPUTS = 96, 12, 80


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """x down up + bias, with a row for each batch and sequence; and the weights in f64."""
    import onnx
    from onnx import helper, numpy_helper

    rng = np.random.default_rng(5)
    weights = {
        "down": rng.standard_normal((INPUTS, RANK)),
        "up": rng.standard_normal((RANK, OUTPUTS)),
        "first": rng.standard_normal(RANK),
        "second": rng.standard_normal(OUTPUTS),
    }
    weights = {name: value.astype(np.float32) for name, value in weights.items()}
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "down"], ["a"], "to_rank"),
            helper.make_node("Add", ["first", "a"], ["b"], "first_bias"),
            helper.make_node("MatMul", ["b", "up"], ["c"], "from_rank"),
            helper.make_node("Add", ["c", "second"], ["y"], "second_bias"),
        ],
        "factors",
        [helper.make_tensor_value_info("x", 1, ["batch", "seq", INPUTS])],
        [helper.make_tensor_value_info("y", 1, ["batch", "seq", OUTPUTS])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    path = tmp_path_factory.mktemp("forms") / "factors.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)]), path)
    return path, {name: np.float64(value) for name, value in weights.items()}


def compile_with(strut, model, output, *flags):
    command = [strut, "compile", model, "--machine", MACHINE, "-o", output, *flags]
    subprocess.run(command, check=True, timeout=300)
    return output


@pytest.fixture(scope="module")
def both(strut, model):
    """A library with both forms, and the number of rows from which the second one is taken."""
    path, _ = model
    flags = ["--size-budget", "1000%"]
    stage = compile_with(strut, path, path.with_suffix(".mlir"), "--emit", "mlir-layer", *flags)
    (bound,) = re.findall(r"#layer.case<\[0, 1\] below (\d+) -> 0>\] else 1", stage.read_text())
    return compile_with(strut, path, path.with_suffix(".so"), *flags), int(bound)


def reference(x, weights):
    between = np.float64(x) @ weights["down"] + weights["first"]
    return between @ weights["up"] + weights["second"]


def test_form_at_the_bound(both, model, rng):
    """bound - 1 rows take the product, bound and bound + 1 the factors, in one artefact."""
    library, bound = both
    session = Session(library)
    context = Context(session)
    with pytest.raises(Failure, match="not bound yet"):
        context.form(0)
    for rows, form in [(bound - 1, 0), (bound, 1), (bound + 1, 1), (1, 0), (0, 0), (10 * bound, 1)]:
        x = rng.standard_normal((1, rows, INPUTS)).astype(np.float32)
        (y,) = context.run(x)
        np.testing.assert_allclose(y, reference(x, model[1]), rtol=1e-4, atol=1e-4)
        assert context.form(0) == form, f"{rows} rows, bound {bound}"
    with pytest.raises(Failure, match="no choice of this index"):
        context.form(1)
    context.destroy()
    session.close()


def test_product_of_dimensions_decides(both, rng):
    strut = pytest.importorskip("strut")
    library, bound = both
    model = strut.load(library)
    assert model.forms() == []
    for batch, seq in [(bound - 1, 1), (bound, 1), (1, bound), (2, -(-bound // 2)), (2, (bound - 1) // 2)]:
        model(rng.standard_normal((batch, seq, INPUTS)).astype(np.float32))
        ((name, form),) = model.forms()
        assert form == ("merged" if batch * seq < bound else "factored")
        assert name in ("to_rank", "first_bias", "from_rank", "second_bias")


def test_one_form_without_a_budget(strut, model, rng):
    path, weights = model
    library = compile_with(strut, path, path.with_name("one.so"), "--size-budget", "0")
    session = Session(library)
    context = Context(session)
    x = rng.standard_normal((2, 3, INPUTS)).astype(np.float32)
    np.testing.assert_allclose(context.run(x)[0], reference(x, weights), rtol=1e-4, atol=1e-4)
    with pytest.raises(Failure, match="no choice"):
        context.form(0)
    context.destroy()
    session.close()


def test_tools_say_what_was_chosen(strut, both):
    library, bound = both
    shown = subprocess.run([strut, "inspect", library], capture_output=True, text=True, check=True).stdout
    assert re.search(r"machine +plain", shown)
    assert re.search(r"forms, chosen by the dimensions\n  \w+: merged, factored", shown)
    command = [strut, "run", library, "--random", "--profile", "--dim", "batch=1", "--dim"]
    for rows, form in [(bound - 1, "merged"), (bound, "factored")]:
        shown = subprocess.run([*command, f"seq={rows}"], capture_output=True, text=True, check=True).stdout
        assert re.search(rf"form +{form}", shown)


def test_same_description_same_library(strut, model, tmp_path):
    made = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        library = compile_with(strut, model[0], folder / "forms.so", "--size-budget", "1000%")
        made.append(library.read_bytes())
    assert made[0] == made[1]
