"""Machines that were driven by hand on real issues, played again from their journals.

The repositories are not here: what an action returned comes from the record, and each request must be the one
that was answered then. So what is tested is every word that the machine said.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent.assignment import Assignment
from agent.budget import Budget
from agent.kinds.test_and_edit import run_test_and_edit
from agent.messages import Reply
from agent.models.replay import ReplayModel
from agent.replay import Replay
from agent.tape import MemoryTape
from agent.trajectory import ExitReason, Observation, Trajectory
from envs.task import PublicTask
from sandbox.base import Sandbox

JOURNALS = sorted((Path(__file__).parent / "machine_journals").glob("*.jsonl"))


class Observed(MemoryTape):
    """A record of observations only: replies come from the model."""

    def __init__(self, events: list[dict[str, Any]]) -> None:
        super().__init__()
        for event in events:
            if event["kind"] == "observation":
                data = event["data"]
                seen = Observation.model_validate(data["observation"])
                self._observations[data["turn"], data["index"]] = seen

    async def keep_observation(self, turn: int, index: int, observation: Observation) -> None:
        raise AssertionError(f"turn {turn} was not recorded")


@pytest.fixture(autouse=True)
def another_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Edits of the recordings do not apply in this room, and their words are all that is looked at here."""

    async def take(*_: object) -> None:
        return None

    monkeypatch.setattr(Replay, "take", take)


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def replayed(sandbox: Sandbox, path: Path, events: list[dict[str, Any]]) -> Trajectory:
    task, context = (
        next(event["data"] for event in events if event["kind"] == kind) for kind in ("task", "context")
    )
    given = Assignment(
        PublicTask(**task),
        sandbox,
        ReplayModel(path),
        Observed(events),
        context=context["text"],
        budget=Budget(steps=40, seconds=1800),
    )
    return await run_test_and_edit(given)


@pytest.mark.parametrize("path", JOURNALS, ids=[path.stem for path in JOURNALS])
async def test_says_again_what_was_said(sandbox: Sandbox, path: Path) -> None:
    events = read(path)
    done = await replayed(sandbox, path, events)
    replies = [Reply.model_validate(event["data"]["reply"]) for event in events if event["kind"] == "reply"]
    said = [turn.reply.tool_calls for turn in done.turns]
    assert said == [reply.tool_calls for reply in replies], done.message
    assert done.exit_reason is not ExitReason.MODEL_ERROR, done.message
    assert done.turns[-1].actions[0].name == "done"


@pytest.mark.parametrize(("place", "turn"), [(0, 1), (5, 6)])
async def test_a_difference_is_found_in_each_phase(sandbox: Sandbox, place: int, turn: int) -> None:
    """In the edit phase too, whose conversation has no reply of the phase before."""
    path = next(path for path in JOURNALS if path.stem == "click__8.5.0-1")
    events = read(path)
    for event in events:
        if event["kind"] == "observation" and event["data"]["turn"] == place:
            event["data"]["observation"]["text"] = "something else"
    done = await replayed(sandbox, path, events)
    assert done.exit_reason is ExitReason.MODEL_ERROR
    assert len(done.turns) == turn
    assert f"sample 0, turn {turn} differs from what was recorded" in done.message
    assert "something else" in done.message


def test_there_are_journals_and_they_hold_no_path_of_a_machine() -> None:
    assert len(JOURNALS) >= 3
    for path in JOURNALS:
        text = path.read_text()
        assert len(text) < 100_000
        assert "/home/" not in text
        assert "/root/" not in text
