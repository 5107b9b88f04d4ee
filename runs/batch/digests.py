"""Digests of what results depend on and `run.json` does not hold: our code and data, and files by name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from agent.models.mixture import read_blend
from sandbox.plugins import parted

_ROOMS = ("agent", "envs", "runs", "sandbox", "selection")
_SHOWN = ("runs/batch/", "runs/commands/", "runs/display/", "runs/page/")
"""Code that shows and schedules, and changes no result."""
_RECORDINGS = "replay/"
_JOURNAL = "journal.jsonl"


@cache
def digest_of_code() -> str:
    """Return a digest of all that is installed of Mangabey and makes results: programs, recipes, weights."""
    import mangabey

    return digest_of_rooms(Path(mangabey.__file__).parent)


def digest_of_rooms(root: Path) -> str:
    """Return a digest of the rooms in a folder, but for what only shows and schedules."""
    digest = hashlib.sha256()
    for room in _ROOMS:
        for path in sorted((root / room).rglob("*")):
            name = path.relative_to(root).as_posix()
            if path.is_file() and "__pycache__" not in path.parts and not name.startswith(_SHOWN):
                digest.update(f"{name}\0{digest_of(path)}\n".encode())
    return digest.hexdigest()[:12]


def digest_of(path: Path) -> str:
    """Return a digest of a file.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]


def files_of_model(name: str) -> Iterator[Path]:
    """Yield the files that a model's name means, of each member where it is a mixture."""
    if blend := read_blend(name):
        for _, member in blend.members:
            yield from files_of_model(member)
    elif name.startswith(_RECORDINGS):
        place = Path(name.removeprefix(_RECORDINGS))
        yield from [place] if place.is_file() else sorted(place.rglob(_JOURNAL))
    else:
        yield from files_of(name)


def files_of(name: str) -> Iterator[Path]:
    """Yield the files that a name means: a path, `file.py:Class/argument` or `module:Class/argument`."""
    if Path(name).is_file():
        yield Path(name)
    elif own := parted(name):
        place, _, argument = own
        code = Path(place) if place.endswith(".py") else _module(place)
        yield from (path for path in (code, Path(argument or "")) if path is not None and path.is_file())


def _module(name: str) -> Path | None:
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        return None
    return Path(spec.origin) if spec and spec.origin else None
