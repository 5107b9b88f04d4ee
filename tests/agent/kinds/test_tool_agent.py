from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agent.assignment import Assignment
from agent.budget import Budget
from agent.dialect import render_call
from agent.endings import Ending
from agent.messages import Reply, Usage
from agent.models.errors import (
    ContextOverflowError,
    ModelUnavailableError,
)
from agent.models.scripted import ScriptedModel
from agent.played import played
from agent.talk import Talk
from agent.tape import MemoryTape, TapeError
from agent.trajectory import ExitReason
from envs.task import PublicTask
from sandbox.base import Sandbox
from tests.agent.kinds.playing import FIX, SOLVING, TEST, calls, play, text


@pytest.mark.parametrize("native", [True, False])
async def test_solves(task: PublicTask, sandbox: Sandbox, native: bool) -> None:
    write = calls if native else text
    script = [
        write(("write_test", TEST)),
        write(("bash", {"command": "ls tests"}), ("edit", FIX)),
        write(("submit", {"message": "area multiplies"})),
    ]
    model = ScriptedModel(script, native_tools=native)
    heard: list[int] = []
    done = await play(task, sandbox, model, on_turn=lambda number, turn: heard.append(number))
    assert done.exit_reason is ExitReason.SUBMITTED
    assert done.message == "area multiplies"
    assert done.test_paths == ("tests/test_area.py",)
    assert "+        return self.width * self.height" in done.diff
    assert "+    assert Rectangle(2, 3).area() == 6" in done.diff
    assert heard == [0, 1, 2]
    assert [turn.actions[0].name for turn in done.turns] == ["write_test", "bash", "submit"]
    assert done.turns[1].observations[0].text.splitlines() == [
        "test_area.py",
        "test_shapes.py",
        "[exit code 0]",
    ]


async def test_text_dialect_conversation(task: PublicTask, sandbox: Sandbox) -> None:
    model = ScriptedModel([text(("bash", {"command": "echo hi"})), text(("submit", {}))], native_tools=False)
    await play(task, sandbox, model)
    system, _, said, answer = model.requests[1]
    assert "## write_test" in system.content
    assert said.tool_calls == ()
    assert answer.role == "user"
    assert answer.content.startswith("<result of=bash>\nhi\n[exit code 0]\n</result>\n\n[budget left: ")


async def test_first_message_holds_the_delimited_parts(task: PublicTask, sandbox: Sandbox) -> None:
    model = ScriptedModel(SOLVING)
    await play(task, sandbox, model)
    system, first = model.requests[0]
    assert system.role == "system"
    assert f"<issue>\n{task.problem_statement}\n</issue>" in first.content
    assert "<tests>\npython -m pytest\n</tests>" in first.content
    assert "<context>\nshapes.py:11-12 method Rectangle.area\n</context>" in first.content


async def test_remaining_budget_is_shown_every_turn(task: PublicTask, sandbox: Sandbox) -> None:
    usage = Usage(input=70, output=10)
    model = ScriptedModel([calls(("bash", {"command": "true"}), usage=usage, cost=0.25)] * 2)
    done = await play(task, sandbox, model, budget=Budget(steps=2, seconds=60, dollars=1, tokens=500))
    assert model.requests[0][-1].content.endswith("[budget left: 2 of 2 steps, 60 s, $1.00, 500 tokens]")
    assert "1 of 2 steps" in model.requests[1][-1].content
    assert "$0.75, 420 tokens; this is the last step" in model.requests[1][-1].content
    assert done.exit_reason is ExitReason.STEP_LIMIT
    assert (done.usage, done.cost) == (Usage(input=140, output=20), 0.5)


@pytest.mark.parametrize("budget", [Budget(dollars=0.3), Budget(tokens=100)])
async def test_cost_limits(task: PublicTask, sandbox: Sandbox, budget: Budget) -> None:
    reply = calls(("edit", FIX), usage=Usage(input=70, output=10), cost=0.2)
    done = await play(task, sandbox, ScriptedModel([reply] * 5), budget=budget)
    assert done.exit_reason is ExitReason.COST_LIMIT
    assert len(done.turns) == 2
    assert "self.width * self.height" in done.diff


