"""Conversations that do not fit the model's window."""

from __future__ import annotations

import asyncio

import pytest

from agent.budget import Budget
from agent.messages import Message
from agent.models.base import Capabilities
from agent.models.errors import ContextOverflowError
from agent.models.scripted import ScriptedModel
from agent.tape import MemoryTape
from agent.trajectory import ExitReason
from envs.task import PublicTask
from sandbox.base import Sandbox
from tests.agent.kinds.playing import FIX, calls, play, text

LOUD = ("bash", {"command": "seq 3000 | tail -c 14000"})


def sizes(request: tuple[Message, ...]) -> list[int]:
    return [len(message.content) for message in request if message.role in {"tool", "user"}][1:]


@pytest.mark.parametrize("native", [True, False])
async def test_old_observations_are_condensed_before_the_window_overflows(
    task: PublicTask, sandbox: Sandbox, native: bool
) -> None:
    write = calls if native else text
    model = ScriptedModel([*[write(LOUD)] * 9, write(("submit", {}))], native_tools=native)
    model.capabilities = Capabilities(tools=native, context_length=40_000)
    done = await play(task, sandbox, model)
    assert done.exit_reason is ExitReason.SUBMITTED
    assert all(size > 9_000 for size in sizes(model.requests[3]))
    *old, before, latest = sizes(model.requests[9])
    assert min(before, latest) > 9_000
    assert max(old[:4]) < 300
    assert "[output of bash condensed: " in model.requests[9][3].content
    assert [message.content for message in model.requests[9][:2]] == [
        message.content for message in model.requests[0]
    ]


async def test_an_overflow_is_condensed_once_more(task: PublicTask, sandbox: Sandbox) -> None:
    tape = MemoryTape()
    script = [
        *[calls(LOUD)] * 4,
        ContextOverflowError("too long"),
        calls(("edit", FIX)),
        calls(("bash", {"command": "true"})),
        asyncio.CancelledError(),
    ]
    model = ScriptedModel(script)
    await play(task, sandbox, model, tape=tape)
    assert sum(sizes(model.requests[5])) < sum(sizes(model.requests[4])) / 2
    assert sizes(model.requests[5])[-1] > 9_000
    assert [one.error for one in tape.failed(4)] == ["ContextOverflowError"]

    await sandbox.exec("git checkout -q . && git clean -fdq")
    resumed = ScriptedModel([calls(("submit", {}))])
    done = await play(task, sandbox, resumed, tape=tape)
    assert (done.exit_reason, tape.divergences) == (ExitReason.SUBMITTED, [])
    assert resumed.requests[0] == model.requests[7]


async def test_a_second_overflow_ends_it(task: PublicTask, sandbox: Sandbox) -> None:
    overflow = ContextOverflowError("too long")
    model = ScriptedModel([calls(("edit", FIX)), *[calls(LOUD)] * 4, overflow, overflow])
    done = await play(task, sandbox, model, budget=Budget(steps=20))
    assert done.exit_reason is ExitReason.CONTEXT_LIMIT
    assert len(model.requests) == 7
    assert "self.width * self.height" in done.diff
