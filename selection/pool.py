"""Patches from anywhere, read into the pool: diff files and SWE-bench predictions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LARGEST = 256 << 20
"""Bytes of the largest file of candidates that is read."""
DIFF_SUFFIXES = (".diff", ".patch")
DIFF_LINES = ("diff --git ", "--- ", "Index: ")


class PoolError(ValueError):
    """A file of candidates cannot be read; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class RawCandidate:
    """A patch as it was found: `instance_id` is empty where the file does not say which task it is for."""

    origin: str
    diff: str
    instance_id: str = ""


def read_candidates(paths: Sequence[Path]) -> tuple[RawCandidate, ...]:
    """Return the patches of several files, in their order.

    A `.diff` or `.patch` file holds one patch. A `.json` or `.jsonl` file holds predictions as SWE-bench
    takes them: one object a line, a list of objects, or an object of objects by instance id.

    Raises:
        PoolError: a file cannot be read, or holds neither.
    """
    return tuple(one for path in paths for one in _read(path))


def _read(path: Path) -> list[RawCandidate]:
    text = _text(path)
    if path.suffix in DIFF_SUFFIXES:
        return [_diff(path, text)]
    if path.suffix == ".jsonl":
        records = [
            _parse(line, f"{path} line {number}")
            for number, line in enumerate(text.split("\n"), start=1)
            if line.strip()
        ]
    elif path.suffix == ".json":
        records = _records(_parse(text, str(path)), path)
    else:
        raise PoolError(f"{path}: candidates are read from .diff, .patch, .json and .jsonl files")
    found = [_prediction(record, path, number) for number, record in enumerate(records, start=1)]
    if not found:
        raise PoolError(f"{path} holds no predictions")
    return found


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST:
            raise PoolError(f"{path} is larger than {LARGEST >> 20} MiB: no file of patches")
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except OSError as error:
        raise PoolError(f"cannot read {path}: {error.strerror}") from error


def _diff(path: Path, text: str) -> RawCandidate:
    if text.strip() and not any(line.startswith(DIFF_LINES) for line in text.split("\n")):
        raise PoolError(f"{path} is no diff: it has no line 'diff --git' or '---'")
    return RawCandidate(path.name, _ended(text))


def _parse(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PoolError(f"{where} is no JSON: {error}") from error


def _records(data: Any, path: Path) -> list[Any]:
    """Return the predictions of a JSON file; keys of an object are instance ids."""
    if isinstance(data, list):
        return data
    if isinstance(data, dict):
        if "model_patch" in data:
            return [data]
        return [
            {"instance_id": key} | value if isinstance(value, dict) else value for key, value in data.items()
        ]
    raise PoolError(f"{path} holds neither a list nor an object of predictions")


def _prediction(record: Any, path: Path, number: int) -> RawCandidate:
    where = f"{path}, prediction {number}"
    if not isinstance(record, dict):
        raise PoolError(f"{where} is no object")
    if "model_patch" not in record:
        raise PoolError(f"{where} has no 'model_patch'")
    patch, instance = record["model_patch"], record.get("instance_id") or ""
    if not isinstance(patch, str | None) or not isinstance(instance, str):
        raise PoolError(f"{where}: 'model_patch' and 'instance_id' are to be text")
    name = record.get("model_name_or_path") or path.stem
    return RawCandidate(f"{name} ({path.name}:{number})", _ended(patch or ""), instance)


def _ended(diff: str) -> str:
    """Return a diff with its last line ended, which git asks for and some tools strip."""
    return diff if not diff.strip() or diff.endswith("\n") else diff + "\n"
