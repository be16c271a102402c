#!/usr/bin/env python3
"""Deletes each side condition of the rewrites in turn and expects that a test goes red.

    scripts/conditions.py [PASS[:NUMBER]...] [--build FOLDER] [--list]

A pass description numbers the conditions under which the pass acts; at each place in the
source that checks one, a comment says so:

    // Condition 2 of merge-sums.
    if (!value.hasOneUse())
      return failure();

    return isSmall(op) &&
           // Condition 1 of merge-sums and 3 of stack-nets.
           isConstant(op.getWeight());

What follows the comment is what is deleted: the condition of an `if` becomes false, an operand
of `&&` becomes true, one of `||` false, and an expression that stands alone true. What holds
without a check that could be deleted is marked with the reason:

    // Condition 3 of split-gates holds: only constants have numbers.
    auto weight = readMatrix(map.getWeight());

All conditions are compiled once, as switches that an environment variable throws, into a library
in a folder of its own, so neither the tree nor the build is touched. Then run, without each in
turn, the lit tests named after the pass, the unit tests of the room, the lit tests of all rooms
that have conditions, and test/Execute/test_NAME.py, until one fails. A condition whose deletion no
test notices, or that no comment marks, is printed, and the exit code is 1. Two minutes of
compiling, and then a second for each that the first test notices.
"""

import argparse
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
NAMES = r"//\s*Conditions? (\d+ of [a-z-]+(?:(?:,| and) \d+ of [a-z-]+)*)"
COMMENT = re.compile(NAMES + r"\.[ \t]*\n")
IMPLIED = re.compile(NAMES + r" holds?: ")
MENTION = re.compile(r"//.*\bConditions? \d+ of [a-z]")
PAIRS = {"(": ")", "[": "]", "{": "}", "<": ">"}


def _names(comment):
    """(name of the pass, number) of each condition that a comment names."""
    return [(name, int(number)) for number, name in re.findall(r"(\d+) of ([a-z-]+)", comment[1])]


@dataclasses.dataclass(frozen=True)
class Condition:
    """`text` of `file` from `begin` to `end` is to become `instead`."""

    name: str  # of the pass, without strut-
    number: int
    file: pathlib.Path
    line: int
    begin: int
    end: int
    instead: str

    def room(self):
        return self.file.parent.name

    def place(self):
        return f"{self.file.relative_to(ROOT)}:{self.line}"

    def __str__(self):
        return f"{self.name}:{self.number} at {self.place()}"


def _skip_blank(text, at):
    """The first place from `at` on that is neither space nor comment."""
    return re.compile(r"(?:\s|//[^\n]*\n)*").match(text, at).end()


def _end_of_operand(text, at):
    """Where the operand that begins at `at` ends: before &&, ||, ?, a comma, a semicolon or the
    bracket that closes around it. A < without a space before it opens template arguments."""
    open_brackets = []
    while at < len(text):
        literal = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|//[^\n]*').match(text, at)
        if literal:
            at = literal.end()
            continue
        char = text[at]
        if char in "([{" or (char == "<" and text[at - 1 : at + 2].strip() == text[at - 1 : at + 2]):
            open_brackets.append(PAIRS[char])
        elif open_brackets and char == open_brackets[-1]:
            open_brackets.pop()
        elif not open_brackets and (char in ")]},;?" or text[at : at + 2] in ("&&", "||")):
            return at
        at += 1
    raise ValueError("the operand has no end")


def _condition_of_if(text, at):
    """(begin, end) of the condition of an if whose bracket opens before `at`; what it declares
    first is no part of it."""
    begin = at
    while text[at := _end_of_operand(text, at)] != ")":
        at += 2 if text[at] in "&|" else 1
        begin = at if text[at - 1] == ";" else begin
    return _skip_blank(text, begin), at


def deletion(text, comment_begin, comment_end):
    """(begin, end, instead) for what follows a comment."""
    at = _skip_blank(text, comment_end)
    branch = re.compile(r"(?:else )?if \(").match(text, at)
    if branch:
        return *_condition_of_if(text, branch.end()), "false"
    at = re.compile(r"(?:return\s+)?").match(text, at).end()
    end = _end_of_operand(text, at)
    around = (text[end : end + 2], re.sub(r"\s*//[^\n]*$", "", text[:comment_begin].rstrip())[-2:])
    operator = next((op for op in around if op in ("&&", "||")), "&&")
    end = at + len(text[at:end].rstrip())
    return at, end, "true" if operator == "&&" else "false"


