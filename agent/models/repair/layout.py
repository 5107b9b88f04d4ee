"""What the look of a repository and of a file tells: where tests live, which module a name is in."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.models.repair.edits import Edit
    from agent.models.repair.issue import IssueClues
    from agent.models.repair.source import Source

_CONTEXT = re.compile(r"^(?P<path>.+\.py):\d+-\d+ (?P<kind>\w+) (?P<name>\w+)$")
_PAGE_END = re.compile(r"^\[lines (\d+)-(\d+) of (\d+)\]$")
_NUMBERED = re.compile(r"^ *(\d+)\t(.*)$", re.DOTALL)
_QUOTED = re.compile(r"`([^`\n]+)`|\"([^\"\n]+)\"|'([^'\n]+)'")


def is_test_file(path: str) -> bool:
    """Whether pytest would collect a file by its name."""
    name = posixpath.basename(path)
    return name.startswith("test_") or name.endswith("_test.py")


def tests_folder(files: Sequence[str]) -> str:
    """Return the folder with most test files, the shallowest of equals; `tests` where there are none."""
    counts = Counter(posixpath.dirname(path) for path in files if is_test_file(path))
    return min(counts, key=lambda folder: (-counts[folder], folder.count("/"), folder), default="tests")


def test_path(folder: str, name: str, number: int) -> str:
    """Return where the test of a number goes; names differ within the folder."""
    suffix = f"_{number + 1}" if number else ""
    return posixpath.join(folder, f"{name}{suffix}.py")


def homes(context: Sequence[str]) -> dict[str, str]:
    """Return the module of each top-level name that the context lists."""
    found: dict[str, str] = {}
    for line in context:
        match = _CONTEXT.match(line.strip())
        if match and not is_test_file(match["path"]) and "tests/" not in match["path"]:
            parts = match["path"].removeprefix("src/").removeprefix("lib/").removesuffix(".py").split("/")
            parts = parts[:-1] if parts[-1] == "__init__" else parts
            found.setdefault(match["name"], ".".join(parts))
    return found


@dataclass(frozen=True, slots=True)
class Page:
    """Lines of a file as `view` shows them; `total` is 0 when they are all there are from there on."""

    lines: tuple[str, ...]
    last: int = 0
    total: int = 0


def read_page(text: str) -> Page:
    """Read what `view` answered."""
    lines: list[str] = []
    last = total = 0
    for line in text.split("\n"):
        if end := _PAGE_END.match(line):
            last, total = int(end[2]), int(end[3])
        elif match := _NUMBERED.match(line):
            lines.append(match[2])
    return Page(tuple(lines), last, total)


def signatures(source: Source) -> dict[str, tuple[str, ...]]:
    """Return the parameters that functions, methods and classes of a file take by name."""
    found: dict[str, tuple[str, ...]] = {}
    for qualified, node in source.functions:
        arguments = [argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)]
        taken = tuple(argument for argument in arguments if argument not in ("self", "cls"))
        owner, _, name = qualified.rpartition(".")
        if name == "__init__":
            name = owner.rpartition(".")[2]
        found[name] = tuple(dict.fromkeys((*found.get(name, ()), *taken)))
    return found


def texts(clues: IssueClues) -> tuple[str, ...]:
    """Return the strings an issue shows: lines of its snippets, what stands in quotes, in code or prose."""
    found: list[str] = []
    for snippet in clues.snippets:
        for line in snippet.text.splitlines():
            found.append(line.strip())
            found.extend(next(filter(None, groups)) for groups in _QUOTED.findall(line))
    found.extend(map(str, clues.expectations))
    return tuple(dict.fromkeys(text for text in found if 3 < len(text) < 200))


def literals(clues: IssueClues) -> tuple[str, ...]:
    """Return the literals of the issue's examples, which a repair should not speak of."""
    found = re.findall(r"'[^'\n]{2,60}'|\"[^\"\n]{2,60}\"", "\n".join(s.text for s in clues.snippets))
    return tuple(dict.fromkeys(text[1:-1] for text in found))


def words_of(edits: Sequence[Edit], names: Sequence[str]) -> list[str]:
    """Return the words by which tests of edited functions are found: their names, classes, modules."""
    found: list[str] = []
    for edit in edits:
        found += [part for part in edit.function.split(".")[::-1] if len(part) > 2 and part != "__init__"]
    found += [name.rpartition(".")[2].rstrip("()") for name in names[:6]]
    found += [posixpath.basename(edit.path).removesuffix(".py").strip("_") for edit in edits]
    return [word for word in dict.fromkeys(found) if re.fullmatch(r"\w{3,}", word)][:12] or ["import"]


def by_mentions(counts: str, tests: Sequence[str], words: Sequence[str]) -> list[str]:
    """Return test files, those with the most different words, then the most mentions first.

    Args:
        counts: lines `number path:word` as `uniq -c` gives them.
        tests: all test files.
        words: what was searched, the most telling first; part of a file's own name counts too.
    """
    scores: Counter[str] = Counter()
    for line in counts.splitlines():
        match = re.match(r"^\s*(\d+) (.+):(\w+)$", line)
        if match and match[3] in words:
            scores[match[2]] += (len(words) - words.index(match[3])) * (2 + min(int(match[1]), 20))
    for path in tests:
        if any(word in posixpath.basename(path) for word in words):
            scores[path] += 40
    return sorted((path for path in tests if scores[path]), key=lambda path: (-scores[path], path))
