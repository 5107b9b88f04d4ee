"""Files of predictions, as SWE-bench, SWE-agent and mini-swe-agent write them, read into plain records."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LARGEST = 256 << 20
"""Bytes of the largest file of patches that is read."""
SUFFIXES = (".json", ".jsonl")


class PoolError(ValueError):
    """A file of patches cannot be read; the message says what is wrong with it."""


def read_records(path: Path) -> list[tuple[str, Any]]:
    """Return what a file of predictions holds, each with where it stands, as an error names it.

    A `.jsonl` file has one object a line; a `.json` file a list of them, one, or an object of them by
    instance id, which is then added to each that has none.

    Raises:
        PoolError: the file cannot be read, or is no JSON.
    """
    text = read_text(path)
    if path.suffix != ".jsonl":
        return list(_parts(_parse(text, str(path)), path))
    lines = [
        (f"{path} line {number}", line)
        for number, line in enumerate(text.split("\n"), start=1)
        if line.strip()
    ]
    return [(where, _parse(line, where)) for where, line in lines]


def read_text(path: Path) -> str:
    """Return a file's text; bytes that are none become lone surrogates.

    Raises:
        PoolError: it cannot be read, or is too large.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise PoolError(f"{path} is larger than {LARGEST >> 20} MiB: no file of patches")
        return path.read_bytes().decode("utf-8-sig", "surrogateescape")
    except OSError as error:
        raise PoolError(f"cannot read {path}: {error.strerror}") from error


def ended(diff: str) -> str:
    """Return a diff with its last line ended, which git asks for and some tools strip."""
    return diff if not diff.strip() or diff.endswith("\n") else diff + "\n"


def is_text(patch: str) -> bool:
    """Whether a patch can be written to a file, with bytes that are no UTF-8 as they were."""
    try:
        patch.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


def _parse(text: str, where: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise PoolError(f"{where} is no JSON: {error}") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object, whose keys must differ: of two predictions for one id the first would be lost."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f"the key {twice!r} occurs twice in an object")
    return found


def _parts(data: Any, path: Path) -> Iterator[tuple[str, Any]]:
    if isinstance(data, list):
        yield from ((f"{path}, prediction {number}", one) for number, one in enumerate(data, start=1))
    elif isinstance(data, dict) and "model_patch" in data:
        yield f"{path}, prediction 1", data
    elif isinstance(data, dict):
        for number, (key, one) in enumerate(data.items(), start=1):
            record = {"instance_id": key} | one if isinstance(one, dict) else one
            yield f"{path}, prediction {number}", record
    else:
        raise PoolError(f"{path} holds neither a list nor an object of predictions")
