"""The digit CNN: trained here, compiled, and as accurate as its trainer."""

import numpy
import onnx
import pytest
from onnx import numpy_helper

from examples import engines
from examples.digits import classify, network

BATCHES = [7, 360, 1, 33, 64, 2]
WORSE_THAN_PEER = 4


@pytest.fixture(scope="module")
def model_file():
    """digits.onnx with digits.npz beside it; trained once a machine."""
    return classify.onnx_file(report=lambda line: None)[0]


@pytest.fixture(scope="module")
def held_back(model_file):
    with numpy.load(model_file.with_suffix(".npz")) as archive:
        return dict(archive)


@pytest.fixture(scope="module")
def exact(model_file):
    """The same weights in the NumPy network, in float64."""
    made = network.Network(numpy.random.default_rng(0))
    parameters = {t.name: numpy_helper.to_array(t) for t in onnx.load(model_file).graph.initializer}
    for name, layer in made.layers.items():
        layer.parameters = {
            key: parameters[f"{name}.{key}"].astype(numpy.float64) for key in layer.parameters
        }
    return made


@pytest.fixture(scope="module")
def peer(model_file):
    return engines.OnnxRuntime(model_file, 2)


@pytest.fixture(scope="module")
def library(model_file, compile_file):
    return compile_file(model_file)


@pytest.fixture(scope="module")
def compiled(library):
    return engines.Strut(library, 2)


def test_trainer_is_accurate(held_back):
    guesses = held_back["probabilities"].argmax(1)
    assert (guesses == held_back["labels"]).mean() >= 0.98


def test_accuracy_is_the_trainers(compiled, held_back):
    guesses = compiled.run({"image": held_back["images"]})["probabilities"].argmax(1)
    numpy.testing.assert_array_equal(guesses, held_back["probabilities"].argmax(1))


@pytest.mark.parametrize("count", BATCHES)
def test_every_element(compiled, exact, peer, held_back, assert_close, count):
    images = held_back["images"][:count]
    expected = exact.probabilities(images.astype(numpy.float64))
    actual = compiled.run({"image": images})["probabilities"]
    assert_close(actual, expected)
    theirs = peer.run({"image": images})["probabilities"]
    allowed = WORSE_THAN_PEER * max(numpy.abs(theirs - expected).max(), numpy.finfo(numpy.float32).eps)
    assert numpy.abs(actual - expected).max() <= allowed


def test_images_beyond_the_usual_range(compiled, exact, rng, assert_close):
    images = rng.normal(0, 3, (5, 1, 8, 8)).astype(numpy.float32)
    actual = compiled.run({"image": images})["probabilities"]
    assert_close(actual, exact.probabilities(images.astype(numpy.float64)))


def test_no_images(compiled):
    actual = compiled.run({"image": numpy.zeros((0, 1, 8, 8), numpy.float32)})["probabilities"]
    assert actual.shape == (0, 10)


def test_same_bits_on_one_thread_and_alone(library, compiled, held_back):
    images = held_back["images"][:9]
    together = compiled.run({"image": images})["probabilities"].copy()
    single = engines.Strut(library, 1)
    numpy.testing.assert_array_equal(single.run({"image": images})["probabilities"], together)
    for index in range(len(images)):
        alone = compiled.run({"image": images[index : index + 1]})["probabilities"]
        numpy.testing.assert_array_equal(alone[0], together[index])
