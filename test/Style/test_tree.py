"""Rules of the house that a program can check."""

import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LONGEST_FILE = 500
CODE = {".c", ".cpp", ".h", ".td", ".py", ".sh", ".cmake"}

# Written in two parts, so that this file does not contain what it forbids.
FORBIDDEN = {
    "a path of one machine": r"(?<![\w$}.])/(?:work|root|home)/\w",
    "a package registry": "|".join(("pypi" r"\.org", "pythonhosted" r"\.org", "deb\\." r"debian\.org")),
    "a reference to how the work was organised": r"\b(?:ses" r"sion \d|this ses" r"sion|iss" r"ue #?\d)",
    "a folder beside the tree": r"\.\./sha" "red",
}


def tracked():
    """Files under version control, or all files where this is no git checkout."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True)
    if listed.returncode == 0 and listed.stdout:
        names = listed.stdout.decode().rstrip("\0").split("\0")
        return [ROOT / name for name in names if (ROOT / name).is_file()]
    skipped = {"build", ".git", "__pycache__"}
    return [
        pathlib.Path(folder) / name
        for folder, _, names in os.walk(ROOT)
        if not skipped & set(pathlib.Path(folder).relative_to(ROOT).parts)
        for name in names
    ]


def text(path):
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""  # a model or another binary


FILES = tracked()


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_mentions(what):
    pattern = re.compile(FORBIDDEN[what], re.IGNORECASE)
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in FILES
        for number, line in enumerate(text(path).splitlines(), 1)
        if pattern.search(line)
    ]
    assert not found, f"{what}:\n" + "\n".join(found)


def test_no_file_is_too_long():
    lengths = {
        str(path.relative_to(ROOT)): text(path).count("\n") for path in FILES if path.suffix in CODE
    }
    long = {name: length for name, length in lengths.items() if length > LONGEST_FILE}
    assert not long, f"more than {LONGEST_FILE} lines: {long}"


def test_links_of_pages_lead_somewhere():
    broken = [
        f"{path.relative_to(ROOT)}: {target}"
        for path in FILES
        if path.suffix == ".md"
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text(path))
        if "://" not in target and not (path.parent / target).exists()
    ]
    assert not broken, "\n".join(broken)


def test_scripts_can_be_executed():
    scripts = [
        path
        for path in FILES
        if path.parent in (ROOT / "scripts", ROOT / ".ci") and text(path).startswith("#!")
    ]
    assert scripts
    stuck = [str(path.relative_to(ROOT)) for path in scripts if not os.access(path, os.X_OK)]
    assert not stuck, f"chmod +x {' '.join(stuck)}"


def passes():
    """(table, flag without --) of every pass that Strut declares."""
    for path in FILES:
        if not path.name.endswith("Passes.td"):
            continue
        for flag in re.findall(r'^def\s+\w+\s*:\s*Pass<\s*"([^"]+)"', text(path), re.MULTILINE):
            yield path, flag


PASSES = list(passes())


@pytest.mark.parametrize("table,flag", PASSES, ids=[flag for _, flag in PASSES])
def test_pass_is_found_by_its_name(table, flag):
    """--strut-form-kernels is lib/<Room>/FormKernels.cpp and test/<Room>/form-kernels.mlir."""
    room = table.parent.name
    assert flag.startswith("strut-"), f"{table}: --{flag} does not begin with strut-"
    name = flag.removeprefix("strut-")
    # Acronyms keep their capitals (LowerToLLVM.cpp), so case does not count here.
    camel = name.replace("-", "").lower()
    sources = {path.stem.lower() for path in (ROOT / "lib" / room).glob("**/*.cpp")}
    assert camel in sources, f"lib/{room} has no file named after --{flag}"
    assert (ROOT / "test" / room / f"{name}.mlir").is_file(), f"test/{room}/{name}.mlir is missing"


def test_every_pass_is_in_the_tool(strut_opt):
    shown = subprocess.run([strut_opt, "--help"], capture_output=True, text=True, timeout=300).stdout
    missing = [flag for _, flag in PASSES if f"--{flag}" not in shown]
    assert not missing, f"strut-opt does not offer {missing}"


def test_code_of_the_page_on_layers_is_that_of_the_example():
    page = text(ROOT / "docs" / "adding-a-layer.md")
    source = "".join(text(ROOT / "test" / "ToyLayer" / name) for name in ("toy-opt.cpp", "ToyOps.td"))
    pieces = re.findall(r"^```(?:cpp|tablegen)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert len(pieces) >= 5
    missing = [piece for piece in pieces if piece not in source]
    assert not missing, "\n".join(missing)
