"""Frames of tracebacks in all the languages, and other places in files that a text names."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

from agent.languages import LANGUAGES

_SUFFIX = "|".join(suffix[1:] for language in LANGUAGES for suffix in language.suffixes)
_FILE = rf"(?<![\w.@~/\\+-])[\w.@~/\\+-]{{0,300}}?[\w+-]\.(?:{_SUFFIX})\b"
_PLACE = rf"(?P<path>{_FILE}):(?P<line>\d{{1,8}})"
_PYTHON = re.compile(r'File "([^"]+)", line (\d{1,8})(?:, in (\S+))?')
_OTHERS = (
    # JavaScript: `at Shape.area (/app/shapes.js:12:5)`, Java: `at org.shapes.Shape.area(Shape.java:12)`
    re.compile(rf"\bat (?:async |new )?(?P<name>[\w.$<>\[\]]+) ?\({_PLACE}"),
    # Ruby: ``shapes.rb:12:in `area'``
    re.compile(rf"{_PLACE}:in [`'](?:[^'\n]*[ .#])?(?P<name>[\w?!]+)'"),
    # PHP: `#0 /app/Shape.php(12): Shape->area()`
    re.compile(rf"#\d+ (?P<path>{_FILE})\((?P<line>\d{{1,8}})\): (?:[\w\\]+(?:->|::))?(?P<name>\w+)"),
    # gdb and sanitizers: `#1 0x4005 in area(int) shapes.c:12`, `#1  0x4005 in area (n=2) at shapes.c:12`
    re.compile(rf"#\d+ +(?:0x[0-9a-f]+ in )?(?P<name>[\w:~]+) ?\(?[^\n]{{0,300}}?(?:at |[ )]){_PLACE}"),
    # Go: `main.area(0x2)` and, in the next line, `	/app/shapes.go:12 +0x1d`
    re.compile(rf"(?P<name>[\w.*()]{{1,200}})\([^()\n]{{0,300}}\)\n\s+{_PLACE}"),
    # Rust: `3: shapes::area` and, in the next line, `at src/shapes.rs:12:5`
    re.compile(rf"(?<!\d)\d{{1,6}}: +(?:0x[0-9a-f]+ - )?(?P<name>[\w:<>]+)\n\s+at {_PLACE}"),
)
_PLACES = (
    re.compile(rf"(?P<path>{_FILE})(?::| on line |, line |#L|\()(?P<line>\d{{1,8}})"),
    re.compile(rf"(?P<path>{_FILE})(?P<line>)"),
)


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a traceback, or a place that is named; `line` is 0 and `name` empty where not told."""

    path: str
    line: int = 0
    name: str = ""

    def is_in(self, path: str) -> bool:
        """Whether it lies in a file of the repository, whatever folder that was installed to."""
        return f"/{self.path}".endswith(f"/{path}")

    def names(self, path: str) -> bool:
        """Whether it names a file without its folder, as Java's frames do."""
        return self.path == posixpath.basename(path)


def frames_of(text: str) -> list[Frame]:
    """Return the frames of a text's tracebacks, in the order of languages and then of the text."""
    frames = [Frame(path, int(line), name) for path, line, name in _PYTHON.findall(text)]
    for pattern in _OTHERS:
        frames += [_frame(match) for match in pattern.finditer(text)]
    return frames


def places_of(text: str) -> list[Frame]:
    """Return the files of the known languages that a text names, with a line where one is told."""
    return list(dict.fromkeys(_frame(match) for pattern in _PLACES for match in pattern.finditer(text)))


def _frame(match: re.Match[str]) -> Frame:
    groups = match.groupdict()
    name = re.split(r"[.:()]+", (groups.get("name") or "").rstrip("()"))[-1]
    return Frame(groups["path"].replace("\\", "/"), int(groups["line"] or 0), name)
