"""RNN, GRU and LSTM against their definitions in float64."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
TYPES = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.int32): TensorProto.INT32}
ACTIVATIONS = {
    "Sigmoid": lambda x, a, b: 1 / (1 + np.exp(-x)),
    "Tanh": lambda x, a, b: np.tanh(x),
    "Relu": lambda x, a, b: np.maximum(x, 0),
    "Softsign": lambda x, a, b: x / (1 + np.abs(x)),
    "Softplus": lambda x, a, b: np.log1p(np.exp(x)),
    "LeakyRelu": lambda x, a, b: np.where(x < 0, a * x, x),
    "ThresholdedRelu": lambda x, a, b: np.where(x > a, x, 0),
    "Elu": lambda x, a, b: np.where(x < 0, a * np.expm1(x), x),
    "Affine": lambda x, a, b: a * x + b,
    "ScaledTanh": lambda x, a, b: a * np.tanh(b * x),
    "HardSigmoid": lambda x, a, b: np.clip(a * x + b, 0, 1),
}


def one_direction(kind, values, direction, reverse, attributes):
    """Outputs of all steps, last h and last c, of X [steps, batch, inputs]; a direction's share."""
    w, r = values["W"][direction], values["R"][direction]
    hidden = r.shape[1]
    steps, batch = values["X"].shape[:2]
    names = attributes.get("activations") or {"RNN": ["Tanh"], "GRU": ["Sigmoid", "Tanh"]}.get(
        kind, ["Sigmoid", "Tanh", "Tanh"]
    )
    alpha = (attributes.get("activation_alpha") or [None])[0]
    beta = (attributes.get("activation_beta") or [None])[0]
    clip = attributes.get("clip", np.inf)

    def act(x, which):
        bound = np.inf if kind == "LSTM" and which == 2 else clip
        return ACTIVATIONS[names[which]](np.clip(x, -bound, bound), alpha, beta)

    zeros = np.zeros((batch, hidden))
    bias = values["B"][direction] if "B" in values else np.zeros(2 * w.shape[0])
    wb, rb = np.split(bias, 2)
    h = values["initial_h"][direction] if "initial_h" in values else zeros
    c = values["initial_c"][direction] if "initial_c" in values else zeros
    p = np.split(values["P"][direction], 3) if "P" in values else [0, 0, 0]
    lengths = values.get("sequence_lens", np.full(batch, steps))
    y = np.zeros((steps, batch, hidden))
    for t in reversed(range(steps)) if reverse else range(steps):
        x = values["X"][t] @ w.T + wb
        s = h @ r.T + rb
        if kind == "RNN":
            new_h, new_c = act(x + s, 0), c
        elif kind == "GRU":
            (xz, xr, xh), (sz, sr, sh) = np.split(x, 3, 1), np.split(s, 3, 1)
            z, reset = act(xz + sz, 0), act(xr + sr, 0)
            if not attributes.get("linear_before_reset"):
                sh = (reset * h) @ r[2 * hidden :].T + rb[2 * hidden :]
            else:
                sh = reset * sh
            new_h, new_c = (1 - z) * act(xh + sh, 1) + z * h, c
        else:
            i, o, f, g = np.split(x + s, 4, 1)
            i = act(i + p[0] * c, 0)
            f = 1 - i if attributes.get("input_forget") else act(f + p[2] * c, 0)
            new_c = f * c + i * act(g, 1)
            new_h = act(o + p[1] * new_c, 0) * act(new_c, 2)
        valid = (t < lengths)[:, None]
        y[t] = np.where(valid, new_h, 0)
        h, c = np.where(valid, new_h, h), np.where(valid, new_c, c)
    return y, h, c