BAD = [
    Reply(),
    Reply(text="I think the bug is in area()."),
    Reply(text="<function=edit>\n<parameter=path>shapes.py</parameter>\n<parameter=old>\nself.wi"),
    Reply(text="```xml\n" + render_call("nothing", {"a": "b"}) + "\n```"),
    Reply(text="x" * 200_000),
    Reply(text=render_call("bash", {"command": ""})),
    calls(("edit", {"path": 3, "old": ["x"], "new": None})),
    calls(("fly", {"to": "the moon"})),
    calls(("bash", {"cmd": "ls"})),
    calls(("bash", {"malformed_arguments": "no JSON: {\"command\": \"l"})),
    Reply(finish_reason="length"),
]  # fmt: skip


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("bad", BAD, ids=range(len(BAD)))
async def test_unreadable_replies_are_answered_and_end_after_three(
    task: PublicTask, sandbox: Sandbox, bad: Reply, native: bool
) -> None:
    fix = calls(("edit", FIX)) if native else text(("edit", FIX))
    model = ScriptedModel([bad, bad, fix, bad, bad, bad], native_tools=native)
    done = await play(task, sandbox, model)
    assert done.exit_reason is ExitReason.FORMAT_ERRORS
    assert len(done.turns) == 6
    assert "self.width * self.height" in done.diff
    answer = model.requests[1][-1].content
    assert any(word in answer for word in ("must call a tool", "Expected ", "The tools are"))


async def test_half_a_call_after_a_whole_one(task: PublicTask, sandbox: Sandbox) -> None:
    half = Reply(
        text=render_call("edit", FIX) + "\n<function=bash>\n<parameter=command>ls", finish_reason="length"
    )
    model = ScriptedModel([half, text(("submit", {}))], native_tools=False)
    done = await play(task, sandbox, model)
    assert done.exit_reason is ExitReason.SUBMITTED
    assert "self.width * self.height" in done.diff
    assert "`command` of the call of `bash` is not closed" in model.requests[1][-1].content
    assert "cut off at the token limit" in model.requests[1][-1].content


async def test_submit_behind_a_failed_action_is_not_done(task: PublicTask, sandbox: Sandbox) -> None:
    wrong = ("edit", {**FIX, "old": "nowhere to be found"})
    model = ScriptedModel([calls(wrong, ("submit", {})), *SOLVING[1:]])
    done = await play(task, sandbox, model)
    assert done.exit_reason is ExitReason.SUBMITTED
    assert done.turns[0].observations[1].text.startswith("Not done")
    assert "self.width * self.height" in done.diff


async def test_actions_behind_submit_are_not_done(task: PublicTask, sandbox: Sandbox) -> None:
    done = await play(task, sandbox, ScriptedModel([calls(("submit", {}), ("edit", FIX))]))
    assert done.exit_reason is ExitReason.SUBMITTED
    assert done.diff == ""


async def test_repeated_action_is_said(task: PublicTask, sandbox: Sandbox) -> None:
    model = ScriptedModel([calls(("bash", {"command": "ls"}))] * 5)
    await play(task, sandbox, model, budget=Budget(steps=5))
    assert "in a row" not in model.requests[2][-1].content
    assert "exactly this call 3 times in a row" in model.requests[3][-1].content
    assert "exactly this call 4 times in a row" in model.requests[4][-1].content


async def test_two_calls_in_turn_are_said(task: PublicTask, sandbox: Sandbox) -> None:
    there, back = FIX, {**FIX, "old": FIX["new"], "new": FIX["old"]}
    model = ScriptedModel([calls(("edit", there)), calls(("edit", back))] * 4)
    await play(task, sandbox, model, budget=Budget(steps=8))
    assert "in turn" not in model.requests[5][-1].content
    assert "same two calls in turn 3 times" in model.requests[6][-1].content


async def test_give_up(task: PublicTask, sandbox: Sandbox) -> None:
    done = await play(
        task, sandbox, ScriptedModel([calls(("edit", FIX)), calls(("give_up", {"reason": "no"}))])
    )
    assert (done.exit_reason, done.message) == (ExitReason.GAVE_UP, "no")
    assert "self.width * self.height" in done.diff


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ModelUnavailableError("no\nnetwork"), ExitReason.MODEL_ERROR),
        (ContextOverflowError("too long"), ExitReason.CONTEXT_LIMIT),
        (ZeroDivisionError("somebody's backend"), ExitReason.MODEL_ERROR),
        (TimeoutError(), ExitReason.MODEL_ERROR),
        (asyncio.CancelledError(), ExitReason.CANCELLED),
    ],
)
async def test_a_failing_model_keeps_the_diff(
    task: PublicTask, sandbox: Sandbox, error: BaseException, reason: ExitReason
) -> None:
    done = await play(task, sandbox, ScriptedModel([calls(("edit", FIX)), error]))
    assert done.exit_reason is reason
    assert done.message
    assert "\n" not in done.message
    assert "self.width * self.height" in done.diff


async def test_the_sandbox_dies_in_the_middle(task: PublicTask, sandbox: Sandbox) -> None:
    async def closing(number: int) -> None:
        if number == 1:
            await sandbox.close()

    class Closing(ScriptedModel):
        async def generate(self, *arguments: Any) -> Reply:
            await closing(len(self.requests))
            return await super().generate(*arguments)

    script = [calls(("edit", FIX)), calls(("bash", {"command": "ls"}), usage=Usage(input=5))]
    done = await play(task, sandbox, Closing(script))
    assert done.exit_reason is ExitReason.SANDBOX_ERROR
    assert "self.width * self.height" in done.diff
    assert [len(turn.observations) for turn in done.turns] == [1, 0]
    assert done.usage.input == 5


