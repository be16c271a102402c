"""Real architectures as torch's exporters write them; bench/networks has them all.

They need an environment with torch, which `./scripts/test models` installs."""

import numpy as np
import pytest

from bench import architectures
from examples import engines

pytestmark = [pytest.mark.models, pytest.mark.timeout(1800)]

WORSE_THAN_PEER = 4
FAST = ("contract", "attention", "rows", "map", "region")
# Largest share of bytes in code that is neither emitted nor vectorised, and in regions of any
# code; both may only shrink. A scatter with repeated indices adds one element after the other.
SLOW_CEILING = {"gnn": 0.002}
REGION_CEILING = {"gnn": 0.033, "llama_static": 0.001}


@pytest.mark.parametrize("name,spelling", architectures.EXPORTS)
def test_network(name, spelling, compile_file, assert_close):
    if not architectures.torch_python().exists():
        pytest.skip("there is no environment with torch: ./scripts/test models installs it")
    if why := architectures.NOT_EXPORTED.get((name, spelling)):
        pytest.skip(why)
    model = architectures.exported(name, spelling)
    if why := architectures.NOT_COMPILED.get((name, spelling)):
        with pytest.raises(AssertionError, match="cannot be compiled|not supported|cannot link"):
            compile_file(model)
        pytest.xfail(why)
    library = compile_file(model, timeout=600)
    check_lowering(library, name)
    compiled, peer = engines.Strut(library, 2), engines.OnnxRuntime(model, 2)
    cases = architectures.cases(model)
    assert len(cases) > 1
    for case in cases:
        ours, theirs = compiled.run(case.inputs), peer.run(case.inputs)
        assert sorted(ours) == sorted(case.outputs)
        for output, exact in case.outputs.items():
            assert_close(ours[output], exact, what=f"{output} at {case.sizes}")
            if exact.size:
                rounding = np.finfo(np.float32).eps * np.abs(exact).max()
                allowed = WORSE_THAN_PEER * max(np.abs(theirs[output] - exact).max(), rounding)
                assert np.abs(ours[output] - exact).max() <= allowed, f"{output} at {case.sizes}"


def check_lowering(library, name):
    """Nothing slow in silence."""
    kinds = architectures.lowering(library)
    slow = [kind for kind in kinds if kind["kind"] not in FAST]
    assert sum(kind["flops_share"] for kind in slow) <= 0.01
    assert sum(kind["bytes_share"] for kind in slow) <= SLOW_CEILING.get(name, 0)
    regions = [kind for kind in kinds if kind["kind"].endswith("region")]
    assert sum(kind["bytes_share"] for kind in regions) <= REGION_CEILING.get(name, 0)
