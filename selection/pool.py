"""Patches from anywhere, read into the pool: diff files and SWE-bench predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selection.records import SUFFIXES, PoolError, ended, read_records, read_text

__all__ = ["PoolError", "RawCandidate", "read_candidates"]

DIFF_SUFFIXES = (".diff", ".patch")
DIFF_LINES = ("diff --git ", "--- ", "Index: ")


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
    if path.suffix in DIFF_SUFFIXES:
        return [_diff(path, read_text(path))]
    if path.suffix not in SUFFIXES and path.is_file():
        raise PoolError(f"{path}: candidates are read from .diff, .patch, .json and .jsonl files")
    found = [
        _prediction(record, path, where, number)
        for number, (where, record) in enumerate(read_records(path), start=1)
    ]
    if not found:
        raise PoolError(f"{path} holds no predictions")
    return found


def _diff(path: Path, text: str) -> RawCandidate:
    if text.strip() and not any(line.startswith(DIFF_LINES) for line in text.split("\n")):
        raise PoolError(f"{path} is no diff: it has no line 'diff --git' or '---'")
    return RawCandidate(path.name, ended(text))


def _prediction(record: Any, path: Path, where: str, number: int) -> RawCandidate:
    if not isinstance(record, dict):
        raise PoolError(f"{where} is no object")
    if "model_patch" not in record:
        raise PoolError(f"{where} has no 'model_patch'")
    patch, instance = record["model_patch"], record.get("instance_id") or ""
    if not isinstance(patch, str | None) or not isinstance(instance, str):
        raise PoolError(f"{where}: 'model_patch' and 'instance_id' are to be text")
    name = record.get("model_name_or_path") or path.stem
    return RawCandidate(f"{name} ({path.name}:{number})", ended(patch or ""), instance)
