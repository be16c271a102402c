"""A small convolutional network in plain NumPy: forward, backward and its ONNX form.

Arrays are NCHW float32.  Each layer keeps what its backward pass needs and names its parameters
in `parameters`, whose gradients it leaves in `gradients` under the same keys.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Conv:
    """3x3 convolution, padding 1, by im2col."""

    def __init__(self, inputs: int, outputs: int, rng: np.random.Generator):
        scale = np.sqrt(2.0 / (inputs * 9))
        weight = rng.standard_normal((outputs, inputs, 3, 3)) * scale
        self.parameters = {"weight": weight.astype(np.float32), "bias": np.zeros(outputs, np.float32)}
        self.gradients: dict[str, np.ndarray] = {}

    def forward(self, x: np.ndarray) -> np.ndarray:
        weight = self.parameters["weight"]
        batch, _, height, width = x.shape
        padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
        self._columns = windows.transpose(0, 2, 3, 1, 4, 5).reshape(batch * height * width, -1)
        self._shape = x.shape
        y = self._columns @ weight.reshape(len(weight), -1).T + self.parameters["bias"]
        return y.reshape(batch, height, width, -1).transpose(0, 3, 1, 2)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        weight = self.parameters["weight"]
        batch, channels, height, width = self._shape
        rows = dy.transpose(0, 2, 3, 1).reshape(-1, len(weight))
        self.gradients = {"weight": (rows.T @ self._columns).reshape(weight.shape), "bias": rows.sum(0)}
        columns = rows @ weight.reshape(len(weight), -1)
        columns = columns.reshape(batch, height, width, channels, 3, 3).transpose(0, 3, 4, 5, 1, 2)
        dx = np.zeros((batch, channels, height + 2, width + 2), np.float32)
        for i in range(3):
            for j in range(3):
                dx[:, :, i : i + height, j : j + width] += columns[:, :, i, j]
        return dx[:, :, 1:-1, 1:-1]

    def to_onnx(self, name: str, x: str) -> list:
        return [
            helper.make_node(
                "Conv",
                [x, f"{name}.weight", f"{name}.bias"],
                [f"/{name}/Conv_output_0"],
                f"/{name}/Conv",
                kernel_shape=[3, 3],
                pads=[1, 1, 1, 1],
                strides=[1, 1],
                dilations=[1, 1],
                group=1,
            )
        ]


class Relu:
    parameters: dict[str, np.ndarray] = {}

    def forward(self, x: np.ndarray) -> np.ndarray:
        self._on = x > 0
        return x * self._on

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy * self._on

    def to_onnx(self, name: str, x: str) -> list:
        return [helper.make_node("Relu", [x], [f"/{name}/Relu_output_0"], f"/{name}/Relu")]


class MaxPool:
    """Maximum over 2x2 windows that do not overlap."""

    parameters: dict[str, np.ndarray] = {}

    def forward(self, x: np.ndarray) -> np.ndarray:
        batch, channels, height, width = x.shape
        tiles = x.reshape(batch, channels, height // 2, 2, width // 2, 2)
        tiles = tiles.transpose(0, 1, 2, 4, 3, 5).reshape(batch, channels, height // 2, width // 2, 4)
        # Of equal maxima the first one alone gets the gradient.
        self._best = np.eye(4, dtype=np.float32)[tiles.argmax(-1)]
        return tiles.max(-1)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        batch, channels, height, width = dy.shape
        tiles = (self._best * dy[..., None]).reshape(batch, channels, height, width, 2, 2)
        return tiles.transpose(0, 1, 2, 4, 3, 5).reshape(batch, channels, height * 2, width * 2)

    def to_onnx(self, name: str, x: str) -> list:
        return [
            helper.make_node(
                "MaxPool",
                [x],
                [f"/{name}/MaxPool_output_0"],
                f"/{name}/MaxPool",
                kernel_shape=[2, 2],
                strides=[2, 2],
            )
        ]


class Linear:
    """Flatten, then a fully connected layer."""

    def __init__(self, inputs: int, outputs: int, rng: np.random.Generator):
        weight = rng.standard_normal((outputs, inputs)) * np.sqrt(1.0 / inputs)
        self.parameters = {"weight": weight.astype(np.float32), "bias": np.zeros(outputs, np.float32)}
        self.gradients: dict[str, np.ndarray] = {}

    def forward(self, x: np.ndarray) -> np.ndarray:
        self._shape, self._x = x.shape, x.reshape(len(x), -1)
        return self._x @ self.parameters["weight"].T + self.parameters["bias"]

    def backward(self, dy: np.ndarray) -> np.ndarray:
        self.gradients = {"weight": dy.T @ self._x, "bias": dy.sum(0)}
        return (dy @ self.parameters["weight"]).reshape(self._shape)

    def to_onnx(self, name: str, x: str) -> list:
        flat = f"/{name}/Flatten_output_0"
        return [
            helper.make_node("Flatten", [x], [flat], f"/{name}/Flatten", axis=1),
            helper.make_node(
                "Gemm",
                [flat, f"{name}.weight", f"{name}.bias"],
                [f"/{name}/Gemm_output_0"],
                f"/{name}/Gemm",
                alpha=1.0,
                beta=1.0,
                transB=1,
            ),
        ]


class Network:
    """Ten digit probabilities from [N, 1, 8, 8] images with values 0 to 1."""

    def __init__(self, rng: np.random.Generator):
        self.layers = {
            "conv1": Conv(1, 16, rng),
            "relu1": Relu(),
            "conv2": Conv(16, 32, rng),
            "relu2": Relu(),
            "pool": MaxPool(),
            "conv3": Conv(32, 48, rng),
            "relu3": Relu(),
            "classifier": Linear(48 * 4 * 4, 10, rng),
        }

    def parameters(self) -> dict[str, np.ndarray]:
        return {f"{n}.{k}": p for n, layer in self.layers.items() for k, p in layer.parameters.items()}

    def gradients(self) -> dict[str, np.ndarray]:
        return {
            f"{n}.{k}": layer.gradients[k] for n, layer in self.layers.items() for k in layer.parameters
        }

    def probabilities(self, x: np.ndarray) -> np.ndarray:
        for layer in self.layers.values():
            x = layer.forward(x)
        x = np.exp(x - x.max(1, keepdims=True))
        return x / x.sum(1, keepdims=True)

    def step(self, x: np.ndarray, labels: np.ndarray) -> float:
        """Fills the gradients of the mean cross entropy and returns that loss."""
        probabilities = self.probabilities(x)
        picked = probabilities[np.arange(len(x)), labels]
        dy = probabilities.copy()
        dy[np.arange(len(x)), labels] -= 1
        dy /= len(x)
        for layer in reversed(self.layers.values()):
            dy = layer.backward(dy)
        return float(-np.log(np.maximum(picked, 1e-12)).mean())

    def to_onnx(self) -> onnx.ModelProto:
        """The network at opset 17: `image` [N, 1, 8, 8] to `probabilities` [N, 10]."""
        nodes, value = [], "image"
        for name, layer in self.layers.items():
            nodes += layer.to_onnx(name, value)
            value = nodes[-1].output[0]
        nodes.append(helper.make_node("Softmax", [value], ["probabilities"], "/Softmax", axis=1))
        graph = helper.make_graph(
            nodes,
            "digits",
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, 8, 8])],
            [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 10])],
            [numpy_helper.from_array(p, name) for name, p in self.parameters().items()],
        )
        model = helper.make_model(
            graph,
            producer_name="strut-examples",
            opset_imports=[helper.make_opsetid("", 17)],
            ir_version=8,
        )
        onnx.checker.check_model(model, full_check=True)
        return model
