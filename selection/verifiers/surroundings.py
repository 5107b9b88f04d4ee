"""The code around a patch: what a reader needs of the base to judge it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from envs.patches import split
from sandbox.base import Sandbox, SandboxFileError
from selection.clusters import touched
from selection.hunks import HUNK

AROUND = 30
"""Lines before and behind each hunk."""
LARGEST = 1 << 20
"""Bytes of a file that is read; longer ones are generated."""
PACKAGING = frozenset({"setup.py", "setup.cfg", "pyproject.toml", "tox.ini", "noxfile.py", "Makefile"})
"""Files whose surroundings tell nothing of the issue."""
_DEFINES = re.compile(r"^\s*(?:async\s+def|def|class)\s")


async def base_texts(base: Sandbox | None, patches: Iterable[str]) -> Mapping[str, str]:
    """Return the text of every file that the patches touch, as it is on the base; new files are not in it.

    Raises:
        SandboxGoneError: the base is gone.
    """
    texts: dict[str, str] = {}
    if base is None:
        return texts
    for path in sorted({path for patch in patches for path in touched(patch)}):
        try:
            data = await base.read(path)
        except SandboxFileError:
            continue
        if len(data) <= LARGEST and b"\0" not in data:
            texts[path] = data.decode("utf-8", "replace")
    return texts


def surrounding(patches: Sequence[str], texts: Mapping[str, str]) -> str:
    """Return the untouched code around the hunks of patches, with line numbers, file by file.

    The head of the class and the function that a part lies in is shown above it.

    Args:
        patches: whose hunks.
        texts: the base's files, see `base_texts`.
    """
    wanted: dict[str, set[int]] = {}
    for patch in patches:
        for part in split(patch):
            path = part.old_path or part.path
            if path in texts and posixpath.basename(path) not in PACKAGING:
                wanted.setdefault(path, set()).update(_numbers(part.text))
    shown = []
    for path, numbers in sorted(wanted.items()):
        lines = texts[path].split("\n")
        kept = {number for number in numbers if 1 <= number <= len(lines)}
        kept |= {head for number in kept for head in _heads(lines, number)}
        shown.append(f'<file path="{path}">\n' + "\n".join(_numbered(lines, sorted(kept))) + "\n</file>")
    return "\n".join(shown)


def _numbers(section: str) -> Iterator[int]:
    """Yield the numbers of the old file's lines that are shown for a file's section of a diff."""
    for line in section.split("\n"):
        if found := HUNK.match(line):
            first, length = int(found[1]), int(found[2] or 1)
            yield from range(first - AROUND, first + length + AROUND)


def _heads(lines: Sequence[str], number: int) -> Iterator[int]:
    """Yield the lines that open the definitions around a line."""
    line = lines[number - 1]
    depth = len(line) - len(line.lstrip()) if line.strip() else 1 << 16
    for above in range(number - 1, 0, -1):
        text = lines[above - 1]
        indent = len(text) - len(text.lstrip())
        if text.strip() and indent < depth and _DEFINES.match(text):
            yield above
            depth = indent
        if not depth:
            return


def _numbered(lines: Sequence[str], numbers: Sequence[int]) -> Iterator[str]:
    last = 0
    for number in numbers:
        if number != last + 1 and last:
            yield "   ..."
        yield f"{number:5} {lines[number - 1]}"
        last = number
