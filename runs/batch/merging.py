"""The parts of one batch, made with `--shard` in folders of their own, put together."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from runs.batch.issue import recounted, spent_by
from runs.batch.order import FILE, conditions_in, differences, read_order
from runs.batch.outcome import read_outcomes
from runs.batch.summary import REPORT, Files, report_of, write_report
from runs.failures import UsageError
from runs.purse import Spending

_FOLDER = re.compile(r"^/(?:[^/]+/)*")
_ADDRESS = re.compile(r"@https?://\S+$")
_SHARD = re.compile(r"(\d+)/(\d+)")


def merge(folders: Sequence[Path], target: Path) -> dict[str, Any]:
    """Write `preds.jsonl` and `report.json` of several parts into a folder, and return the report.

    The journals stay in the parts' own folders.

    Raises:
        UsageError: a part is no batch or has not ended, two have an instance in common or were made with
            something else, or the target holds a run.
        OSError: the target cannot be written.
    """
    if (target / FILE).exists():
        raise UsageError(f"{target} holds a run; --merge names a folder of its own")
    _require_alike(folders)
    chosen = sorted(one for folder in folders for one in _chosen(folder))
    if twice := [name for name, count in Counter(chosen).items() if count > 1]:
        raise UsageError(
            f"{len(twice)} instances are in more than one part ({', '.join(twice[:3])}); "
            "parts of one batch are made with --shard i/n"
        )
    outcomes = [recounted(folder, one) for folder in folders for one in read_outcomes(folder)]
    target.mkdir(parents=True, exist_ok=True)
    files = Files(target, [one for one in outcomes if one.instance_id in set(chosen)])
    files.write()
    left = [(folder, one) for folder in folders for one in _chosen(folder) if one not in files.outcomes]
    report = report_of(chosen, files.outcomes, None, sum((spent_by(*one) for one in left), Spending()))
    write_report(target, report)
    return report


def missing_parts(folders: Sequence[Path]) -> list[str]:
    """Return the shards that are not among the parts, as `i/n`; none where they are not numbered alike."""
    found = [_SHARD.fullmatch(read_order(folder).shard) for folder in folders]
    if not all(found) or len({one[2] for one in found if one}) != 1:
        return []
    there = {int(one[1]) for one in found if one}
    number = next(int(one[2]) for one in found if one)
    return [f"{one}/{number}" for one in range(1, number + 1) if one not in there]


def _require_alike(folders: Sequence[Path]) -> None:
    """Refuse parts that were made with something else: their results do not belong together."""
    first, *others = folders
    expected = _without_places(conditions_in(first))
    for folder in others:
        if drift := differences(expected, _without_places(conditions_in(folder))):
            raise UsageError(
                f"{folder} was made with something else than {first}; its results would be mixed. "
                f"What differs: {'; '.join(drift)}"
            )


def _without_places(conditions: Mapping[str, str]) -> dict[str, str]:
    """Return conditions without folders and addresses, which each machine has of its own."""
    found = {}
    for key, value in conditions.items():
        head, dot, name = key.partition("files.")
        plain = f"{head}{dot}{_FOLDER.sub('', name)}" if dot else key
        found[plain] = _ADDRESS.sub("", _FOLDER.sub("", value))
    return found


def _chosen(folder: Path) -> list[str]:
    """Return the instances that a part was to do."""
    try:
        report = json.loads((folder / REPORT).read_text(encoding="utf-8"))
        return [*(one for ids in report["ids"].values() for one in ids), *report["unfinished_ids"]]
    except FileNotFoundError as error:
        raise UsageError(f"{folder} has not ended yet; let its `mangabey batch` end first") from error
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise UsageError(f"{folder / REPORT} is damaged; the batch's command writes it anew") from error
