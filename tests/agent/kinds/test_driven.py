"""Conversations that a person led through the manual backend on real issues, led again.

The replies and what the tools returned are as recorded; the prompts, the parser and what is said to replies
are today's. A reply that was well meant must still be understood.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent.assignment import Assignment, EarlierAttempt
from agent.budget import Budget
from agent.kinds import KINDS
from agent.messages import Reply
from agent.models.scripted import ScriptedModel
from agent.replay import Replay
from agent.shelf import SharedTest
from agent.speech import Dialect
from agent.tape import MemoryTape
from agent.trajectory import ExitReason, Observation
from envs.task import PublicTask
from sandbox.base import Sandbox

DRIVEN = sorted((Path(__file__).parent / "driven").glob("*.jsonl"))


def read(path: Path) -> dict[str, list[dict[str, Any]]]:
    events: dict[str, list[dict[str, Any]]] = {}
    for line in path.read_text("utf-8").splitlines():
        event = json.loads(line)
        events.setdefault(event["kind"], []).append(event["data"])
    return events


@pytest.fixture(autouse=True)
def another_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recorded edits do not apply in this room; what was said is all that is looked at here."""

    async def take(*_: object) -> None:
        return None

    monkeypatch.setattr(Replay, "take", take)


class Heard(MemoryTape):
    """A tape that holds observations only: each reply is asked for."""

    def __init__(self, observations: dict[tuple[int, int], Observation]) -> None:
        super().__init__()
        self._heard = observations

    def observation(self, turn: int, index: int) -> Observation | None:
        return self._heard.get((turn, index))


def earlier(data: dict[str, Any]) -> EarlierAttempt:
    tests, against = (tuple(SharedTest(**test) for test in data.get(one, [])) for one in ("tests", "against"))
    ended = ExitReason(data["exit_reason"])
    return EarlierAttempt(**{**data, "exit_reason": ended, "tests": tests, "against": against})


@pytest.mark.parametrize("path", DRIVEN, ids=lambda path: path.stem)
async def test_is_led_to_the_same_end(path: Path, sandbox: Sandbox) -> None:
    events = read(path)
    head, recorded = events["driven"][0], events["trajectory"][0]
    replies = [Reply.model_validate(one["reply"]) for one in events["reply"]]
    seen = {
        (one["turn"], one["index"]): Observation.model_validate(one["observation"])
        for one in events["observation"]
    }
    dialect: Dialect = head["dialect"]
    model = ScriptedModel(replies)
    done = await KINDS[head["kind"]](
        Assignment(
            PublicTask(**{**events["task"][0], "workdir": sandbox.workdir}),
            sandbox,
            model,
            Heard(seen),
            context=events["context"][0]["text"],
            budget=Budget(steps=30, seconds=120),
            dialect=dialect,
            earlier=tuple(map(earlier, head.get("earlier", []))),
        )
    )
    assert done.exit_reason.value == recorded["exit_reason"] == "submitted"
    assert len(done.turns) == len(replies)
    performed = [(turn, index) for turn, one in enumerate(done.turns) for index in range(len(one.actions))]
    assert performed == sorted(seen)
    for turn, request in enumerate(model.requests[1:]):
        said = "".join(message.content for message in request[3:])
        assert all(seen[key].text in said for key in seen if key[0] == turn)
        assert "no readable call" not in said
    assert events["task"][0]["problem_statement"].strip() in model.requests[0][1].content


def test_all_kinds_were_driven() -> None:
    assert {read(path)["driven"][0]["kind"] for path in DRIVEN} == {"tool-agent", "tester", "refiner"}
    assert {read(path)["driven"][0]["dialect"] for path in DRIVEN} == {"native", "text"}
