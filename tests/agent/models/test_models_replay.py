from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.assignment import Assignment
from agent.kinds import run_agent
from agent.messages import Message, Reply, Sampling, ToolCall
from agent.models.base import Model
from agent.models.errors import ModelUnavailableError, ReplayDivergedError
from agent.models.registry import load_model
from agent.models.scripted import ScriptedModel
from agent.tape import MemoryTape, request_key
from agent.trajectory import ExitReason, Observation, Trajectory
from envs.task import PublicTask
from sandbox.base import Sandbox


class FileTape(MemoryTape):
    """Writes the events of a journal."""

    def __init__(self, path: Path, sample: int) -> None:
        super().__init__()
        self.path, self.sample = path, sample

    def _event(self, kind: str, **data: Any) -> None:
        event = {"v": 1, "seq": 0, "at": "", "kind": kind, "data": {"sample": self.sample, **data}}
        with self.path.open("a") as file:
            file.write(json.dumps(event) + "\n")

    async def keep_reply(self, turn: int, reply: Reply, request: str) -> None:
        self._event("reply", turn=turn, request=request, reply=reply.model_dump(mode="json"))

    async def keep_observation(self, turn: int, index: int, observation: Observation) -> None:
        self._event("observation", turn=turn, index=index, observation=observation.model_dump(mode="json"))


def bash(command: str, finish: bool = False) -> Reply:
    return Reply(text="so", tool_calls=(ToolCall(id="a", name="bash", arguments={"command": command}),))


SUBMIT = Reply(tool_calls=(ToolCall(id="z", name="submit", arguments={}),))
SCRIPT = [bash("date +%N; ls; sleep 0.01; mktemp"), bash("cat shapes.py"), SUBMIT]


async def play(
    task: PublicTask, sandbox: Sandbox, model: Model, tape: MemoryTape, sample: int = 0
) -> Trajectory:
    return await run_agent(Assignment(task, sandbox, model, tape, sampling=Sampling(sample=sample)))


async def test_plays_a_recorded_run_again(task: PublicTask, sandbox: Sandbox, tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    noisy = [bash("echo took 0.$RANDOM seconds; mktemp; python3 -c 'print(object())'"), *SCRIPT[1:]]
    first = await play(task, sandbox, ScriptedModel(noisy), FileTape(journal, 4), 4)
    with journal.open("a") as file:
        file.write('{"v":1,"kind":"trajectory","data":{"sample":4}}\n{"v":1,"kind":"rep')
    again = await play(task, sandbox, load_model(f"replay/{tmp_path}"), MemoryTape(), 4)
    assert again.exit_reason is ExitReason.SUBMITTED, again.message
    assert [turn.reply for turn in again.turns] == [turn.reply for turn in first.turns]


async def test_stops_at_the_first_divergence(task: PublicTask, sandbox: Sandbox, tmp_path: Path) -> None:
    await play(task, sandbox, ScriptedModel(SCRIPT[1:]), FileTape(tmp_path / "journal.jsonl", 0))
    await sandbox.write("shapes.py", b"something else\n")
    again = await play(task, sandbox, load_model(f"replay/{tmp_path / 'journal.jsonl'}"), MemoryTape())
    assert again.exit_reason is ExitReason.MODEL_ERROR
    assert len(again.turns) == 1
    assert "sample 0, turn 1 differs" in again.message
    assert "message 3 (tool)" in again.message
    assert "something else" in again.message


async def test_another_issue_and_another_sample(task: PublicTask, sandbox: Sandbox, tmp_path: Path) -> None:
    await play(task, sandbox, ScriptedModel(SCRIPT), FileTape(tmp_path / "journal.jsonl", 0))
    model = load_model(f"replay/{tmp_path}")
    other = await play(
        task.__class__("x", "y", "z", "another issue", "/", "pytest"), sandbox, model, MemoryTape()
    )
    assert "turn 0 differs" in other.message
    assert "message 0 or 1" in other.message
    missing = await play(task, sandbox, model, MemoryTape(), 7)
    assert "sample 7, turn 0 was not recorded; the samples in it are 0" in missing.message


async def test_a_turn_that_was_not_recorded(tmp_path: Path) -> None:
    messages = [Message(role="system", content="s"), Message(role="user", content="u")]
    await FileTape(tmp_path / "journal.jsonl", 0).keep_reply(0, SUBMIT, request_key(messages, (), Sampling()))
    model = load_model(f"replay/{tmp_path}")
    assert await model.generate(messages, (), Sampling()) == SUBMIT
    longer: Sequence[Message] = [*messages, SUBMIT.as_message()]
    with pytest.raises(ReplayDivergedError, match="turn 1 was not recorded"):
        await model.generate(longer, (), Sampling())


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "cannot read"),
        (b"", "holds no replies"),
        (b'{"kind":"reply","data":{"sample":0,"turn":0,"request":"","reply":{"txt":1}}}\n{}\n', "line 1"),
        (b"not json\n{}\n", "line 1"),
        (b'{"kind":"grade","data":{}}\n{"kin', "holds no replies"),
    ],
)
def test_files_that_are_no_recording(tmp_path: Path, content: bytes | None, problem: str) -> None:
    path = tmp_path / "journal.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelUnavailableError, match=problem):
        load_model(f"replay/{path}")
