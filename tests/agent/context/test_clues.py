from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.context.clues import LONGEST, read_clues
from agent.context.definitions import rank_definitions
from agent.context.index import index
from agent.context.tracebacks import Frame

TRACEBACKS = {
    "python": (
        'Traceback (most recent call last):\n  File "/venv/lib/shapes/square.py", line 4, in area\n    x\n',
        Frame("/venv/lib/shapes/square.py", 4, "area"),
    ),
    "javascript": (
        "TypeError: side is undefined\n    at Square.area (/app/lib/square.js:12:15)\n",
        Frame("/app/lib/square.js", 12, "area"),
    ),
    "java": (
        'Exception in thread "main" java.lang.Error\n\tat org.shapes.Square.area(Square.java:21)\n',
        Frame("Square.java", 21, "area"),
    ),
    "go": (
        "goroutine 1 [running]:\nmain.(*Square).Area(0xc000)\n\t/src/shapes/square.go:8 +0x1d\n",
        Frame("/src/shapes/square.go", 8, "Area"),
    ),
    "rust": (
        "stack backtrace:\n   3: shapes::square::area\n             at ./src/square.rs:12:5\n",
        Frame("./src/square.rs", 12, "area"),
    ),
    "gdb": (
        "#0  0x00005 in raise () from libc.so\n#1  0x0000555 in area (s=0x0) at src/square.c:9\n",
        Frame("src/square.c", 9, "area"),
    ),
    "sanitizer": (
        "    #1 0x4f in shapes::Square::area(int) /src/square.cpp:14:3\n",
        Frame("/src/square.cpp", 14, "area"),
    ),
    "ruby": (
        "lib/shapes/square.rb:5:in `area': undefined method (NoMethodError)\n",
        Frame("lib/shapes/square.rb", 5, "area"),
    ),
    "ruby 3.4": (
        "lib/shapes/square.rb:5:in 'Shapes::Square#area': undefined method (NoMethodError)\n",
        Frame("lib/shapes/square.rb", 5, "area"),
    ),
    "php": (
        "PHP Fatal error: x\nStack trace:\n#0 /app/src/Square.php(17): App\\Square->area()\n",
        Frame("/app/src/Square.php", 17, "area"),
    ),
}


@pytest.mark.parametrize("language", TRACEBACKS)
def test_frames_of_tracebacks(language):
    text, expected = TRACEBACKS[language]
    assert expected in read_clues(f"It breaks:\n\n```\n{text}```\n").frames


@pytest.mark.parametrize("language", TRACEBACKS)
def test_a_frame_leads_to_its_definition(language):
    """The file's definitions are alike but for the one in the frame, which is not the first."""
    text, frame = TRACEBACKS[language]
    path = frame.path.lstrip("./").removeprefix("venv/lib/").removeprefix("app/").removeprefix("src/")
    suffix = path.rpartition(".")[2]
    shape = {
        "py": "def {}(x):\n    return x\n",
        "js": "function {}(x) {{\n  return x }}\n",
        "java": "class {0}s {{ int {0}(int x) {{\n  return x; }} }}\n",
        "go": "func {}(x int) int {{\n  return x }}\n",
        "rs": "fn {}(x: u8) -> u8 {{\n  x }}\n",
        "c": "int {}(int x) {{\n  return x; }}\n",
        "cpp": "int {}(int x) {{\n  return x; }}\n",
        "rb": "def {}(x)\n  x end\n",
        "php": "function {}($x) {{\n  return $x; }}\n",
    }[suffix]
    filler = "\n" * (frame.line - 6 if frame.line > 6 else 0)
    head = "<?php " if suffix == "php" else ""
    source = head + shape.format("perimeter") + filler
    source += "\n" * (frame.line - 1 - source.count("\n")) + shape.format(frame.name)
    outlines, _ = index({path: source, f"other/{path}": head + shape.format("corners")})
    ranked = rank_definitions(outlines, read_clues(text))
    best = next(one.symbol for one in ranked if one.symbol.kind != "class")
    assert (best.path, best.name) == (path, frame.name)


def test_names_and_places():
    clues = read_clues(
        "`Square.area` is wrong, see shapes/square.py:12 and `shapes/circle.py`, also `pkg::mod::call`, a_b, "
        "https://host/x/blob/main/src/app/run.ts#L40"
    )
    assert {"Square.area", "pkg.mod.call"} <= clues.dotted
    assert "a_b" in clues.names
    assert Frame("shapes/square.py", 12) in clues.places
    assert Frame("shapes/circle.py") in clues.places
    assert any(place.path.endswith("src/app/run.ts") and place.line == 40 for place in clues.places)


@pytest.mark.parametrize(
    "text",
    [
        "a" * 200_000,
        "a." * 100_000,
        "#1 " * 70_000,
        "x(" * 100_000,
        "f()\n" * 50_000,
        "/a-b" * 50_000,
        "at a.b (" * 25_000,
        "`" * 200_000,
        "aB" * 100_000,
        "ä_ö" * 60_000,
        '  File "x.py", line ' + "9" * 100_000,
    ],
    ids=lambda text: text[:8],
)
def test_a_huge_issue_is_read_in_seconds(text):
    began = time.monotonic()
    clues = read_clues(text)
    assert time.monotonic() - began < 10
    assert clues.query.total() < LONGEST


@given(st.text())
def test_any_text_is_read(text):
    read_clues(text)
