"""Operators on dimensions that are known when the library runs."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

TYPES = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.int64): TensorProto.INT64}


def graph(nodes, inputs, outputs, constants=()):
    """A model of nodes (op, operands, results, attributes); inputs and outputs by dims and dtype."""

    def info(named):
        return [
            helper.make_tensor_value_info(name, TYPES[np.dtype(dtype)], dims)
            for name, (dims, dtype) in named.items()
        ]

    made = helper.make_graph(
        [helper.make_node(op, reads, writes, **attributes) for op, reads, writes, attributes in nodes],
        "dynamic",
        info(inputs),
        info(outputs),
        [numpy_helper.from_array(np.asarray(value), name) for name, value in dict(constants).items()],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)


@pytest.fixture
def both(compile_model):
    """both(model): functions from a feed to its outputs, of the compiler and of ONNX Runtime."""
    import strut

    def load(model):
        compiled = strut.load(str(compile_model(model)), threads=2)
        session = onnxruntime.InferenceSession(model.SerializeToString())
        names = [output.name for output in model.graph.output]
        return compiled.run, lambda feed: dict(zip(names, session.run(names, feed)))

    return load


RESIZES = [
    ({"mode": "linear", "coordinate_transformation_mode": "half_pixel"}, [1, 1, 2, 3]),
    ({"mode": "linear", "coordinate_transformation_mode": "align_corners"}, [1, 1, 2, 2]),
    ({"mode": "linear", "coordinate_transformation_mode": "pytorch_half_pixel"}, [1, 1, 0.5, 1.5]),
    ({"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}, [1, 1, 2, 2]),
    ({"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}, [1, 1, 0.25, 1]),
]


@pytest.mark.parametrize("attributes,scales", RESIZES)
def test_resize_by_scales(both, rng, assert_close, attributes, scales):
    model = graph(
        [("Resize", ["x", "", "scales"], ["y"], attributes)],
        {"x": (["n", 3, "h", "w"], np.float32)},
        {"y": (["n", 3, "a", "b"], np.float32)},
        {"scales": np.float32(scales)},
    )
    ours, theirs = both(model)
    for shape in [(2, 3, 8, 6), (1, 3, 5, 7), (1, 3, 4, 2)]:
        feed = {"x": rng.standard_normal(shape, np.float32)}
        assert_close(ours(feed)["y"], theirs(feed)["y"])


def test_resize_to_the_size_of_another(both, rng, assert_close):
    """The sizes are those of a second input, as interpolate(x, size=skip.shape[2:]) writes it."""
    model = graph(
        [
            ("Shape", ["x"], ["whole"], {"end": 2}),
            ("Shape", ["skip"], ["size"], {"start": 2}),
            ("Concat", ["whole", "size"], ["sizes"], {"axis": 0}),
            ("Resize", ["x", "", "", "sizes"], ["large"], {"mode": "linear"}),
            ("Add", ["large", "skip"], ["y"], {}),
        ],
        {"x": (["n", 2, "h", "w"], np.float32), "skip": (["n", 2, "H", "W"], np.float32)},
        {"y": (["n", 2, "H", "W"], np.float32)},
    )
    ours, theirs = both(model)
    for small, large in [((3, 4), (6, 8)), ((5, 2), (7, 3)), ((1, 1), (4, 1)), ((6, 5), (2, 5))]:
        feed = {
            "x": rng.standard_normal((2, 2, *small), np.float32),
            "skip": rng.standard_normal((2, 2, *large), np.float32),
        }
        assert_close(ours(feed)["y"], theirs(feed)["y"])


def halves_and_doubles():
    """x beside its pooled and enlarged copy: two levels of a U-Net."""
    pool = {"kernel_shape": [2, 2], "strides": [2, 2]}
    floor = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return graph(
        [
            ("MaxPool", ["x"], ["half"], pool),
            ("MaxPool", ["half"], ["quarter"], pool),
            ("Resize", ["quarter", "", "two"], ["up"], floor),
            ("Concat", ["half", "up"], ["middle"], {"axis": 1}),
            ("Resize", ["middle", "", "two"], ["large"], floor),
            ("Concat", ["x", "large"], ["y"], {"axis": 1}),
        ],
        {"x": (["n", 2, "h", 8], np.float32)},
        {"y": (["n", 6, "h", 8], np.float32)},
        {"two": np.float32([1, 1, 2, 2])},
    )


def test_a_dimension_that_must_be_a_multiple(both, rng):
    ours, theirs = both(halves_and_doubles())
    for height in (4, 12, 8):
        feed = {"x": rng.standard_normal((2, 2, height, 8), np.float32)}
        np.testing.assert_array_equal(ours(feed)["y"], theirs(feed)["y"])
    for height in (6, 5):
        with pytest.raises(Exception, match="'h' has no valid value"):
            ours({"x": np.ones((1, 2, height, 8), np.float32)})


@pytest.mark.parametrize("batch", [0, 1])
@pytest.mark.parametrize("length", [1, 2])
def test_gather_nd(both, rng, batch, length):
    model = graph(
        [("GatherND", ["x", "i"], ["y"], {"batch_dims": batch})],
        {"x": (["n", "h", 4], np.float32), "i": (["n", "k", length], np.int64)},
        {"y": (["n", "k", *["h", 4][batch + length - 1 :]], np.float32)},
    )
    ours, theirs = both(model)
    for n, h, k in [(2, 5, 3), (1, 1, 7), (3, 2, 0)]:
        extents = (n, h, 4)[batch : batch + length]
        index = np.stack([rng.integers(-e, e, (n, k)) for e in extents], -1)
        feed = {"x": rng.standard_normal((n, h, 4), np.float32), "i": index}
        np.testing.assert_array_equal(ours(feed)["y"], theirs(feed)["y"])


def test_neighbours_compared(both, rng):
    """x[1:] - x[:-1] of a sequence that a copy of its first place precedes, as torch's exporter
    writes what finds the starts of packed sequences; that both are as long takes proof."""
    model = graph(
        [
            ("Shape", ["x"], ["length"], {"start": 1}),
            ("Add", ["length", "one"], ["more"], {}),
            ("Slice", ["x", "zero", "one", "one"], ["first"], {}),
            ("Concat", ["first", "x"], ["joined"], {"axis": 1}),
            ("Slice", ["joined", "zero", "length", "one"], ["before"], {}),
            ("Slice", ["joined", "one", "more", "one"], ["after"], {}),
            ("Sub", ["after", "before"], ["y"], {}),
        ],
        {"x": (["n", "s"], np.float32)},
        {"y": (["n", "s"], np.float32)},
        {"zero": [0], "one": [1]},
    )
    ours, _ = both(model)
    for shape in [(2, 5), (1, 1), (3, 64), (2, 0)]:
        x = rng.standard_normal(shape, np.float32)
        np.testing.assert_array_equal(ours({"x": x})["y"], np.diff(x, axis=1, prepend=x[:, :1]))


def test_dimensions_that_weights_tell(both, rng, assert_close):
    """Channels and columns are left open; one value of them is valid."""
    filters, right, left = (rng.standard_normal(shape, np.float32) for shape in ((8, 3, 3, 3), (8, 5), (6, 7)))
    model = graph(
        [
            ("Sigmoid", ["x"], ["s"], {}),
            ("MaxPool", ["s"], ["p"], {"kernel_shape": [2, 2], "strides": [2, 2]}),
            ("Conv", ["p", "filters"], ["c"], {"pads": [1] * 4}),
            ("Transpose", ["c"], ["t"], {"perm": [0, 2, 3, 1]}),
            ("MatMul", ["t", "right"], ["y"], {}),
            ("MatMul", ["left", "z"], ["v"], {}),
        ],
        {"x": (["N", "C", "H", "W"], np.float32), "z": (["K", "N"], np.float32)},
        {"y": (["N", "i", "j", 5], np.float32), "v": ([6, "N"], np.float32)},
        {"filters": filters, "right": right, "left": left},
    )
    ours, theirs = both(model)
    for n, height, width in [(1, 2, 3), (2, 9, 7), (0, 4, 4)]:
        feed = {
            "x": rng.standard_normal((n, 3, height, width), np.float32),
            "z": rng.standard_normal((7, n), np.float32),
        }
        actual, expected = ours(feed), theirs(feed) if n else {"y": np.zeros((0, 2, 2, 5)), "v": np.zeros((6, 0))}
        for name in expected:
            assert_close(actual[name], expected[name], what=f"{name} of {n} x {height} x {width}")
    with pytest.raises(Exception, match=r"'x' has shape \[1, 4, 2, 3\], the model's is \[N, 3, H, W\]"):
        ours(feed | {"x": np.ones((1, 4, 2, 3), np.float32)})


def agreements(rng):
    """Graphs in which extents have to agree that nothing says are equal: of each a model, dims that
    fit, and dims that do not, with what depends on which."""
    draw = lambda *shape: rng.standard_normal(shape, np.float32)  # noqa: E731
    sums = graph(
        [("Add", ["x", "y"], ["s"], {}), ("MatMul", ["s", "z"], ["p"], {})],
        {"x": (["a", "b"], np.float32), "y": (["c", "d"], np.float32), "z": (["e", 5], np.float32)},
        {"p": (["m", 5], np.float32)},
    )
    fits = [dict(a=3, b=7, c=3, d=7, e=7), dict(a=0, b=2, c=0, d=2, e=2), dict(a=1, b=1, c=1, d=1, e=1)]
    yield sums, fits, [(dict(a=3, b=7, c=3, d=1, e=7), "b, d"), (dict(a=3, b=7, c=3, d=7, e=8), "b, e")]

    positions = graph(
        [
            ("Conv", ["x", "w"], ["c"], {"strides": [4, 4]}),
            ("Reshape", ["c", "shape"], ["r"], {}),
            ("Transpose", ["r"], ["t"], {"perm": [0, 2, 1]}),
            ("Add", ["t", "positions"], ["y"], {}),
        ],
        {"x": (["n", 3, "h", "w"], np.float32)},
        {"y": (["n", 6, 8], np.float32)},
        {"w": draw(8, 3, 4, 4), "positions": draw(1, 6, 8), "shape": np.array([0, 8, -1])},
    )
    yield positions, [dict(n=2, h=8, w=12), dict(n=1, h=15, w=11)], [(dict(n=1, h=8, w=8), "h, w")]

    space = graph(
        [("SpaceToDepth", ["x"], ["d"], {"blocksize": 2}), ("Reshape", ["d", "pairs"], ["y"], {})],
        {"x": (["n", 3, "h", "w"], np.float32)},
        {"y": (["k", 2], np.float32)},
        {"pairs": np.array([-1, 2])},
    )
    yield space, [dict(n=1, h=2, w=6), dict(n=3, h=10, w=4), dict(n=0, h=2, w=2)], [(dict(n=2, h=7, w=4), "n, h, w")]

    covers = graph(
        [("GatherElements", ["x", "i"], ["y"], {"axis": 1})],
        {"x": (["n", "w"], np.float32), "i": (["m", 3], np.int64)},
        {"y": (["m", 3], np.float32)},
    )
    yield covers, [dict(n=4, m=4, w=5), dict(n=4, m=2, w=1)], [(dict(n=2, m=3, w=4), None)]


def test_extents_that_have_to_agree(both, rng, assert_close):
    """Bind asks for them; where they do not, nothing runs, and the message says on what they depend."""
    for model, fits, misfits in agreements(rng):
        ours, theirs = both(model)

        def feed(dims, model=model):
            shapes = {
                i.name: [d.dim_value or dims.get(d.dim_param, 0) for d in i.type.tensor_type.shape.dim]
                for i in model.graph.input
            }
            return {
                name: rng.integers(0, dims["w"], shape) if name == "i" else rng.standard_normal(shape, np.float32)
                for name, shape in shapes.items()
            }

        for dims in fits:
            given = feed(dims)
            if any(array.size == 0 for array in given.values()):  # of which the peer is no judge
                assert all(0 in array.shape for array in ours(given).values())
                continue
            actual, expected = ours(given), theirs(given)
            for name, value in expected.items():
                assert_close(actual[name], value, what=f"{name} at {dims}")
        for dims, names in misfits:
            why = f"have to be equal are not, which depend on {names};" if names else "cover more than its data along axis 0"
            with pytest.raises(Exception, match=f"node '.*': .*{why}.*cannot run with"):
                ours(feed(dims))
