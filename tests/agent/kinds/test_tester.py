"""Trajectories that write tests and nothing else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agent.base_runs import ForkedBase
from agent.budget import Budget
from agent.kinds import KINDS
from agent.messages import Reply
from agent.models.errors import ModelUnavailableError
from agent.models.scripted import ScriptedModel
from agent.replay import OTHER_REQUEST
from agent.tape import MemoryTape
from agent.trajectory import ExitReason, Trajectory
from envs.task import PublicTask
from sandbox.base import Sandbox
from sandbox.forks import forked
from tests.agent.kinds.machine_files import CountingBase
from tests.agent.kinds.playing import FIX, ListShelf, calls, play, text

PATH = "tests/test_area.py"
HEAD = "import pathlib\n\nfrom shapes import Rectangle, unit_square\n\n\n"
FAILS = "def test_area():\n    assert Rectangle(2, 3).area() == 6\n\n\n"
FAILS_TOO = "def test_unit():\n    assert unit_square().area() == 1\n\n\n"
GUARDS = "def test_width():\n    assert Rectangle(2, 3).width == 2\n\n\n"
WAVERS = "def test_chance():\n    import os\n    assert os.getpid() == 0, os.urandom(8).hex()\n\n\n"
BREAKS = "def test_broken(nothing):\n    pass\n\n\n"


def writes(*tests: str, path: str = PATH) -> tuple[str, dict[str, Any]]:
    return "write_test", {"path": path, "content": HEAD + "".join(tests)}


async def led(
    task: PublicTask, sandbox: Sandbox, *script: Reply | BaseException, native: bool = True, **options: Any
) -> Trajectory:
    model = ScriptedModel(script, native_tools=native)
    return await play(task, sandbox, model, kind=KINDS["tester"], **options)


@pytest.mark.parametrize("native", [True, False])
async def test_writes_one_valid_file(task: PublicTask, sandbox: Sandbox, native: bool) -> None:
    write = calls if native else text
    shelf = ListShelf()
    done = await led(
        task,
        sandbox,
        write(writes(FAILS, FAILS_TOO, GUARDS)),
        write(("submit", {})),
        native=native,
        shelf=shelf,
    )
    said = done.turns[0].observations[0]
    assert said.status == "ok"
    assert "2 fail, so they decide:\n- test_area: assert 5 == 6\n- test_unit: assert 2 == 1" in said.text
    assert "1 pass already, so they only guard:\n- test_width" in said.text
    assert done.exit_reason is ExitReason.SUBMITTED
    assert done.test_paths == (PATH,)
    assert done.diff.count("diff --git") == 1
    assert [one.path for one in shelf.own] == [PATH] * 2


async def test_changes_of_sources_are_refused_or_dropped(task: PublicTask, sandbox: Sandbox) -> None:
    done = await led(
        task,
        sandbox,
        calls(writes(FAILS), ("edit", FIX)),
        calls(
            ("bash", {"command": "echo x >> shapes.py; touch scratch.txt; sed -i s/6/7/ tests/test_area.py"})
        ),
        calls(("submit", {})),
    )
    assert "You write tests and no fix" in done.turns[0].observations[1].text
    assert done.exit_reason is ExitReason.SUBMITTED
    assert done.diff.count("diff --git") == 1
    assert "+    assert Rectangle(2, 3).area() == 7" in done.diff


async def test_an_edit_that_cannot_be_read_is_told_why(task: PublicTask, sandbox: Sandbox) -> None:
    broken = ("edit", {"malformed_arguments": 'no JSON: {"path": "tes'})
    done = await led(
        task,
        sandbox,
        calls(writes(FAILS)),
        calls(broken),
        calls(("edit", {"old": "x"})),
        calls(("submit", {})),
    )
    first, second = (turn.observations[0] for turn in done.turns[1:3])
    assert first.status == second.status == "format_error"
    assert "no JSON" in first.text
    assert "path" in second.text


async def test_its_own_file_may_be_edited(task: PublicTask, sandbox: Sandbox) -> None:
    mend = ("edit", {"path": f"./{PATH}", "old": "== 2\n", "new": "== 3\n"})
    done = await led(task, sandbox, calls(writes(FAILS, GUARDS)), calls(mend), calls(("submit", {})))
    assert "2 fail, so they decide" in done.turns[1].observations[0].text
    assert "+    assert Rectangle(2, 3).width == 3" in done.diff


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (writes(GUARDS), "No test fails on the untouched code"),
        (writes("from shapes import Circle\n"), "cannot be collected"),
        (("write_test", {"path": PATH, "content": "def test(:\n"}), "cannot be collected"),
        (writes(BREAKS), "No test fails on the untouched code"),
        (writes("def test_slow():\n    import time\n    time.sleep(60)\n"), "ran out of time"),
        (writes(FAILS, WAVERS), "Not the same in two runs on the untouched code: test_chance"),
    ],
)
async def test_what_is_not_valid_is_sent_back(
    task: PublicTask, sandbox: Sandbox, file: tuple[str, dict[str, Any]], reason: str
) -> None:
    async with forked(sandbox) as base:
        tried = ForkedBase(base, task.test_runner, seconds=4 if "test_slow" in str(file) else 60)
        done = await led(
            task,
            sandbox,
            calls(file, ("submit", {})),
            calls(("submit", {})),
            calls(("give_up", {"reason": "no"})),
            base=tried,
            shelf=(shelf := ListShelf()),
        )
    assert shelf.own == []
    assert done.turns[0].observations[0].status == "error"
    assert reason in done.turns[0].observations[0].text
    assert done.turns[0].observations[1].text.startswith("Not done: an action before")
    assert "Not submitted" in done.turns[1].observations[0].text
    assert reason in done.turns[1].observations[0].text
    assert done.exit_reason is ExitReason.GAVE_UP
    assert bool(done.test_paths) == ("test_chance" in str(file))


async def test_nothing_written_is_not_submitted(task: PublicTask, sandbox: Sandbox) -> None:
    done = await led(task, sandbox, calls(("submit", {})), calls(("give_up", {"reason": "nothing to test"})))
    assert "no test file yet" in done.turns[0].observations[0].text
    assert (done.diff, done.test_paths) == ("", ())


async def test_one_file_counts(task: PublicTask, sandbox: Sandbox) -> None:
    other = writes(FAILS_TOO, path="tests/test_other.py")
    done = await led(task, sandbox, calls(writes(FAILS)), calls(other), calls(("submit", {})))
    assert "One file counts, so tests/test_area.py was removed." in done.turns[1].observations[0].text
    assert done.test_paths == ("tests/test_other.py",)
    assert "test_area" not in done.diff


@pytest.mark.parametrize(
    ("ending", "reason"),
    [
        (ModelUnavailableError("gone"), ExitReason.MODEL_ERROR),
        (asyncio.CancelledError(), ExitReason.CANCELLED),
        (calls(("bash", {"command": "sleep 60", "timeout": 60})), ExitReason.TIME_LIMIT),
    ],
)
async def test_an_unfinished_ending_keeps_what_was_valid(
    task: PublicTask, sandbox: Sandbox, ending: Reply | BaseException, reason: ExitReason
) -> None:
    right, broken = writes(FAILS), writes("from shapes import Circle\n")
    budget = Budget(steps=9, seconds=10 if reason is ExitReason.TIME_LIMIT else 120)
    async with forked(sandbox) as base:
        tried = ForkedBase(base, task.test_runner)
        for take in (0, 1):  # it remembers what they do, so that the time is for what follows
            await tried.run(PATH, HEAD + FAILS, take=take)
            await tried.run(PATH, broken[1]["content"], take=take)
        done = await led(task, sandbox, calls(right), calls(broken), ending, budget=budget, base=tried)
    assert done.exit_reason is reason
    assert done.test_paths == (PATH,)
    assert "+    assert Rectangle(2, 3).area() == 6" in done.diff
    assert "import Circle" not in done.diff


@pytest.mark.parametrize("last", [(), (WAVERS,)])
async def test_a_resumed_run_knows_what_was_valid_and_tries_nothing_again(
    task: PublicTask, sandbox: Sandbox, last: tuple[str, ...]
) -> None:
    tape = MemoryTape()
    writing = [calls(writes(FAILS, *last)), calls(writes(GUARDS))]
    async with forked(sandbox) as base:
        counting = CountingBase(ForkedBase(base, task.test_runner))
        await led(task, sandbox, *writing, tape=tape, budget=Budget(steps=2), base=counting)
        asked = len(counting.asked)
        await sandbox.exec("git checkout -q . && git clean -fdq")
        give_up = calls(("give_up", {"reason": "enough"}))
        done = await led(task, sandbox, give_up, tape=tape, base=counting)
    assert len(counting.asked) == asked > 0
    assert tape.divergences == [(0, OTHER_REQUEST)]  # which tells of another budget
    assert done.test_paths == (PATH,)
    assert "+    assert Rectangle(2, 3).area() == 6" in done.diff
    assert "test_width" not in done.diff


async def test_the_steps_end_with_an_invalid_file(task: PublicTask, sandbox: Sandbox) -> None:
    done = await led(task, sandbox, calls(writes(GUARDS)), budget=Budget(steps=1))
    assert (done.exit_reason, done.diff, done.test_paths) == (ExitReason.STEP_LIMIT, "", ())
