"""Kernel-stage programs written by the tests, each with its meaning in numpy.

A `Program` is a host function made of kernel ops on tensors. `text` writes it as IR for
`strut compile`; `reference` computes the same in float64 (integers exactly).
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

import ml_dtypes
import numpy as np

DTYPES = {
    "f32": np.dtype(np.float32),
    "f64": np.dtype(np.float64),
    "f16": np.dtype(np.float16),
    "bf16": np.dtype(ml_dtypes.bfloat16),
    "i8": np.dtype(np.int8),
    "i32": np.dtype(np.int32),
}
ACCUMULATORS = {"f64": "f64", "i8": "i32"}  # f32 for the others


def accumulator(dtype: str) -> str:
    return ACCUMULATORS.get(dtype, "f32")


def random_array(rng: np.random.Generator, dtype: str, shape) -> np.ndarray:
    if dtype.startswith("i"):
        return rng.integers(-128, 128, shape).astype(DTYPES[dtype])
    return rng.standard_normal(shape).astype(DTYPES[dtype])


@dataclass
class Operand:
    """A tensor of a program. `shape` holds numbers and names of dimensions."""

    name: str
    dtype: str
    shape: tuple
    value: np.ndarray | None = None  # of a weight

    @property
    def type(self) -> str:
        extents = "".join(f"{'?' if isinstance(e, str) else e}x" for e in self.shape)
        return f"tensor<{extents}{self.dtype}>"

    def extents(self, dims: dict) -> tuple:
        return tuple(dims[e] if isinstance(e, str) else e for e in self.shape)


@dataclass
class Program:
    """Collects inputs, weights and kernels; see the module's text."""

    symbols: list = field(default_factory=list)
    inputs: list = field(default_factory=list)
    weights: list = field(default_factory=list)
    # (operand, its value and the size of its terms as functions of a feed and dims)
    results: list = field(default_factory=list)
    lines: list = field(default_factory=list)

    def input(self, name: str, dtype: str, shape) -> Operand:
        known = [i for i in self.inputs if i.name == name]
        if known:
            assert (known[0].dtype, known[0].shape) == (dtype, tuple(shape)), name
            return known[0]
        self.inputs.append(Operand(name, dtype, tuple(shape)))
        return self.inputs[-1]

    def weight(self, name: str, value: np.ndarray, dtype: str) -> Operand:
        weight = Operand(name, dtype, value.shape, value)
        self.weights.append(weight)
        self.lines.append(f"%{name} = kernel.use @{name} : {weight.type}")
        return weight

    def _output(self, dtype: str, shape) -> Operand:
        result = Operand(f"y{len(self.results)}", dtype, tuple(shape))
        sizes = ", ".join(f"%{e}" for e in result.shape if isinstance(e, str))
        self.lines.append(f"%{result.name}_init = tensor.empty({sizes}) : {result.type}")
        return result

    def _kernel(self, op: str, operands, maps, result: Operand, body, iterators: str):
        names = ", ".join(f"%{o.name}" for o in operands)
        types = ", ".join(o.type for o in operands)
        written = ", ".join(f"affine_map<({iterators}) -> ({', '.join(m)})>" for m in maps)
        self.lines.append(
            f"%{result.name} = kernel.{op} ins({names} : {types}) "
            f"outs(%{result.name}_init : {result.type}) attributes {{indexing_maps = [{written}]}} {{"
        )
        self.lines += [*body, f"}} -> {result.type}"]

    def contract(self, iterators: str, lhs, rhs, init, extra=None, dtype=None) -> str:
        """`lhs`, `rhs` and `extra` are (operand, list of index expressions), `init` (shape,
        list of single letters); the epilogue adds the extra and keeps what is above -1.
        Returns the name of the output."""
        acc = accumulator(lhs[0].dtype)
        result = self._output(dtype or acc, init[0])
        operands = [pair[0] for pair in (lhs, rhs, extra) if pair]
        maps = [pair[1] for pair in (lhs, rhs, extra) if pair] + [init[1]]
        kind = "i" if acc.startswith("i") else "f"
        body = [f"^bb0(%acc: {acc}{f', %extra: {extra[0].dtype}' if extra else ''}):"]
        value = "%acc"
        if extra:
            body += [
                f"%sum = arith.add{kind} %acc, %extra : {acc}",
                f"%least = arith.constant {'-1' if kind == 'i' else '-1.0'} : {acc}",
                f"%most = arith.{'maxsi' if kind == 'i' else 'maximumf'} %sum, %least : {acc}",
            ]
            value = "%most"
        if result.dtype != acc:
            body.append(f"%short = arith.truncf {value} : {acc} to {result.dtype}")
            value = "%short"
        body.append(f"kernel.yield {value} : {result.dtype}")
        self._kernel("contract", operands, maps, result, body, iterators)

        def evaluate(feed, dims, power):
            """The sum of products, each factor to a power, and then the epilogue."""
            letters = re.findall(r"\w+", iterators)
            extents = {}
            for operand, exprs in (lhs, rhs, (result, init[1])):
                for extent, expr in zip(operand.extents(dims), exprs):
                    if expr in letters:
                        extents[expr] = extent
            total = np.einsum(
                "{},{}->{}".format(*("".join(_used(letters, e)) for e in (lhs[1], rhs[1])), "".join(init[1])),
                _gather(_value(lhs[0], feed), lhs[1], letters, extents) ** power,
                _gather(_value(rhs[0], feed), rhs[1], letters, extents) ** power,
                optimize=True,
            )
            if extra:
                columns = _gather(_value(extra[0], feed), extra[1], letters, extents) ** power
                used = _used(letters, extra[1])
                columns = columns.transpose([used.index(d) for d in init[1] if d in used])
                place = [extents[d] if d in used else 1 for d in init[1]]
                total = np.maximum(total + columns.reshape(place), -1)
            return total

        def reference(feed, dims):
            return evaluate(feed, dims, 1)

        def magnitude(feed, dims):
            return np.sqrt(evaluate(feed, dims, 2))

        self.results.append((result, reference, magnitude))
        return result.name

    def text(self, folder: Path) -> str:
        """The module; the bytes of the weights are written to `folder`."""
        head = []
        for weight in self.weights:
            file = folder / f"{weight.name}.bin"
            file.write_bytes(np.ascontiguousarray(weight.value).tobytes())
            head.append(
                f'kernel.weight @{weight.name} : {weight.type} = '
                f'#kernel.file<"{file}", 0, {file.stat().st_size}>'
            )
        arguments = []
        for operand in self.inputs:
            dims = ", ".join(f'"{e if isinstance(e, str) else ""}"' for e in operand.shape)
            arguments.append(
                f'%{operand.name}: {operand.type} {{strut.name = "{operand.name}", strut.dims = [{dims}]}}'
            )
        arguments += [f"%{symbol}: index" for symbol in self.symbols]
        results = [result for result, *_ in self.results]
        outputs = ", ".join(f'{r.type} {{strut.name = "{r.name}"}}' for r in results)
        symbols = ", ".join(f'"{s}"' for s in self.symbols)
        return "\n".join(
            [
                'module attributes {onnx.graph_name = "g"} {',
                *head,
                f"func.func @main({', '.join(arguments)}) -> ({outputs}) attributes {{strut.symbols = [{symbols}]}} {{",
                *self.lines,
                f"return {', '.join('%' + r.name for r in results)} : {', '.join(r.type for r in results)}",
                "}",
                "}",
            ]
        )

    def feed(self, rng: np.random.Generator, dims: dict) -> dict:
        return {i.name: random_array(rng, i.dtype, i.extents(dims)) for i in self.inputs}

    def reference(self, feed: dict, dims: dict) -> dict:
        return {result.name: compute(feed, dims) for result, compute, _ in self.results}

    def check(self, actual: dict, feed: dict, dims: dict, assert_close):
        """Every output of a run against the reference."""
        for result, compute, magnitude in self.results:
            assert_close(
                actual[result.name],
                compute(feed, dims),
                str(DTYPES[result.dtype]),
                what=f"{result.name} {result.type} at {dims}",
                magnitude=magnitude(feed, dims),
            )


def _value(operand: Operand, feed: dict) -> np.ndarray:
    value = operand.value if operand.value is not None else feed[operand.name]
    return value.astype(np.int64 if operand.dtype.startswith("i") else np.float64)


def _used(letters, exprs):
    words = set(re.findall(r"[a-z]+", " ".join(exprs)))
    return [letter for letter in letters if letter in words]


def _gather(value, exprs, letters, extents):
    """`value` at the index expressions, over the dimensions that they use, in order."""
    used = _used(letters, exprs)
    grid = np.meshgrid(*(np.arange(extents[d]) for d in used), indexing="ij", sparse=True)
    names = dict(zip(used, grid))
    return value[tuple(eval(e, {}, names) for e in exprs)]  # noqa: S307: our own expressions
