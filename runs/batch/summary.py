"""The files of a batch: `preds.jsonl` and `report.json`, and its verdict in one line."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from runs.batch.outcome import Outcome, Status
from runs.batch.queue import Stop
from runs.failures import UsageError
from runs.folder import write_json, write_text
from runs.purse import Spending
from runs.recorded import INFRASTRUCTURE

PREDICTIONS, REPORT = "preds.jsonl", "report.json"
SCHEMA = 1
_THRESHOLD = re.compile(r"(\d+(?:\.\d+)?)(%?)")


class Files:
    """The predictions of a batch's folder, rewritten whole after every issue."""

    def __init__(self, folder: Path, known: Sequence[Outcome]) -> None:
        self._folder = folder
        self.outcomes = {one.instance_id: one for one in known}

    def put(self, outcome: Outcome) -> None:
        """Take in an outcome, and write the predictions where it brings one."""
        self.outcomes[outcome.instance_id] = outcome
        if outcome.is_final:
            self.write()

    def write(self) -> None:
        """Write the predictions, atomically."""
        lines = (_prediction(one) for _, one in sorted(self.outcomes.items()) if one.is_final)
        write_text(self._folder / PREDICTIONS, "".join(lines))


def _prediction(outcome: Outcome) -> str:
    data = {
        "instance_id": outcome.instance_id,
        "model_name_or_path": outcome.model,
        "model_patch": outcome.patch,
    }
    return json.dumps(data) + "\n"


def spent_of(outcomes: Sequence[Outcome]) -> Spending:
    """Return what issues have spent together."""
    return sum((one.spent for one in outcomes), Spending())


def report_of(
    chosen: Sequence[str],
    outcomes: Mapping[str, Outcome],
    stopped: Stop | None,
    unfinished: Spending | None = None,
) -> dict[str, Any]:
    """Return the report: counts, spending, failures by kind, and the ids of each status.

    Args:
        chosen: ids of the issues.
        outcomes: of those that have one.
        stopped: why no further issue began; told where that left any to be done.
        unfinished: what the others have spent so far.
    """
    found = [outcomes[one] for one in chosen if one in outcomes]
    ids = {status.value: [one.instance_id for one in found if one.status is status] for status in Status}
    spent = spent_of(found) + (unfinished or Spending())
    stages, endings = Counter[str](), Counter[str]()
    for one in found:
        stages.update(one.stages)
        endings.update(one.endings)
    done = sum(one.is_final for one in found)
    lost = sum(endings[reason.value] for reason in INFRASTRUCTURE)
    losing = [one.instance_id for one in found if any(one.endings.get(reason) for reason in INFRASTRUCTURE)]
    return {
        "schema": SCHEMA,
        "chosen": len(chosen),
        "done": done,
        "graded": sum(one.graded for one in found),
        "counts": {status: len(names) for status, names in ids.items()},
        "unfinished_ids": [one for one in chosen if one not in outcomes],
        "failures": dict(Counter(one.failure.value for one in found if one.failure)),
        "trajectories": dict(endings),
        "trajectories_lost_to_infrastructure": lost,
        "lost_trajectories_ids": losing,
        "spent": spent.model_dump() | {"price": spent.price()},
        "seconds": round(sum(one.seconds for one in found), 3),
        "stage_seconds": {stage: round(seconds, 3) for stage, seconds in stages.items()},
        "stopped": stopped.value if stopped and done < len(chosen) else None,
        "ids": ids,
        "messages": {one.instance_id: one.message for one in found if one.message},
    }


def write_report(folder: Path, report: Mapping[str, Any]) -> None:
    """Write `report.json`, atomically."""
    write_json(folder / REPORT, report)


def verdict(report: Mapping[str, Any]) -> str:
    """Return the report in one line."""
    counts, chosen = report["counts"], report["chosen"]
    parts = [f"{report['done']} of {chosen} issues done"]
    if report["graded"]:
        parts.append(f"{counts['resolved']} resolved ({counts['resolved'] / chosen:.1%} of all)")
    parts += [f"{counts[name]} {name}" for name in ("unresolved", "selected", "abstained") if counts[name]]
    if counts["infrastructure"]:
        kinds = ", ".join(f"{count} {kind}" for kind, count in report["failures"].items())
        parts.append(f"{counts['infrastructure']} failed by infrastructure ({kinds})")
    if lost := report["trajectories_lost_to_infrastructure"]:
        issues = len(report["lost_trajectories_ids"])
        parts.append(f"{lost} trajectories of {issues} issues lost to infrastructure")
    spent = report["spent"]
    parts.append(f"{spent['input'] + spent['output']:,} tokens, {spent['price']}")
    stopped = f" (stopped: {report['stopped']})" if report["stopped"] else ""
    return "; ".join(parts) + stopped


def exceeds(report: Mapping[str, Any], fail_on: str) -> bool:
    """Whether more issues failed by infrastructure than a threshold allows.

    Args:
        report: the report.
        fail_on: the issues that may fail, as a number or a share of the chosen ones, such as `2%`.

    Raises:
        UsageError: the threshold is neither.
    """
    failed: int = report["counts"]["infrastructure"]
    return failed > read_threshold(fail_on, report["chosen"])


def read_threshold(text: str, chosen: int) -> float:
    """Return how many issues may fail.

    Raises:
        UsageError: it is neither a number nor a share.
    """
    found = _THRESHOLD.fullmatch(text.strip())
    if found is None or (found[2] and float(found[1]) > 100):
        raise UsageError(
            f"--fail-on {text!r} is no threshold; write a number such as 3, or a share such as 2%"
        )
    return float(found[1]) * chosen / 100 if found[2] else float(found[1])