def implied(root=ROOT):
    """(name of the pass, number) of the conditions that a comment says to hold without a check."""
    texts = [file.read_text(encoding="utf-8") for file in sorted((root / "lib").glob("**/*.cpp"))]
    return {name for text in texts for comment in IMPLIED.finditer(text) for name in _names(comment)}


def marked(root=ROOT):
    """(conditions that are marked in the source, what is wrong with other marks)."""
    found, wrong = [], []
    for file in sorted((root / "lib").glob("**/*.cpp")):
        text = file.read_text(encoding="utf-8")
        comments = list(COMMENT.finditer(text))
        for mention in MENTION.finditer(text):
            if not IMPLIED.match(text, mention.start()) and not COMMENT.match(text, mention.start()):
                line = text.count("\n", 0, mention.start()) + 1
                wrong.append(f"{file.relative_to(root)}:{line}: not '// Condition N of PASS.'")
        for comment in comments:
            line = text.count("\n", 0, comment.start()) + 1
            try:
                begin, end, instead = deletion(text, comment.start(), comment.end())
            except ValueError as error:
                wrong.append(f"{file.relative_to(root)}:{line}: {error}")
                continue
            for name, number in _names(comment):
                found.append(Condition(name, number, file, line, begin, end, instead))
    return found, wrong


