"""An evaluation's report: in the shape of the official harness, and as a table for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envs.grade import GradeStatus
from envs.outcomes import Outcome
from envs.swebench.failures import AMBIGUOUS
from runs.evaluation_order import Plan
from runs.graded import Graded, place_of

if TYPE_CHECKING:
    from rich.console import Console

FILE = "report.json"
SCHEMA_VERSION = 2
"""Of `make_run_report` in swebench 5."""
_COMPLETED = frozenset({GradeStatus.RESOLVED, GradeStatus.UNRESOLVED})
_REASONS = {
    GradeStatus.INFRASTRUCTURE: ("infrastructure", ""),
    GradeStatus.ENVIRONMENT_BROKEN: ("environment_broken", ""),
    GradeStatus.FLAKY: ("flaky", AMBIGUOUS),
    GradeStatus.TIMED_OUT: ("tests_timed_out", AMBIGUOUS),
}
_STYLES = {
    GradeStatus.RESOLVED: "green",
    GradeStatus.UNRESOLVED: "red",
    GradeStatus.INFRASTRUCTURE: "magenta",
    GradeStatus.ENVIRONMENT_BROKEN: "magenta",
}
_MOST_MESSAGES = 20


def report_of(plan: Plan, found: Sequence[Graded], folder: Path) -> dict[str, Any]:
    """Return the report, with the keys of the official one and ours under `mangabey`.

    As there, what did not get as far as a verdict of the tests (a patch that does not apply, a time-out) is
    an error; so are failures that say nothing of the patch, which are named in `infra_failure_ids` too.
    """
    by_status: dict[GradeStatus, list[str]] = {status: [] for status in GradeStatus}
    for one in found:
        by_status[one.status].append(one.instance_id)
    submitted = [one.instance_id for one in found]
    completed = [name for status in _COMPLETED for name in by_status[status]]
    empty = by_status[GradeStatus.EMPTY_PATCH]
    reasons = {one.instance_id: reason for one in found if (reason := _reason(one))[0]}
    lists = {
        "completed_ids": completed,
        "incomplete_ids": set(plan.chosen) - set(submitted),
        "empty_patch_ids": empty,
        "submitted_ids": submitted,
        "resolved_ids": by_status[GradeStatus.RESOLVED],
        "unresolved_ids": by_status[GradeStatus.UNRESOLVED],
        "infra_failure_ids": [name for name, (_, tier) in reasons.items() if tier != AMBIGUOUS],
        "ambiguous_failure_ids": [name for name, (_, tier) in reasons.items() if tier == AMBIGUOUS],
    }
    errors = sorted(set(submitted) - set(completed) - set(empty))
    counted = {"total_instances": len(plan.chosen)} | {
        f"{name}_instances": len(lists[f"{name}_ids"])
        for name in (
            *("submitted", "completed", "resolved", "unresolved"),
            *("infra_failure", "ambiguous_failure", "empty_patch"),
        )
    }
    return {
        **counted,
        "error_instances": len(errors),
        **{name: sorted(ids) for name, ids in lists.items()},
        "failure_reasons": {name: reason for name, (reason, _) in sorted(reasons.items())},
        "error_ids": errors,
        "schema_version": SCHEMA_VERSION,
        "mangabey": _ours(plan, found, folder),
    }


def undecided(found: Iterable[Graded]) -> list[Graded]:
    """Return the grades that say nothing of their patches."""
    return [one for one in found if not one.status.is_verdict]


def render(plan: Plan, found: Sequence[Graded], folder: Path, console: Console | None = None) -> None:
    """Print a table of the instances, what went wrong, the totals, and where everything lies."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    out = console or Console(highlight=False)
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("instance", overflow="fold")
    table.add_column("status", no_wrap=True)
    for name in ("FAIL_TO\n_PASS", "PASS_TO\n_PASS", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in found:
        status = Text(_words(one.status), style=_STYLES.get(one.status, "yellow"))
        row = (passed(one.fail_to_pass), passed(one.pass_to_pass), f"{one.seconds:.1f}")
        table.add_row(Text(one.instance_id), status, *row)
    out.print(table)
    told = [one for one in found if one.message and one.status is not GradeStatus.EMPTY_PATCH]
    for one in told[:_MOST_MESSAGES]:
        out.print(Text.assemble((f"{one.instance_id}: ", "yellow"), one.message))
    if len(told) > _MOST_MESSAGES:
        out.print(Text(f"{len(told) - _MOST_MESSAGES} more messages in {FILE}", style="dim"))
    out.print()
    out.print(Text.assemble(("resolved  ", "bold"), _totals(plan, found)))
    if aside := sum(len(one.set_aside) for one in found):
        out.print(Text.assemble(("set aside ", "bold"), f"{aside} tests that fail here with the fix too"))
    out.print(Text.assemble(("files     ", "bold"), str(folder)), soft_wrap=True)


def passed(tests: Mapping[str, Outcome]) -> str:
    """Return how many of some tests passed, `-` where none were to run."""
    count = sum(outcome is Outcome.PASSED for outcome in tests.values())
    return f"{count}/{len(tests)}" if tests else "-"


def _totals(plan: Plan, found: Sequence[Graded]) -> str:
    counts = Counter(one.status for one in found)
    resolved = counts.pop(GradeStatus.RESOLVED, 0)
    share = f"{resolved} of {len(plan.chosen)} ({100 * resolved / len(plan.chosen):.1f}%)"
    others = [f"{count} {_words(status)}" for status, count in counts.most_common()]
    if missing := len(plan.chosen) - len(found):
        others.append(f"{missing} without prediction")
    return "; ".join([share, *([", ".join(others)] if others else [])])


def _words(status: GradeStatus) -> str:
    words = {GradeStatus.PATCH_DOES_NOT_APPLY: "does not apply"}
    return words.get(status, status.value.replace("_", " "))


def _reason(one: Graded) -> tuple[str, str]:
    """Return why an instance may have failed for no fault of the patch, and how sure that is."""
    if one.status in _REASONS:
        return _REASONS[one.status]
    return (one.failure, one.failure_tier) if one.status is GradeStatus.UNRESOLVED else ("", "")


def _ours(plan: Plan, found: Sequence[Graded], folder: Path) -> dict[str, Any]:
    return {
        "name": plan.order.name,
        "predictions": plan.order.predictions,
        "tasks": plan.order.tasks,
        "instances": {one.instance_id: _entry(one, folder) for one in found},
    }


def _entry(one: Graded, folder: Path) -> dict[str, Any]:
    return {
        "status": one.status.value,
        "message": one.message,
        "model": one.model,
        "fail_to_pass": passed(one.fail_to_pass),
        "pass_to_pass": passed(one.pass_to_pass),
        "set_aside": list(one.set_aside),
        "seconds": one.seconds,
        "runs": one.runs,
        "command": one.command,
        "image": one.image,
        "image_digest": one.image_digest,
        "rule": one.rule,
        "versions": dict(one.versions),
        "folder": place_of(folder, one.instance_id).name,
    }
