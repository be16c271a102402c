"""The folder of exported and compiled models, which several processes and checkouts share."""

import os
import time

import pytest

from examples import cache


@pytest.fixture
def make(tmp_path, monkeypatch):
    """make(content): the entry "m" made of `content`, and whether it was there already."""
    monkeypatch.setenv("STRUT_CACHE", str(tmp_path / "cache"))
    source = tmp_path / "source.py"

    def entry(content):
        source.write_text(content)
        path, seconds = cache.exported("m", [source], lambda output: output.write_text(content))
        assert path.read_text() == content
        return path.parent, seconds == 0.0

    return entry


def test_an_entry_is_made_once(make):
    first, found = make("one")
    assert not found
    assert make("one") == (first, True)
    assert make("two")[0] != first


def test_what_may_be_in_use_stays(make):
    entries = [make(str(number))[0] for number in range(cache.KEPT + 3)]
    assert all(entry.is_dir() for entry in entries)
    long_ago = time.time() - 2 * cache.IN_USE
    for age, entry in enumerate(entries):
        os.utime(entry, (long_ago + age, long_ago + age))
    make("0")  # used again
    last = make("new")[0]
    assert [entry.is_dir() for entry in entries] == [True, *[False] * 4, True]
    assert last.is_dir()
    assert not [path for path in last.parent.iterdir() if path.name.startswith(".")]


def test_a_failure_leaves_nothing(make):
    def fail(output):
        output.write_text("half")
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        cache.exported("m", [], fail)
    assert list(cache.folder().iterdir()) == []
