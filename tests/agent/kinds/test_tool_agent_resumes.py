"""A trajectory that goes on from its tape: nothing is paid or timed twice, and failed calls are charged."""

from __future__ import annotations

import asyncio

import pytest

from agent.budget import Budget
from agent.messages import Attempt, Usage
from agent.models.caller import Caller
from agent.models.errors import (
    ModelUnavailableError,
    RateLimitedError,
    ServerFailedError,
)
from agent.models.retries import Patience
from agent.models.scripted import ScriptedModel
from agent.replay import OTHER_REQUEST
from agent.tape import MemoryTape
from agent.trajectory import ExitReason, Trajectory
from envs.task import PublicTask
from sandbox.base import Sandbox
from tests.agent.kinds.playing import FIX, SOLVING, TEST, calls, comparable, play, text


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("cut", [1, 2, 3])
async def test_resumes_from_the_tape(task: PublicTask, sandbox: Sandbox, cut: int, native: bool) -> None:
    write = calls if native else text
    script = [
        write(("write_test", TEST), ("bash", {"command": "date +%N; echo $RANDOM"})),
        write(("bash", {"command": "date +%N >> noise.txt"}), ("edit", FIX)),
        write(("bash", {"command": "rm noise.txt"})),
        write(("submit", {"message": "done"})),
    ]
    tape = MemoryTape()
    crash = [*script[:cut], asyncio.CancelledError()]
    broken = await play(task, sandbox, ScriptedModel(crash, native_tools=native), tape=tape)
    assert broken.exit_reason is ExitReason.CANCELLED
    before = comparable(broken).turns
    await sandbox.exec("git checkout -q . && git clean -fdq")

    model = ScriptedModel(script[cut:], native_tools=native)
    whole = await play(task, sandbox, model, tape=tape)
    assert whole.exit_reason is ExitReason.SUBMITTED
    assert len(model.requests) == len(script) - cut
    assert comparable(whole).turns[:cut] == before
    shown = "".join(message.content for message in model.requests[0])
    assert broken.turns[0].observations[1].text in shown
    assert "self.width * self.height" in whole.diff
    assert "noise" not in whole.diff

    await sandbox.exec("git checkout -q . && git clean -fdq")
    again = await play(task, sandbox, ScriptedModel([], native_tools=native), tape=tape)
    assert comparable(again) == comparable(whole)
    noisy = {(0, "bash returned another text"), (1, "behind edit there are other changes of noise.txt")}
    assert set(tape.divergences) <= noisy


async def test_what_is_replayed_takes_no_time(task: PublicTask, sandbox: Sandbox) -> None:
    slow = calls(("bash", {"command": "sleep 0.3; echo x >> noise.txt"}))
    tape = MemoryTape()
    await play(task, sandbox, ScriptedModel([slow] * 5), tape=tape, budget=Budget(steps=5, seconds=60))
    await sandbox.exec("rm noise.txt")
    for (turn, index), seen in list(tape._observations.items()):
        tape._observations[turn, index] = seen.model_copy(update={"seconds": 0.01})

    budget = Budget(steps=9, seconds=1.2)
    done = await play(task, sandbox, ScriptedModel([calls(("submit", {}))]), tape=tape, budget=budget)
    assert (done.exit_reason, len(done.turns)) == (ExitReason.SUBMITTED, 6)
    assert done.diff.count("+x") == 5


async def test_time_that_was_used_before_is_not_given_again(task: PublicTask, sandbox: Sandbox) -> None:
    tape = MemoryTape()
    await play(task, sandbox, ScriptedModel([calls(("edit", FIX), seconds=5.0)]), tape=tape)
    await sandbox.exec("git checkout -q . && git clean -fdq")
    model = ScriptedModel([calls(("submit", {}))])
    done = await play(task, sandbox, model, tape=tape, budget=Budget(steps=9, seconds=5))
    assert (done.exit_reason, model.requests) == (ExitReason.TIME_LIMIT, [])
    assert "self.width * self.height" in done.diff


@pytest.mark.parametrize("native", [True, False])
async def test_failed_calls_are_recorded_charged_and_change_nothing_said(
    task: PublicTask, sandbox: Sandbox, native: bool
) -> None:
    write = calls if native else text
    lost = Attempt(error="BadReplyError", message="torn", seconds=1, usage=Usage(output=5), cost=0.3)
    failing = [write(("edit", FIX)), ModelUnavailableError("torn").after([lost])]
    tape, budget = MemoryTape(), Budget(steps=9, seconds=60, dollars=1, tokens=500)
    first = ScriptedModel(failing, native_tools=native)
    broken = await play(task, sandbox, first, tape=tape, budget=budget)
    assert broken.exit_reason is ExitReason.MODEL_ERROR
    assert tape.failed(1) == (lost,)
    assert broken.usage.output == 5
    await sandbox.exec("git checkout -q . && git clean -fdq")

    again = ScriptedModel([write(("bash", {"command": "ls"})), write(("submit", {}))], native_tools=native)
    done = await play(task, sandbox, again, tape=tape, budget=budget)
    assert [message.content for message in again.requests[0]] == [
        message.content for message in first.requests[1]
    ]
    assert done.exit_reason is ExitReason.SUBMITTED
    assert done.usage.output == 5
    assert "495 tokens" in again.requests[1][-1].content