async def test_what_a_command_changed_outlives_the_sandbox(
    task: PublicTask, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.precaution.FIRST", 0.0)

    class Closing(ScriptedModel):
        async def generate(self, *arguments: Any) -> Reply:
            if len(self.requests) == 1:
                await sandbox.close()
            return await super().generate(*arguments)

    change = calls(("bash", {"command": "sed -i 's/self.width + /self.width * /' shapes.py"}))
    done = await play(task, sandbox, Closing([change, calls(("bash", {"command": "ls"}))]))
    assert done.exit_reason is ExitReason.SANDBOX_ERROR
    assert "+        return self.width * self.height" in done.diff


async def test_time_limit_ends_a_command_and_keeps_the_diff(task: PublicTask, sandbox: Sandbox) -> None:
    slow = calls(("edit", FIX), ("bash", {"command": "sleep 60", "timeout": 60}))
    done = await play(task, sandbox, ScriptedModel([slow, *SOLVING]), budget=Budget(seconds=1.5))
    assert done.exit_reason is ExitReason.TIME_LIMIT
    assert done.seconds < 20
    assert done.turns[0].observations[1].status == "timed_out"
    assert "self.width * self.height" in done.diff


async def test_time_limit_covers_the_model(task: PublicTask, sandbox: Sandbox) -> None:
    class Slow(ScriptedModel):
        async def generate(self, *arguments: Any) -> Reply:
            if self.requests:
                await asyncio.sleep(60)
            return await super().generate(*arguments)

    done = await play(task, sandbox, Slow([calls(("edit", FIX))]), budget=Budget(seconds=1.5))
    assert done.exit_reason is ExitReason.TIME_LIMIT
    assert "self.width * self.height" in done.diff


async def test_cancellation_keeps_the_diff(task: PublicTask, sandbox: Sandbox) -> None:
    script = [calls(("edit", FIX)), calls(("bash", {"command": "sleep 60"}))]
    reached = asyncio.Event()
    running = asyncio.create_task(
        play(task, sandbox, ScriptedModel(script), on_turn=lambda number, turn: reached.set())
    )
    await reached.wait()
    await asyncio.sleep(0.3)
    running.cancel()
    await asyncio.sleep(0)
    running.cancel()
    done = await running
    assert done.exit_reason is ExitReason.CANCELLED
    assert "self.width * self.height" in done.diff


async def test_a_record_that_cannot_be_written_stops_the_run(task: PublicTask, sandbox: Sandbox) -> None:
    class Full(MemoryTape):
        async def keep_reply(self, turn: int, reply: Reply, request: str) -> None:
            raise TapeError("no space left on device")

    with pytest.raises(TapeError, match="no space"):
        await play(task, sandbox, ScriptedModel(SOLVING), tape=Full())
    assert await sandbox.diff() == ""


async def test_a_diff_that_cannot_be_taken_is_no_submission(task: PublicTask, sandbox: Sandbox) -> None:
    closing = [calls(("edit", FIX)), calls(("submit", {}))]

    class Closing(ScriptedModel):
        async def generate(self, *arguments: Any) -> Reply:
            if self.requests:
                await sandbox.close()
            return await super().generate(*arguments)

    done = await play(task, sandbox, Closing(closing))
    assert done.exit_reason is ExitReason.SANDBOX_ERROR
    assert "the last diff could not be taken" in done.message
    assert "self.width * self.height" in done.diff


async def test_a_test_that_was_removed_is_not_listed(task: PublicTask, sandbox: Sandbox) -> None:
    script = [
        calls(("write_test", TEST), ("bash", {"command": "rm tests/test_area.py"})),
        calls(("submit", {})),
    ]
    assert (await play(task, sandbox, ScriptedModel(script))).test_paths == ()


async def test_a_mistake_in_the_code_of_a_kind_ends_it_with_its_diff(
    task: PublicTask, sandbox: Sandbox
) -> None:
    async def mistaken(talk: Talk) -> Ending:
        await talk.given.sandbox.write("shapes.py", b"x = 1\n")
        raise KeyError("fix")

    done = await played(Assignment(task, sandbox, ScriptedModel([]), MemoryTape()), mistaken)
    assert done.exit_reason is ExitReason.ERROR
    assert done.message.startswith("KeyError: 'fix' (tests/agent/kinds/test_tool_agent.py:")
    assert done.message.endswith(" in mistaken)")
    assert "+x = 1" in done.diff
