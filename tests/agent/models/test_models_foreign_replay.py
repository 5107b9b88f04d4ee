"""Recordings of other agents are played in our loop and our sandbox."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.assignment import Assignment
from agent.kinds import run_agent
from agent.messages import Message, Sampling
from agent.models.errors import ModelUnavailableError, ReplayDivergedError
from agent.models.registry import load_model
from agent.tape import MemoryTape
from agent.trajectory import ExitReason, Trajectory
from envs.task import PublicTask
from sandbox.base import Sandbox
from tests.agent.foreign import files


def written(tmp_path: Path, content: object) -> str:
    (tmp_path / "a.traj").write_text(json.dumps(content))
    return f"replay/{tmp_path / 'a.traj'}"


async def play(task: PublicTask, sandbox: Sandbox, name: str) -> Trajectory:
    sampling, tape = Sampling(), MemoryTape()
    return await run_agent(Assignment(task, sandbox, load_model(name), tape, sampling=sampling))


async def test_a_recording_solves_its_issue_again(task: PublicTask, sandbox: Sandbox, tmp_path: Path) -> None:
    again = await play(task, sandbox, written(tmp_path, files.mini_1()))
    assert again.exit_reason is ExitReason.SUBMITTED, again.message
    assert "+        return self.width * self.height" in again.diff
    assert again.model == "big-1"


async def test_swe_agents_edits_are_played(task: PublicTask, sandbox: Sandbox, tmp_path: Path) -> None:
    text = json.dumps(files.swe_agent_1()).replace("/testbed/", f"{sandbox.workdir}/")
    again = await play(task, sandbox, written(tmp_path, json.loads(text)))
    assert again.exit_reason is ExitReason.SUBMITTED, again.message
    assert "+        return self.width * self.height" in again.diff
    assert "+it's" in again.diff


async def test_another_exit_code_stops_the_replay(task: PublicTask, sandbox: Sandbox, tmp_path: Path) -> None:
    await sandbox.exec(["rm", "shapes.py"])
    again = await play(task, sandbox, written(tmp_path, files.mini_1()))
    assert again.exit_reason is ExitReason.MODEL_ERROR
    assert "turn 1 differs" in again.message
    assert "exit code 1, recorded was 0" in again.message


async def test_another_issue_stops_the_replay(task: PublicTask, sandbox: Sandbox, tmp_path: Path) -> None:
    content = files.mini_1()
    content["messages"][1]["content"] = "Something else is broken."
    again = await play(task, sandbox, written(tmp_path, content))
    assert "the issue is another one" in again.message


async def test_what_was_not_recorded(tmp_path: Path) -> None:
    model = load_model(written(tmp_path, files.mini_responses()))
    hello = Message(role="user", content="hello")
    reply = await model.generate([hello], (), Sampling())
    assert reply.text == "I look."
    with pytest.raises(ReplayDivergedError, match="only sample 0"):
        await model.generate([hello], (), Sampling(sample=1))
    with pytest.raises(ReplayDivergedError, match="has 1 turns"):
        await model.generate([hello, reply.as_message()], (), Sampling())
    with pytest.raises(ReplayDivergedError, match="not the recorded reply"):
        await model.generate([hello, Message(role="assistant", content="else")], (), Sampling())


def test_files_that_are_none(tmp_path: Path) -> None:
    for content, told in (({"messages": []}, "holds no replies"), ([], "is no trajectory")):
        with pytest.raises(ModelUnavailableError, match=told):
            load_model(written(tmp_path, content))
