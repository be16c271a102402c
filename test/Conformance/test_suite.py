"""The ONNX backend suite: what the compiler takes it computes right, and what it does not take is
in the deny-list with a reason. `suite.py` alone prints the outcome of every case."""

import importlib.util
import os
import sys
import zlib
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
_spec = importlib.util.spec_from_file_location("suite", Path(__file__).with_name("suite.py"))
suite = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(suite)

SHARE = 24  # one case in as many, by its name, is in the quick run


def in_share(case, share=SHARE):
    return zlib.crc32(case.name.encode()) % share == 0


def is_refusal(outcome):
    """Whether the compiler said what it does not take; a bug that it noticed itself is none."""
    return outcome.startswith("refused: ") and "made invalid code" not in outcome


def check(outcomes):
    """A case that is denied must not pass, any other must."""
    denied = suite.Denied()
    problems = []
    for name, outcome in sorted(outcomes.items()):
        reason = denied.reason(name)
        if reason is None and outcome != "ok":
            problems.append(f"{name}: {outcome}")
        elif reason is not None and outcome == "ok":
            problems.append(f"{name} passes; take it from the deny-list ({reason})")
        elif reason is not None and not is_refusal(outcome):
            problems.append(f"{name} must be refused: {outcome}")
    assert not problems, "\n".join(problems[:60])


def state(outcomes, capsys):
    counted = [outcome for name, outcome in outcomes.items() if suite.Denied().counted(name)]
    passed = sum(outcome == "ok" for outcome in counted)
    with capsys.disabled():
        print(
            f"\nONNX backend suite: {passed} of {len(counted)} cases pass, without training, strings, "
            f"sequences and image decoding ({len(outcomes)} in all)"
        )


@pytest.mark.full
@pytest.mark.serial
@pytest.mark.timeout(7200)
def test_all_cases(capsys):
    outcomes = suite.run_all(suite.cases(), len(os.sched_getaffinity(0)))
    state(outcomes, capsys)
    check(outcomes)


@pytest.mark.timeout(600)
def test_share_of_cases(capsys):
    outcomes = suite.run_all([case for case in suite.cases() if in_share(case)], 1)
    state(outcomes, capsys)
    check(outcomes)


def check_form(form, share, jobs):
    """In another form a case may be refused, but is never wrong."""
    denied = suite.Denied()
    chosen = [case for case in suite.cases() if in_share(case, share) and denied.reason(case.name) is None]
    outcomes = suite.run_all(chosen, jobs, form)
    wrong = [f"{name}: {o}" for name, o in outcomes.items() if o != "ok" and not is_refusal(o)]
    assert not wrong, "\n".join(wrong[:60])
    # Most forms are taken; without this, one refused altogether would go unseen.
    assert sum(o == "ok" for o in outcomes.values()) > len(outcomes) // 2


@pytest.mark.full
@pytest.mark.serial
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("form", ["dynamic", "constant"])
def test_all_cases_in_other_forms(form):
    check_form(form, 1, len(os.sched_getaffinity(0)))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("form", ["dynamic", "constant"])
def test_share_of_cases_in_other_forms(form):
    check_form(form, 4 * SHARE, 1)


def test_deny_list():
    """Every pattern says something about a case that there is, and no case falls under two."""
    names = [case.name for case in suite.cases()]
    patterns = [(p, group["reason"]) for group in suite.Denied().groups for p in group["cases"]]
    unused = [p for p, _ in patterns if not any(suite.fnmatch.fnmatchcase(n, p) for n in names)]
    assert not unused, unused
    twice = [n for n in names if sum(suite.fnmatch.fnmatchcase(n, p) for p, _ in patterns) > 1]
    assert not twice, twice