async def test_a_call_that_was_cut_off_leaves_its_failed_sendings(task: PublicTask, sandbox: Sandbox) -> None:
    lost = RateLimitedError("slow down", retry_after=100, usage=Usage(input=7), cost=0.3)
    tape = MemoryTape()
    patient = Caller(ScriptedModel([SOLVING[0], lost]))
    cut = await play(task, sandbox, patient, tape=tape, budget=Budget(seconds=3))
    assert (cut.exit_reason, cut.usage.input, cut.cost) == (ExitReason.TIME_LIMIT, 7, None)
    assert [(one.error, one.waited >= 100) for one in tape.failed(1)] == [("RateLimitedError", True)]
    await sandbox.exec("git checkout -q . && git clean -fdq")

    again = Caller(
        ScriptedModel([ServerFailedError("down", cost=0.1), *SOLVING[1:]]), Patience(first_delay=0.01)
    )
    done = await play(task, sandbox, again, tape=tape)
    assert done.exit_reason is ExitReason.SUBMITTED
    assert len(tape.failed(1)) == 1
    assert [len(turn.reply.attempts) for turn in done.turns][:2] == [0, 1]
    assert done.usage.input == 7


async def test_failed_calls_use_up_the_budget(task: PublicTask, sandbox: Sandbox) -> None:
    lost = Attempt(error="BadReplyError", message="torn", seconds=1, usage=Usage(output=5), cost=0.3)
    tape = MemoryTape()
    failing = ScriptedModel([ModelUnavailableError("torn").after([lost] * 2)])
    await play(task, sandbox, failing, tape=tape, budget=Budget(dollars=0.5))
    done = await play(task, sandbox, ScriptedModel(SOLVING), tape=tape, budget=Budget(dollars=0.5))
    assert (done.exit_reason, done.cost, len(done.turns)) == (ExitReason.COST_LIMIT, 0.6, 0)


async def begun(task: PublicTask, sandbox: Sandbox, *calls_of: tuple[str, dict[str, object]]) -> MemoryTape:
    """The tape of a trajectory that was cut off behind some calls, in a room that is fresh again."""
    tape = MemoryTape()
    script = [*(calls(one) for one in calls_of), asyncio.CancelledError()]
    await play(task, sandbox, ScriptedModel(script), tape=tape)
    await sandbox.exec("git checkout -q . && git clean -fdq")
    return tape


async def resumed(task: PublicTask, sandbox: Sandbox, tape: MemoryTape) -> tuple[Trajectory, ScriptedModel]:
    model = ScriptedModel([calls(("submit", {"message": "done"}))])
    return await play(task, sandbox, model, tape=tape), model


READ = ("bash", {"command": "cat shapes.py; sed -i 's/width/wide/' README.md; echo $$; date; exit 3"})


async def test_a_replay_that_does_the_same_is_told_nothing_of(task: PublicTask, sandbox: Sandbox) -> None:
    tape = await begun(task, sandbox, ("write_test", TEST), READ, ("edit", FIX), ("edit", FIX))
    assert [list(files) for files in tape._files.values()] == [
        ["tests/test_area.py"],
        ["shapes.py", "tests/test_area.py"],
    ]
    done, _ = await resumed(task, sandbox, tape)
    assert (done.exit_reason, tape.divergences) == (ExitReason.SUBMITTED, [])


async def test_another_text_is_told_and_the_recorded_one_stays(task: PublicTask, sandbox: Sandbox) -> None:
    tape = await begun(task, sandbox, ("edit", FIX), READ)
    recorded = tape._observations[0, 0].model_copy(update={"text": "error: NOT written"})
    tape._observations[0, 0] = recorded
    tape._requests[1] = ""
    done, model = await resumed(task, sandbox, tape)
    assert tape.divergences == [(0, "edit returned another text")]
    assert done.exit_reason is ExitReason.SUBMITTED
    assert "NOT written" in "".join(message.content for message in model.requests[0])


async def test_a_file_that_is_left_otherwise_is_told(task: PublicTask, sandbox: Sandbox) -> None:
    tape = await begun(task, sandbox, ("edit", FIX), READ)
    tape._files[0, 0] = {"shapes.py": "0123456789ab"}
    done, _ = await resumed(task, sandbox, tape)
    assert tape.divergences == [(0, "behind edit there are other changes of shapes.py")]
    assert done.exit_reason is ExitReason.SUBMITTED


async def test_another_request_is_told_once(task: PublicTask, sandbox: Sandbox) -> None:
    tape = await begun(task, sandbox, ("edit", FIX), READ, READ)
    tape._requests.update(dict.fromkeys(range(3), "nonsense"))
    done, _ = await resumed(task, sandbox, tape)
    assert tape.divergences == [(0, OTHER_REQUEST)]
    assert done.exit_reason is ExitReason.SUBMITTED


async def test_an_edit_that_no_longer_applies_ends_the_replay(task: PublicTask, sandbox: Sandbox) -> None:
    tape = await begun(task, sandbox, READ, ("edit", FIX), READ)
    await sandbox.exec("sed -i 's/width/side/g' shapes.py")
    done, model = await resumed(task, sandbox, tape)
    assert done.exit_reason is ExitReason.SANDBOX_ERROR
    assert "turn 1 cannot be replayed: edit is refused, and was done" in done.message
    assert model.requests == []
    assert tape.divergences[-1] == (1, "edit is refused, and was done")