def reference(kind, feed, attributes):
    """Y, Y_h, Y_c in float64, as the standard lays them out."""
    values = {
        name: value if value.dtype.kind == "i" else value.astype(np.float64)
        for name, value in feed.items()
    }
    batch_first = attributes.get("layout", 0)
    if batch_first:
        for name in ("X", "initial_h", "initial_c"):
            if name in values:
                values[name] = np.swapaxes(values[name], 0, 1)
    way = attributes.get("direction", "forward")
    parts = [one_direction(kind, values, d, d == 1 or way == "reverse", attributes)
             for d in range(2 if way == "bidirectional" else 1)]  # fmt: skip
    y = np.stack([part[0] for part in parts], axis=1)
    states = [np.stack([part[i] for part in parts]) for i in (1, 2)]
    if batch_first:
        return [y.transpose(2, 0, 1, 3), *[state.swapaxes(0, 1) for state in states]]
    return [y, *states]


def model(kind, feed, constants, outputs, attributes, dtype=np.float32):
    """One layer; batch and steps are dynamic, what `constants` names is an initializer."""
    batch_first = attributes.get("layout", 0)
    directions, hidden = feed["R"].shape[0], feed["R"].shape[2]
    data = ["batch", "steps"] if batch_first else ["steps", "batch"]
    state = ["batch", directions] if batch_first else [directions, "batch"]
    dims = {"X": [*data, feed["X"].shape[2]], "sequence_lens": ["batch"]}
    dims |= {"initial_h": [*state, hidden], "initial_c": [*state, hidden]}
    order = ["X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P"]
    names = [name if name in feed else "" for name in order[: 8 if kind == "LSTM" else 6]]
    while not names[-1]:
        names.pop()
    step = [*data, directions] if batch_first else [data[0], directions, data[1]]
    shapes = {"Y": [*step, hidden], "Y_h": [*state, hidden], "Y_c": [*state, hidden]}
    results = [name if name in outputs else "" for name in shapes][: 3 if kind == "LSTM" else 2]
    given = {name: feed[name] for name in feed if name not in constants}
    graph = helper.make_graph(
        [helper.make_node(kind, names, results, name="cell", hidden_size=hidden, **attributes)],
        "recurrent",
        [
            helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(value.dtype), dims.get(name, value.shape)
            )
            for name, value in given.items()
        ],
        [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shapes[name])
            for name in results
            if name
        ],
        [numpy_helper.from_array(feed[name], name) for name in constants],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=9)
    onnx.checker.check_model(made)
    return made


def operands(rng, kind, inputs, hidden, directions, optional, dtype=np.float32):
    rows = GATES[kind] * hidden
    shapes = {"W": (directions, rows, inputs), "R": (directions, rows, hidden), "B": (directions, 2 * rows)}
    shapes["P"] = (directions, 3 * hidden)
    # Small enough that states do not grow from step to step where an activation has no bound.
    scale = {"R": 0.2}
    return {
        name: (scale.get(name, 0.4) * rng.standard_normal(shape)).astype(dtype)
        for name, shape in shapes.items()
        if name in ("W", "R") or name in optional
    }


def sizes(rng, weights, optional, steps, batch, batch_first, dtype=np.float32):
    """The operands that depend on the sizes."""
    directions, hidden = weights["R"].shape[0], weights["R"].shape[2]
    inputs = weights["W"].shape[2]
    draw = lambda *shape: rng.standard_normal(shape).astype(dtype)  # noqa: E731
    state = (batch, directions, hidden) if batch_first else (directions, batch, hidden)
    feed = {"X": draw(batch, steps, inputs) if batch_first else draw(steps, batch, inputs)}
    for name in ("initial_h", "initial_c"):
        if name in optional:
            feed[name] = draw(*state)
    if "sequence_lens" in optional:
        feed["sequence_lens"] = rng.integers(0, steps + 1, batch).astype(np.int32)
    return feed


