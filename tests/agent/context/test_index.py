"""The index on disk: made once, shared by processes, bounded, and safe to damage."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

import agent.context.index as indexing
from agent.context.cache import Cache
from agent.context.index import index, is_minified
from agent.context.outline import outline_source, read_outline

SOURCES = {
    "shapes.py": (
        "from base import Shape\n\n\nclass Square(Shape):\n    def area(self):\n        return grow(self)\n"
    ),
    "base.py": "class Shape:\n    pass\n\n\ndef grow(shape):\n    return shape\n",
    "tests/test_shapes.py": "def test_area():\n    assert Square().area()\n",
}


@pytest.fixture
def counted(monkeypatch):
    """The paths of the files that are outlined anew."""
    made = []

    def outlined(path, text):
        made.append(path)
        return outline_source(path, text)

    monkeypatch.setattr(indexing, "outline_source", outlined)
    return made


def test_a_file_is_cut_once_for_its_content(tmp_path, counted):
    first = index(SOURCES, tmp_path)
    assert counted == ["base.py", "shapes.py"]
    assert index(SOURCES, tmp_path) == first
    assert counted == ["base.py", "shapes.py"]
    index(SOURCES | {"base.py": SOURCES["base.py"] + "\nx = 1\n"}, tmp_path)
    assert counted == ["base.py", "shapes.py", "base.py"]
    assert index(SOURCES, None) == first


@pytest.mark.parametrize("damage", ["garbage", "cut", "empty", "folder", "bad rows", "other schema"])
def test_a_damaged_index_is_made_anew(tmp_path, damage, counted, caplog):
    expected = index(SOURCES, tmp_path)
    (path,) = (tmp_path / "index").iterdir()
    if damage == "garbage":
        path.write_bytes(b"no database" * 1000)
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:5000])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "folder":
        path.unlink()
        path.mkdir()
    else:
        with sqlite3.connect(path) as database:
            if damage == "bad rows":
                database.execute("UPDATE kept SET data = substr(data, 1, 20)")
            else:
                database.execute("DROP TABLE kept")
        database.close()
    caplog.set_level(logging.ERROR)
    assert index(SOURCES, tmp_path) == expected
    assert len(counted) == 4
    assert index(SOURCES, tmp_path) == expected
    assert len(counted) == (6 if damage == "folder" else 4)


def test_a_home_that_cannot_be_written(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    assert index(SOURCES, tmp_path / "file") == index(SOURCES, None)
    assert "cannot be used" in caplog.text


def test_the_index_is_bounded_and_what_was_not_used_goes_first(tmp_path, monkeypatch):
    import random

    cache = Cache(tmp_path / "kept.sqlite", largest=10_000)
    entry = random.Random(0).randbytes(1000)
    monkeypatch.setattr(time, "time", lambda: 1e9)
    cache.put({b"old": entry, b"older": entry})
    monkeypatch.setattr(time, "time", lambda: 1e9 + 86_400)
    cache.put({b"%d" % n: entry for n in range(6)}, used=[b"old"])
    monkeypatch.setattr(time, "time", lambda: 1e9 + 3 * 86_400)
    cache.put({b"new%d" % n: entry for n in range(2)})
    found = cache.get([b"old", b"older", *(b"%d" % n for n in range(6)), b"new0", b"new1"])
    assert b"older" not in found
    assert {b"new0", b"new1"} <= found.keys()
    assert sum(map(len, found.values())) <= 10_000


WRITER = """
import sys
from pathlib import Path
from agent.context.index import index
n = int(sys.argv[2])
sources = {f"m{k}.py": f"def f{k}_{k % 7 * n}():\\n    return {k}\\n" for k in range(300)}
for _ in range(3):
    first, _ = index(sources, Path(sys.argv[1]))
assert [outline.symbols[0].name for outline in first] == [
    f"f{k}_{k % 7 * n}" for k in sorted(range(300), key=lambda k: f"m{k}.py")
]
"""


def test_two_processes_write_one_index(tmp_path):
    commands = [[sys.executable, "-c", WRITER, str(tmp_path), str(n)] for n in (1, 2)]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for command in commands]
    for process in running:
        _, errors = process.communicate(timeout=120)
        assert (process.returncode, errors) == (0, "")


@given(st.text(max_size=300), st.sampled_from(["a.py", "b/c.go", "d.js"]))
def test_an_outline_survives_being_kept(text, path):
    outline = outline_source(path, text)
    assert read_outline(path, outline.to_json()) == outline


@given(
    st.one_of(st.binary(max_size=60), st.sampled_from([b"[]", b"{}", b"1", b"[1,[],[0],{},{},[]]", b"null"]))
)
def test_any_bytes_are_refused_or_read(data):
    with suppress(ValueError):
        read_outline("x.py", data)


def test_minified_files_are_left_out():
    packed = "function a(b){return b+1};" * 200_000
    assert is_minified(packed)
    assert not is_minified("x = 1\n" * 100_000)
    assert not is_minified("x" * 5000)
    began = time.monotonic()
    outlines, _ = index({"app.min.js": packed, "app.js": "function a(b) { return b + 1 }\n"})
    assert [outline.path for outline in outlines] == ["app.js"]
    assert time.monotonic() - began < 5


def test_vendored_files_are_left_out():
    paths = ["node_modules/x/a.js", "static/jquery-3.5.1.js", "third_party/z.c", "src/vendor.py", "app-2.py"]
    outlines, _ = index(dict.fromkeys(paths, "x = 1\n"))
    assert [outline.path for outline in outlines] == ["app-2.py", "src/vendor.py"]
