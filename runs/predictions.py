"""Predictions to evaluate: a file in a format of SWE-bench or of its agents, a run's folder, or a word."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runs.failures import UsageError
from selection.records import SUFFIXES, PoolError, ended, is_text, read_records

GOLD, EMPTY = "gold", "empty"
WORDS = (GOLD, EMPTY)
"""Taken in place of a file: each task's own fix, and the patch that changes nothing."""
IN_FOLDERS = ("preds.jsonl", "preds.json", "all_preds.jsonl")
"""What a folder of predictions may hold: of a run of ours, of mini-swe-agent, of SWE-agent."""
_SHOWN = 3
_LONGEST = 100


@dataclass(frozen=True, slots=True)
class Prediction:
    """A patch for one instance, and the name of what made it.

    `reference`: it is the task's own fix, known once the task is loaded; `model_patch` is empty until then.
    """

    instance_id: str
    model_patch: str
    model: str
    reference: bool = False


def read_predictions(source: str, known: Sequence[str], chosen: Iterable[str]) -> list[Prediction]:
    """Return predictions, each for another instance of the task set.

    Args:
        source: a `.jsonl` or `.json` file, a folder that holds one of `IN_FOLDERS`, or one of `WORDS`.
        known: the ids of the task set.
        chosen: for a word, the ids to predict.

    Raises:
        UsageError: there is no such file, it is damaged, an id occurs twice or is not in the task set.
    """
    if source in WORDS:
        return [Prediction(one, "", source, reference=source == GOLD) for one in chosen]
    found = predictions_in(Path(source))
    check_known([one.instance_id for one in found], known, str(_file(Path(source))))
    return found


def predictions_in(source: Path) -> list[Prediction]:
    """Return the predictions of a file or folder, whatever instances they are for.

    Raises:
        UsageError: there is no such file, it is damaged, or an id occurs twice.
    """
    path = _file(source)
    try:
        found = [_prediction(record, where, path) for where, record in read_records(path)]
    except PoolError as error:
        raise UsageError(str(error)) from error
    if not found:
        raise UsageError(f"{path} holds no predictions")
    counts = Counter(one.instance_id for one in found)
    if twice := [one for one, count in counts.items() if count > 1]:
        raise UsageError(f"{path} holds more than one prediction for {_few(twice)}; keep one for each")
    return found


def check_known(ids: Iterable[str], known: Sequence[str], where: str) -> None:
    """Refuse ids that are not in the task set, naming the first few and what is nearest to them.

    Raises:
        UsageError: there is one.
    """
    there = set(known)
    if not (strange := [one for one in ids if one not in there]):
        return
    near = next((match for one in strange[:_SHOWN] if (match := _nearest(one, known))), "")
    hint = f"; did you mean {near}?" if near else ""
    raise UsageError(f"{where} names instances that are not in the task set: {_few(strange)}{hint}")


def _file(path: Path) -> Path:
    if path.is_dir():
        found = next((path / name for name in IN_FOLDERS if (path / name).is_file()), None)
        if found is None:
            raise UsageError(f"the folder {path} holds no predictions (none of {', '.join(IN_FOLDERS)})")
        return found
    if not path.exists():
        near = difflib.get_close_matches(str(path), WORDS, 1, 0.6)
        hint = f"did you mean {near[0]}? else " if near else ""
        raise UsageError(f"there is no file of predictions {path}; {hint}name a .jsonl or .json file")
    if path.suffix not in SUFFIXES:
        raise UsageError(f"{path}: predictions are read from .jsonl and .json files, and from run folders")
    return path


def _prediction(record: Any, where: str, path: Path) -> Prediction:
    if not isinstance(record, dict):
        raise UsageError(f"{where} is no object with instance_id and model_patch")
    instance = record.get("instance_id")
    if not isinstance(instance, str) or not instance:
        raise UsageError(f"{where} has no 'instance_id' that is text")
    if "model_patch" not in record:
        raise UsageError(f"{where} ({instance[:_LONGEST]}) has no 'model_patch'")
    patch, model = record["model_patch"], record.get("model_name_or_path")
    for name, value in (("model_patch", patch), ("model_name_or_path", model)):
        if not isinstance(value, str | None):
            raise UsageError(f"{where} ({instance[:_LONGEST]}): '{name}' is {type(value).__name__}, not text")
    if patch and not is_text(patch):
        raise UsageError(f"{where} ({instance[:_LONGEST]}): 'model_patch' is no text: half a surrogate pair")
    return Prediction(instance, ended(patch or ""), model or path.stem)


def _nearest(name: str, known: Sequence[str]) -> str:
    found = difflib.get_close_matches(name[:_LONGEST], known, n=1, cutoff=0.4)
    return found[0] if found else ""


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(name[:_LONGEST] for name in names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"
