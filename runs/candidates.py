"""Candidates from anywhere: run folders of ours, by their journals, and whatever `selection.pool` reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from agent.trajectory import ExitReason, Trajectory
from runs.crews import origin_of
from runs.journal import Event, read_events
from runs.recipe import PURPOSES
from runs.recorded import KIND, whole
from selection.origins import told_apart
from selection.pool import PoolError, RawCandidate, candidates_in
from selection.verifiers.digest import steps_of

JOURNAL = "journal.jsonl"


def read_from_anywhere(paths: Sequence[Path]) -> tuple[RawCandidate, ...]:
    """Return the patches of several files and folders, in their order, each with an origin of its own.

    Of a folder with journals below it these alone are read: every trajectory that ended, and of testers the
    tests they wrote. The origin of such a one names the run. What their authors did comes with patches.

    Raises:
        PoolError: a file or folder holds no candidates, or cannot be read.
        JournalError: a journal is damaged.
    """
    found: list[tuple[Path, RawCandidate]] = []
    for path in paths:
        journals = sorted(path.rglob(JOURNAL)) if path.is_dir() else [path] * (path.name == JOURNAL)
        ours = [(journal, one) for journal in journals for one in _of_journal(journal.parent)]
        if journals and not ours:
            raise PoolError(f"{path} is a run in which no trajectory has ended yet")
        found += ours or candidates_in(path)
    return told_apart(found)


def _of_journal(folder: Path) -> list[RawCandidate]:
    events = read_events(folder)
    instance = next((str(one.data["instance_id"]) for one in events if one.kind == "task"), "")
    ended = {event.data["sample"]: event for event in events if event.kind == KIND}
    raw = [_of_event(event, events, folder, instance) for _, event in sorted(ended.items())]
    return [one for one in raw if one.exit_reason != ExitReason.CANCELLED.value]


def _of_event(event: Event, events: Sequence[Event], folder: Path, instance: str) -> RawCandidate:
    trajectory = whole(Trajectory.model_validate(event.data["trajectory"]), events)
    kind = event.data.get("drawn", {}).get("kind", "")
    return RawCandidate(
        origin=f"{folder.parent.name} {origin_of(trajectory.sample)}",
        diff=trajectory.diff,
        instance_id=instance,
        test_paths=tuple(trajectory.test_paths),
        exit_reason=trajectory.exit_reason.value,
        only_tests=PURPOSES.get(kind) == "tests",
        steps=steps_of(trajectory),
    )
