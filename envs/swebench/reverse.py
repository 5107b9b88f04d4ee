"""A patch that undoes another."""

from __future__ import annotations

import re

from envs.patches import split

_HUNK = re.compile(r"@@ -(\d+(?:,\d+)?) \+(\d+(?:,\d+)?) @@(.*)", re.DOTALL)
_LINE = re.compile(r"[^\n]*\n|[^\n]+\Z")
_INDEX = re.compile(r"index ([0-9a-f]+)\.\.([0-9a-f]+)(.*)", re.DOTALL)


def reversed_patch(patch: str) -> str:
    """Return the patch that undoes a text patch; binary parts, renames and copies are left out."""
    parts = (one for one in split(patch) if one.kind in {"added", "deleted", "modified"})
    return "".join(
        _reversed(_LINE.findall(one.text)) for one in parts if "\nGIT binary patch\n" not in one.text
    )


def _reversed(lines: list[str]) -> str:
    turned: list[str] = []
    removed: list[str] = []
    added: list[str] = []
    inside = False
    swapped = {"-": added, "+": removed}
    last: list[str] = turned

    def flush() -> None:
        turned.extend([*removed, *added])
        removed.clear()
        added.clear()

    for line in lines:
        if hunk := _HUNK.match(line):
            flush()
            inside, last = True, turned
            turned.append(f"@@ -{hunk[2]} +{hunk[1]} @@{hunk[3]}")
        elif not inside:
            turned.append(_header(line))
        elif line[:1] in swapped:
            last = swapped[line[0]]
            last.append(("+" if line[0] == "-" else "-") + line[1:])
        elif line.startswith("\\"):
            last.append(line)
        else:
            flush()
            last = turned
            turned.append(line)
    flush()
    return _named(turned)


def _header(line: str) -> str:
    if index := _INDEX.fullmatch(line):
        return f"index {index[2]}..{index[1]}{index[3]}"
    words = {
        "new file mode": "deleted file mode",
        "deleted file mode": "new file mode",
        "old mode": "new mode",
        "new mode": "old mode",
    }
    for word, other in words.items():
        if line.startswith(word):
            return other + line[len(word) :]
    return line


def _named(lines: list[str]) -> str:
    """Exchange the two names before the first hunk; git reads `a/` and `b/` by their place."""
    at = next((at for at, line in enumerate(lines) if line.startswith("--- ")), None)
    if at is not None and at + 1 < len(lines) and lines[at + 1].startswith("+++ "):
        old, new = lines[at][4:], lines[at + 1][4:]
        lines[at], lines[at + 1] = f"--- {_prefixed(new, 'a')}", f"+++ {_prefixed(old, 'b')}"
    return "".join(lines)


def _prefixed(name: str, letter: str) -> str:
    if name.startswith("/dev/null"):
        return name
    quote = '"' if name.startswith('"') else ""
    return f"{quote}{letter}/{name.partition('/')[2]}"