@pytest.fixture
def check(compile_model, rng, assert_close):
    """check(kind, optional operands, attributes): one artefact at several sizes."""
    import strut

    def run(kind, optional=(), outputs=("Y", "Y_h", "Y_c"), fixed=True, dtype=np.float32, width=11, **attributes):
        directions = 2 if attributes.get("direction") == "bidirectional" else 1
        batch_first = attributes.get("layout", 0)
        weights = operands(rng, kind, 7, width, directions, optional, dtype)
        first = sizes(rng, weights, optional, 3, 2, batch_first, dtype)
        made = model(kind, {**first, **weights}, list(weights) if fixed else [], outputs, attributes, dtype)
        compiled = strut.load(str(compile_model(made)), threads=2)
        for steps, batch in [(3, 2), (1, 1), (0, 2), (5, 0), (17, 1), (4, 19)]:
            feed = sizes(rng, weights, optional, steps, batch, batch_first, dtype)
            exact = reference(kind, {**feed, **weights}, attributes)
            results = compiled.run(feed if fixed else {**feed, **weights})
            expected = {n: v for n, v in zip(("Y", "Y_h", "Y_c"), exact) if n in results}
            assert expected
            for name, value in expected.items():
                assert_close(results[name], value, np.dtype(dtype).name, f"{name} at {steps}x{batch}")

    return run


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("kind", GATES)
def test_directions(check, kind, direction):
    check(kind, ("B",), direction=direction)


@pytest.mark.parametrize("kind", GATES)
def test_all_operands_batch_first(check, kind):
    optional = ["B", "sequence_lens", "initial_h", "initial_c", "P"][: 5 if kind == "LSTM" else 3]
    check(kind, optional, direction="bidirectional", layout=1)


@pytest.mark.parametrize("kind", GATES)
def test_weights_that_are_inputs(check, kind):
    check(kind, ("B", "initial_h"), fixed=False, direction="bidirectional")


@pytest.mark.parametrize("kind", GATES)
def test_last_state_alone(check, kind):
    check(kind, outputs=("Y_h",), direction="reverse")


@pytest.mark.parametrize("kind", GATES)
def test_clip(check, kind):
    check(kind, ("B", "initial_h"), clip=0.25)


def test_float16(check):
    check("LSTM", ("B",), dtype=np.float16, width=16)


@pytest.mark.parametrize("optional", [(), ("B", "sequence_lens", "initial_h")])
def test_linear_before_reset(check, optional):
    check("GRU", optional, direction="bidirectional", linear_before_reset=1)


def test_coupled_gates(check):
    check("LSTM", ("B", "P", "initial_c"), input_forget=1)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(check, name):
    parameters = {}
    if name in ("LeakyRelu", "ThresholdedRelu", "Elu", "Affine", "ScaledTanh", "HardSigmoid"):
        parameters["activation_alpha"] = [0.375]
    if name in ("Affine", "ScaledTanh", "HardSigmoid"):
        parameters["activation_beta"] = [0.625]
    check("RNN", ("B", "initial_h"), activations=[name], **parameters)


def test_nothing_is_left_of_the_run_before(compile_model, rng):
    """States are in planned memory, and start anew."""
    import strut

    weights = operands(rng, "GRU", 7, 11, 1, ("B",))
    feed = sizes(rng, weights, (), 3, 2, False)
    made = model("GRU", {**feed, **weights}, list(weights), ("Y_h",), {})
    compiled = strut.load(str(compile_model(made)), threads=1)
    x = rng.standard_normal((200, 2, 7)).astype(np.float32)
    twice = [compiled.run({"X": x})["Y_h"].copy() for _ in range(2)]
    np.testing.assert_array_equal(*twice)


@pytest.mark.parametrize(
    "attributes, reason",
    [
        ({"activations": ["Swish"]}, "its activation 'swish' is not one of the standard"),
        ({"activations": ["Tanh"] * 3}, "it has 3 activations instead of 1"),
        ({"direction": "sideways"}, "its direction 'sideways' is not one of the standard"),
    ],
)
def test_refused(strut_run, tmp_path, rng, attributes, reason):
    weights = operands(rng, "RNN", 7, 11, 1, ())
    made = model("RNN", {**sizes(rng, weights, (), 3, 2, False), **weights}, list(weights), ("Y",), attributes)
    (tmp_path / "model.onnx").write_bytes(made.SerializeToString())
    done = strut_run("compile", tmp_path / "model.onnx", "-o", tmp_path / "model.so", code=1)
    assert reason in done.stderr and "cell" in done.stderr
