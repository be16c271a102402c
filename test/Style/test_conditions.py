"""Marks of side conditions, which scripts/conditions.py deletes one by one."""

import importlib.util
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
_spec = importlib.util.spec_from_file_location("conditions", ROOT / "scripts" / "conditions.py")
conditions = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(conditions)

MARKED, WRONG = conditions.marked()
NUMBERED = conditions.described()


def test_marks_are_well_formed():
    assert not WRONG, "\n".join(WRONG)
    assert MARKED


def test_marks_name_conditions_that_a_pass_describes():
    names = {(mark.name, mark.number) for mark in MARKED} | conditions.implied()
    unknown = [name for name in names if name[1] not in NUMBERED.get(name[0], ())]
    assert not unknown, f"no such number in the description of the pass: {unknown}"


def test_each_condition_that_a_pass_describes_has_a_mark():
    names = {(mark.name, mark.number) for mark in MARKED} | conditions.implied()
    unmarked = {(name, number) for name, numbers in NUMBERED.items() for number in numbers} - names
    assert not unmarked, "write '// Condition N of PASS.' where the code checks it"


def test_what_is_deleted_is_an_expression():
    for mark in MARKED:
        text = mark.file.read_text(encoding="utf-8")[mark.begin : mark.end]
        bare = re.sub(r'"[^"]*"|//[^\n]*', "", text)
        assert bare.strip(), mark
        for opening, closing in ("()", "[]", "{}"):
            assert bare.count(opening) == bare.count(closing), f"{mark}: {text}"


MARK = "// Condition 1 of some-pass.\n"


@pytest.mark.parametrize(
    "text,deleted",
    [
        (f"{MARK}if (a || b)\n  return;", "if (false)\n  return;"),
        (f"{MARK}if (auto x = f(a, b); !x)\n  return;", "if (auto x = f(a, b); false)\n  return;"),
        (f"{MARK}else if (a[1] != (b && c)) return;", "else if (false) return;"),
        (f"return a && {MARK} isa<Op<1>, Op<2>>(b, [](int c) {{ return c; }}) && d;", "return a && true && d;"),
        (f"return a &&\n {MARK} !b;", "return a &&\n true;"),
        (f"if (a || {MARK} b < c || d)", "if (a || false || d)"),
        (f"if (a || {MARK} b(x) == ')')", "if (a || false)"),
        (f"x =\n {MARK} a->b < c;", "x =\n true;"),
        (f"{MARK}return f(a, b);", "return true;"),
        (f"return {MARK} a && b;", "return true && b;"),
    ],
)
def test_deletion(text, deleted):
    comment = conditions.COMMENT.search(text)
    begin, end, instead = conditions.deletion(text, comment.start(), comment.end())
    assert re.sub(r"//[^\n]*\n *", "", text[:begin] + instead + text[end:]).split() == deleted.split()