def described(root=ROOT):
    """The numbers of the conditions in each pass description, by name of the pass."""
    numbers = {}
    for file in (root / "include").glob("strut/*/*Passes.td"):
        for entry in re.split(r"^def ", file.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
            name = re.search(r'Pass<"strut-([a-z-]+)"', entry)
            text = re.search(r"description = \[\{(.*?)\}\];", entry, re.DOTALL)
            if name and text:
                numbers[name[1]] = {int(n) for n in re.findall(r"^\s+(\d+)\. ", text[1], re.MULTILINE)}
    return numbers


PATIENCE = 600  # seconds for tests of which it is not known what they take
LEAST_PATIENCE, TIMES = 60, 10  # seconds, and times what they took
SWITCH = "STRUT_DELETED_CONDITION"
HEAD = f"""#include <cstdlib>
#include <cstring>
namespace {{
[[maybe_unused]] bool isDeleted(const char *place) {{
  static const char *deleted = std::getenv("{SWITCH}");
  return deleted && std::strcmp(deleted, place) == 0;
}}
}} // namespace
"""


def switched(text, conditions):
    """The text of a file with a switch at each place of its conditions."""
    inserted = set()
    for c in conditions:
        inserted |= {(c.begin, f'(isDeleted("{c.place()}") ? {c.instead} : bool('), (c.end, "\n))")}
    for at, what in sorted(inserted, reverse=True):
        text = text[:at] + what + text[at:]
    return HEAD + text


class Bench:
    """A library beside a build in which each condition can be switched off, and the tests on it."""

    def __init__(self, build, folder):
        self.build, self.folder = build, folder
        self.patience = {}  # seconds by command
        built = (build / "lib" / "libStrut.so").resolve()  # with its version
        self.library = folder / built.name
        entries = json.loads((build / "compile_commands.json").read_text())
        self.compile = {
            entry["file"]: shlex.split(entry["command"]) for entry in entries if "lib/" in entry["file"]
        }
        said = subprocess.run(
            ["ninja", "-C", build, "--quiet", "-t", "commands", "-s", f"lib/{built.name}"],
            check=True, text=True, capture_output=True,
        )  # fmt: skip
        self.link = shlex.split(said.stdout.strip().removeprefix(": && ").removesuffix(" && :"))

    def _run(self, command):
        return subprocess.run(
            list(map(str, command)), cwd=self.build, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def make(self, conditions):
        """Compiles and links; ends the program where that fails."""

        def compile(file):
            source = self.folder / file.name
            own = [condition for condition in conditions if condition.file == file]
            source.write_text(switched(file.read_text(encoding="utf-8"), own))
            command = list(self.compile[str(file)])
            made, changed = command[command.index("-o") + 1], source.with_suffix(".o")
            command[command.index("-o") + 1] = str(changed)
            command[command.index("-c") + 1] = str(source)
            done = self._run([*command, "-w", "-iquote", file.parent])
            if done.returncode:
                sys.exit(f"{file} does not compile with switches:\n{done.stdout}")
            return made, str(changed)

        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            changed = dict(pool.map(compile, sorted({condition.file for condition in conditions})))
        link = [changed.get(part, part) for part in self.link]
        link[link.index("-o") + 1] = str(self.library)
        assert set(changed.values()) <= set(link), "a changed file is no part of the library"
        done = self._run(link)
        if done.returncode:
            sys.exit(f"the library does not link with switches:\n{done.stdout}")
        (self.folder / (self.build / "lib" / "libStrut.so").readlink()).symlink_to(self.library)

    def is_red(self, command, condition=None):
        """Whether a test fails, or does not end: a rewrite that fires always may fire for ever."""
        command, begun = tuple(map(str, command)), time.monotonic()
        environment = os.environ | {"LD_LIBRARY_PATH": str(self.folder), "STRUT_BUILD": str(self.build)}
        if condition:
            environment[SWITCH] = condition.place()
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            if process.wait(timeout=self.patience.get(command, PATIENCE)):
                return True
            took = time.monotonic() - begun
            self.patience.setdefault(command, max(LEAST_PATIENCE, TIMES * took))
            return False
        except subprocess.TimeoutExpired:
            return True
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def tests(self, name, room, rooms):
        """(what, command) of the tests of a pass with a condition in this room, the quick ones first."""
        lit = ["lit", "-q", "-j2", self.build / "test", "--filter"]
        yield f"{name}.mlir", [*lit, f"/{name}[^/]*$"]
        unit = self.build / "bin" / f"strut-unit-{room}"
        if unit.exists():
            yield unit.name, [unit, "--gtest_brief=1", "--gtest_filter=-*Emulate*"]  # which takes minutes
        execute = ROOT / "test" / "Execute" / f"test_{name.replace('-', '_')}.py"
        yield "lit", [*lit, f"({'|'.join(rooms)})/"]
        if execute.exists():
            yield execute.name, [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", execute]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("only", nargs="*", metavar="PASS[:NUMBER]", help="all of them unless named")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "release")
    parser.add_argument("--list", action="store_true", help="print the conditions and what would be deleted")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # and the test that runs, too
    conditions, wrong = marked()
    if wrong:
        sys.exit("\n".join(wrong))
    if arguments.only:
        conditions = [
            c for c in conditions if c.name in arguments.only or f"{c.name}:{c.number}" in arguments.only
        ]
    if arguments.list:
        for condition in conditions:
            text = condition.file.read_text(encoding="utf-8")[condition.begin : condition.end]
            print(f"{condition}: {' '.join(text.split())} -> {condition.instead}")
        return
    rooms = sorted({condition.room() for condition in marked()[0]})
    survivors = 0
    with tempfile.TemporaryDirectory(prefix="strut-conditions-") as folder:
        bench = Bench(arguments.build.resolve(), pathlib.Path(folder))
        bench.make(conditions)
        for name, room in sorted({(condition.name, condition.room()) for condition in conditions}):
            for what, command in bench.tests(name, room, rooms):
                if tuple(map(str, command)) not in bench.patience and bench.is_red(command):
                    sys.exit(f"{what} is red with all conditions there")
        for condition in conditions:
            red = next(
                (
                    what
                    for what, command in bench.tests(condition.name, condition.room(), rooms)
                    if bench.is_red(command, condition)
                ),
                None,
            )
            print(f"{condition}: {f'red in {red}' if red else 'NO TEST NOTICES'}", flush=True)
            survivors += red is None
    places = {(condition.name, condition.number) for condition in conditions} | implied()
    unmarked = [
        f"{name}:{number}"
        for name, numbers in described().items()
        for number in sorted(numbers)
        if (not arguments.only or name in arguments.only) and (name, number) not in places
    ]
    for condition in unmarked:
        print(f"{condition}: no comment says where it is checked")
    print(f"{len(conditions)} deleted, {survivors} unnoticed, {len(unmarked)} unmarked")
    sys.exit(survivors + len(unmarked) > 0)


if __name__ == "__main__":
    main()
