"""Fixtures of the tests of the GPU back end, none of which needs a GPU."""

import pytest
from GPU.networks import ALL


@pytest.fixture(params=ALL)
def network(request, rng, tmp_path):
    """(name, path of a small model)."""
    path = tmp_path / f"{request.param}.onnx"
    path.write_bytes(ALL[request.param](rng).SerializeToString())
    return request.param, path
