"""What the page shows of a batch: outcomes, and each issue's decision, diff, matrix and trajectories."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from runs.batch.issue import spent_by
from runs.batch.outcome import Outcome, place_of, read_outcomes
from runs.batch.summary import REPORT, spent_of
from runs.decision import Decision
from runs.failures import UsageError
from runs.journal_reading import NAME, events_of
from runs.purse import Spending

TEXT = 4000
"""Characters of one text that are shown; the journal has the rest."""
TURNS = 200
"""Turns of one trajectory that are shown."""


@dataclass(frozen=True, slots=True)
class TurnShown:
    """One turn: what the model said, what it called, and what it saw."""

    number: int
    text: str
    calls: tuple[str, ...]
    seen: tuple[str, ...]
    cost: float | None
    seconds: float


@dataclass(frozen=True, slots=True)
class IssueShown:
    """One issue with everything the page opens to; `decision` is None where there is none."""

    outcome: Outcome
    problem: str = ""
    decision: Decision | None = None
    grade: Mapping[str, Any] = field(default_factory=dict)
    endings: Mapping[int, str] = field(default_factory=dict)
    turns: Mapping[int, tuple[TurnShown, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunShown:
    """One batch, or the parts of one.

    Attributes:
        name: what it is called beside others.
        outcomes: of the issues that have one.
        folders: of these, by instance.
        unfinished: what each of the other issues has spent so far, by instance.
    """

    name: str
    outcomes: tuple[Outcome, ...]
    folders: Mapping[str, Path] = field(default_factory=dict)
    unfinished: Mapping[str, Spending] = field(default_factory=dict)

    @property
    def spent(self) -> Spending:
        """What all issues have spent, as `report.json` counts it."""
        return spent_of(self.outcomes) + sum(self.unfinished.values(), Spending())


def read_runs(folders: Sequence[Path]) -> list[RunShown]:
    """Return batches, each with a name of its own: the shortest end of its path that no other one has.

    Raises:
        UsageError: a folder holds none.
    """
    places = list(dict.fromkeys(folder.resolve() for folder in folders))
    return [replace(read_run(place), name=name) for place, name in zip(places, _apart(places), strict=True)]


def read_run(folder: Path) -> RunShown:
    """Return a batch: its outcomes, and what the issues without one have spent.

    Raises:
        UsageError: the folder holds none.
    """
    outcomes = tuple(read_outcomes(folder))
    if not outcomes and not any(folder.glob(f"*/{NAME}")):
        raise UsageError(f"{folder} holds no outcome of a batch; name the --out of `mangabey batch`")
    folders = {one.instance_id: folder for one in outcomes}
    unfinished = {one: spent_by(folder, one) for one in _unfinished(folder, outcomes)}
    return RunShown(folder.resolve().name, outcomes, folders, unfinished)


def read_parts(folders: Sequence[Path], name: str) -> RunShown:
    """Return the parts of a batch as one.

    Raises:
        UsageError: a folder holds no outcome.
    """
    parts = [read_run(folder) for folder in folders]
    outcomes = sorted((one for part in parts for one in part.outcomes), key=lambda one: one.instance_id)
    places = {instance_id: folder for part in parts for instance_id, folder in part.folders.items()}
    unfinished = {one: spent for part in parts for one, spent in part.unfinished.items()}
    return RunShown(name, tuple(outcomes), places, unfinished)


def _unfinished(folder: Path, outcomes: Sequence[Outcome]) -> list[str]:
    """Return the issues without an outcome: as the last report says, and whose record was begun since."""
    ended = {place_of(folder, one.instance_id) for one in outcomes}
    told = {place_of(folder, one): one for one in _reported(folder)}
    begun = {path.parent: path.parent.name for path in folder.glob(f"*/{NAME}")}
    return sorted(one for place, one in (begun | told).items() if place not in ended)


def _reported(folder: Path) -> list[str]:
    try:
        return list(map(str, json.loads((folder / REPORT).read_text(encoding="utf-8"))["unfinished_ids"]))
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _apart(places: Sequence[Path]) -> list[str]:
    """Return a name for each path: its last parts, as many as tell it from all others."""
    names = []
    for place in places:
        others = [other.parts for other in places if other != place]
        lengths = range(1, len(place.parts) + 1)
        count = next(n for n in lengths if all(place.parts[-n:] != other[-n:] for other in others))
        names.append(str(Path(*place.parts[-count:])))
    return names


def read_issue(folder: Path, outcome: Outcome) -> IssueShown:
    """Return what an issue's journal says; without one, the outcome alone."""
    place = place_of(folder, outcome.instance_id)
    if not (place / NAME).is_file():
        return IssueShown(outcome)
    problem, decision, grade = "", None, {}
    endings: dict[int, str] = {}
    replies: dict[tuple[int, int], Mapping[str, Any]] = {}
    seen: dict[tuple[int, int], list[str]] = defaultdict(list)
    for event in events_of(place):
        data = event.data
        match event.kind:
            case "task":
                problem = str(data.get("problem_statement", ""))
            case "reply":
                replies[data["sample"], data["turn"]] = data["reply"]
            case "observation":
                observed = data["observation"]
                seen[data["sample"], data["turn"]].append(f"[{observed['status']}] {observed['text']}")
            case "trajectory":
                ended = data["trajectory"]
                endings[data["sample"]] = f"{ended['exit_reason']}: {ended['message']}"
            case "decision":
                decision = _decision(data)
            case "grade":
                grade = dict(data)
    return IssueShown(outcome, problem, decision, grade, endings, _turns(replies, seen))


def _decision(data: Mapping[str, Any]) -> Decision | None:
    """Return a decision; None for one of another version."""
    try:
        return Decision.model_validate(data)
    except ValidationError:
        return None


def _turns(
    replies: Mapping[tuple[int, int], Mapping[str, Any]], seen: Mapping[tuple[int, int], Sequence[str]]
) -> dict[int, tuple[TurnShown, ...]]:
    found: dict[int, list[TurnShown]] = defaultdict(list)
    for (sample, turn), reply in sorted(replies.items()):
        if len(found[sample]) < TURNS:
            calls = tuple(
                f"{call['name']} " + "\n".join(f"{key}: {value}" for key, value in call["arguments"].items())
                for call in reply.get("tool_calls", ())
            )
            found[sample].append(
                TurnShown(
                    turn,
                    short("\n\n".join(filter(None, (reply.get("reasoning", ""), reply.get("text", ""))))),
                    tuple(map(short, calls)),
                    tuple(map(short, seen.get((sample, turn), ()))),
                    reply.get("cost"),
                    float(reply.get("seconds", 0.0)),
                )
            )
    return {sample: tuple(turns) for sample, turns in found.items()}


def short(text: str) -> str:
    """Return a text, its middle left out where it is long."""
    if len(text) <= TEXT:
        return text
    half = TEXT // 2
    return f"{text[:half]}\n[... {len(text) - TEXT} characters, see the journal ...]\n{text[-half:]}"
