"""A git diff taken apart by file, and put together again, byte for byte.

Paths are read as `git apply -p1` reads them: the first component of a name in `---`, `+++` and `diff --git`
lines is cut off whatever it is called, so that a path found here is the path that is patched.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["added", "deleted", "modified", "renamed", "copied"]

_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_LINE = re.compile(r"[^\n]*\n|[^\n]+\Z")
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_LETTERS = {b"a": b"\a", b"b": b"\b", b"t": b"\t", b"n": b"\n", b"v": b"\v", b"f": b"\f", b"r": b"\r"}
_NOWHERE = "/dev/null"


@dataclass(frozen=True, slots=True)
class FilePatch:
    """What a diff does to one file.

    `path` is the file after the change, or the one that is deleted; `old_path` is the file before it and
    empty for an added file. `text` is that part of the diff as it came, binary hunks included.
    """

    path: str
    old_path: str
    text: str
    kind: Kind

    @property
    def added(self) -> bool:
        """Whether the file is new."""
        return self.kind == "added"

    @property
    def deleted(self) -> bool:
        """Whether the file goes away."""
        return self.kind == "deleted"


def split(diff: str) -> list[FilePatch]:
    """Take a diff apart; what stands before the first file stays with that file.

    Plain unified diffs without `diff --git` lines are understood too. A text that patches no file gives an
    empty list.
    """
    sections = list(_sections(diff))
    if len(sections) > 1 and not _patches_a_file(sections[0]):
        sections[:2] = [sections[0] + sections[1]]
    return [_file_patch("".join(lines), lines) for lines in sections if _patches_a_file(lines)]


def join(parts: Iterable[FilePatch]) -> str:
    """Put parts of diffs together; `join(split(diff)) == diff` for every diff that patches a file."""
    return "".join(part.text for part in parts)


def _sections(diff: str) -> Iterator[list[str]]:
    """Cut a diff where a file begins; lines inside hunks are counted, as they can look like headers."""
    lines = _LINE.findall(diff)
    section: list[str] = []
    named = False
    old = new = 0
    for at, line in enumerate(lines):
        if (old > 0 or new > 0) and line[:1] in {" ", "+", "-", "\n", "\r", "\\"}:
            old -= line[:1] in {" ", "-", "\n", "\r"}
            new -= line[:1] in {" ", "+", "\n", "\r"}
            section.append(line)
            continue
        old = new = 0
        plain = line.startswith("--- ") and at + 1 < len(lines) and lines[at + 1].startswith("+++ ")
        if line.startswith("diff --git ") or (plain and (named or not _patches_a_file(section))):
            if section:
                yield section
            section, named = [], False
        named = named or plain
        if hunk := _HUNK.match(line):
            old, new = int(hunk[1] or 1), int(hunk[2] or 1)
        section.append(line)
    if section:
        yield section


def _patches_a_file(section: list[str]) -> bool:
    return any(line.startswith(("diff --git ", "--- ")) for line in section)


def _file_patch(text: str, lines: list[str]) -> FilePatch:
    header = _header(lines)
    old, new = _names(header)
    if any(line.startswith("new file mode ") for line in header) or old == _NOWHERE:
        return FilePatch(new, "", text, "added")
    if any(line.startswith("deleted file mode ") for line in header) or new == _NOWHERE:
        return FilePatch(old, old, text, "deleted")
    if any(line.startswith("copy from ") for line in header):
        return FilePatch(new, old, text, "copied")
    return FilePatch(new, old, text, "modified" if old == new else "renamed")


def _header(lines: list[str]) -> list[str]:
    """Return the lines of a section that stand between the file's first line and its first hunk."""
    start = next(at for at, line in enumerate(lines) if line.startswith(("diff --git ", "--- ")))
    ends = (
        at for at, line in enumerate(lines) if line.startswith(("@@ ", "GIT binary patch")) and at > start
    )
    return [line.removesuffix("\n") for line in lines[start : next(ends, len(lines))]]


def _names(header: list[str]) -> tuple[str, str]:
    """Return the old and the new path, `/dev/null` where there is none."""
    old = new = ""
    for line in header:
        if line.startswith(("rename from ", "copy from ")):
            old = _unquote(line.partition(" from ")[2])
        elif line.startswith(("rename to ", "copy to ")):
            new = _unquote(line.partition(" to ")[2])
        elif line.startswith("--- ") and not old:
            old = _stripped(_unquote(line[4:].partition("\t")[0]))
        elif line.startswith("+++ ") and not new:
            new = _stripped(_unquote(line[4:].partition("\t")[0]))
    if not (old and new) and header[0].startswith("diff --git "):
        old, new = _git_line_names(header[0].removeprefix("diff --git "))
    return old, new


def _git_line_names(rest: str) -> tuple[str, str]:
    """Return the two paths of a `diff --git` line, which are the same one unless other lines name them."""
    if rest.startswith('"') and (first := _QUOTED.match(rest)):
        return _stripped(_unquote(first[0])), _stripped(_unquote(rest[first.end() + 1 :]))
    if rest.endswith('"') and (second := _QUOTED.search(rest)):
        return _stripped(rest[: second.start() - 1]), _stripped(_unquote(second[0]))
    half = len(rest) // 2
    if rest[half : half + 1] == " " and _stripped(rest[:half]) == _stripped(rest[half + 1 :]):
        return _stripped(rest[:half]), _stripped(rest[half + 1 :])
    old, _, new = rest.partition(" b/")
    return _stripped(old), new or _stripped(old)


def _stripped(name: str) -> str:
    if name == _NOWHERE:
        return name
    return name.partition("/")[2] or name


def _unquote(name: str) -> str:
    """Undo git's C-style quoting of names with unusual characters."""
    if not (len(name) >= 2 and name[0] == name[-1] == '"'):
        return name
    raw = name[1:-1].encode("utf-8", "surrogateescape")
    return _ESCAPE.sub(_unescape, raw).decode("utf-8", "surrogateescape")


def _unescape(match: re.Match[bytes]) -> bytes:
    code = match[1]
    return bytes([int(code, 8) & 0xFF]) if len(code) == 3 else _LETTERS.get(code, code)
