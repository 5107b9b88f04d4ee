"""How many imports lie between the files of a repository, by the lines that import something."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import PurePosixPath

_FROM = re.compile(r"\s*from\s+(\.*)([\w.]*)\s+import\s+\(?(.*)")
_IMPORT = re.compile(r"\s*import\s+(.+)")
_SOURCES = frozenset({"src", "lib", "python"})


def dotted(module: str) -> str:
    """Return the name a module is imported by: its path without source folders above the package."""
    parts = list(PurePosixPath(module).with_suffix("").parts)
    if parts and parts[-1] == "__init__":
        parts.pop()
    while len(parts) > 1 and parts[0] in _SOURCES:
        parts.pop(0)
    return ".".join(parts)


def distances(
    imports: Mapping[str, Sequence[str]], files: Collection[str], changed: Collection[str]
) -> Mapping[str, int]:
    """Return how many imports lead from each file to the nearest changed one, 0 for these themselves.

    Files from which none is reached are left out. An import of a module runs its packages' `__init__` too.

    Args:
        imports: the lines of each file that import something.
        files: paths of all Python files.
        changed: paths of changed files.
    """
    places = {dotted(path): path for path in sorted(files)}
    importers: dict[str, set[str]] = {}
    for path in files:
        for name in _imported(path, imports.get(path, ())):
            if name in places:
                importers.setdefault(places[name], set()).add(path)
    found = dict.fromkeys(changed, 0)
    edge = sorted(changed)
    while edge:
        further = {
            importer: found[path] + 1
            for path in edge
            for importer in importers.get(path, ())
            if importer not in found
        }
        found |= further
        edge = sorted(further)
    return found


def _imported(path: str, lines: Sequence[str]) -> Iterator[str]:
    """Yield the names of modules that a file may import, and of the packages around them."""
    for line in lines:
        for name in _named(path, line.partition("#")[0]):
            parts = name.split(".")
            yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))


def _named(path: str, line: str) -> Iterator[str]:
    if found := _FROM.match(line):
        dots, module, names = found.groups()
        above = _package(path, len(dots)) if dots else ""
        whole = ".".join(part for part in (above, module) if part)
        if whole:
            yield whole
        for name in re.findall(r"\w+(?=\s*(?:,|\)|$|\s+as\b))", names):
            yield f"{whole}.{name}" if whole else name
    elif found := _IMPORT.match(line):
        for name in found[1].split(","):
            yield name.strip().partition(" ")[0]


def _package(path: str, dots: int) -> str:
    """Return the package that so many leading dots mean in a file."""
    parts = dotted(path).split(".")
    if not path.endswith("/__init__.py") and path != "__init__.py":
        parts.pop()
    return ".".join(parts[: len(parts) - dots + 1])
