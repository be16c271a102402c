#!/usr/bin/env python3
"""Exports one architecture and computes its reference values; runs where torch is installed.

    python -m bench.networks.export resnet50 dynamo resnet50.onnx      (from the root of the tree)

Beside the model go case0.npz, case1.npz, ... for the network's sizes, with the inputs by name
("in.x"), the outputs in float64 ("out.scores"), computed by the module in double precision, and
the sizes ("size.batch").
"""

import argparse
import sys
import warnings
from pathlib import Path

import numpy as np
import torch

from . import ffn, language, other, vision
from .network import Network, stir

NETWORKS: dict[str, Network] = {
    **vision.NETWORKS, **language.NETWORKS, **other.NETWORKS, **ffn.NETWORKS,
}  # fmt: skip
# Exporter and opset by the name of a spelling.
SPELLINGS = {"dynamo": (True, 20), "dynamo18": (True, 18), "legacy": (False, 17)}


def flat(tensors: dict) -> dict[str, torch.Tensor]:
    """Lists of tensors as one entry each: past becomes past0, past1, ..."""
    entries = {}
    for name, value in tensors.items():
        if isinstance(value, list):
            entries.update({f"{name}{i}": each for i, each in enumerate(value)})
        else:
            entries[name] = value
    return entries


def export(network: Network, spelling: str, module: torch.nn.Module, path: Path) -> None:
    dynamo, opset = SPELLINGS[spelling]
    inputs = network.inputs(network.sizes[0], torch.Generator().manual_seed(1))
    options = {"dynamic_shapes": network.dynamic} if dynamo else {"dynamic_axes": flat(network.dynamic)}
    torch.onnx.export(
        module, (), str(path), kwargs=inputs, input_names=list(flat(inputs)), output_names=network.outputs,
        opset_version=opset, dynamo=dynamo, external_data=False, **options,
    )  # fmt: skip


def doubled(value):
    if isinstance(value, list):
        return [doubled(each) for each in value]
    return value.double() if value.is_floating_point() else value


def save_cases(network: Network, module: torch.nn.Module, folder: Path) -> None:
    """Inputs and float64 outputs at every size."""
    exact = module.double()
    for index, sizes in enumerate(network.sizes):
        inputs = network.inputs(sizes, torch.Generator().manual_seed(100 + index))
        with torch.no_grad():
            outputs = exact(**{name: doubled(value) for name, value in inputs.items()})
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        arrays = {f"in.{name}": value.numpy() for name, value in flat(inputs).items()}
        arrays |= {f"out.{name}": value.numpy() for name, value in zip(network.outputs, outputs)}
        arrays |= {f"size.{name}": np.int64(value) for name, value in sizes.items()}
        np.savez(folder / f"case{index}.npz", **arrays)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", choices=sorted(NETWORKS))
    parser.add_argument("spelling", choices=sorted(SPELLINGS))
    parser.add_argument("model", type=Path)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    network = NETWORKS[arguments.network]
    torch.manual_seed(7)
    module = stir(network.build().eval())
    export(network, arguments.spelling, module, arguments.model)
    save_cases(network, module, arguments.model.parent)
    return 0


if __name__ == "__main__":
    sys.exit(main())
