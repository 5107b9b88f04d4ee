"""What a tool agent hears of its tests on the base, and of others' tests on its patch."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.base_runs import ForkedBase
from agent.budget import Budget
from agent.kinds import KINDS
from agent.messages import Reply
from agent.models.scripted import ScriptedModel
from agent.replay import OTHER_REQUEST
from agent.shelf import SharedTest
from agent.tape import MemoryTape
from agent.trajectory import ExitReason
from envs.task import PublicTask
from sandbox.base import Sandbox
from sandbox.forks import forked
from tests.agent.kinds.machine_files import CountingBase
from tests.agent.kinds.playing import FIX, TEST, ListShelf, calls, play

HALF = {**FIX, "new": "abs(self.width * self.height)"}
SIGN = "from shapes import Rectangle\n\n\ndef test_sign():\n    assert Rectangle(-2, 3).area() == -6\n"


async def written(task: PublicTask, sandbox: Sandbox, content: str, seconds: float = 60) -> str:
    script = [calls(("write_test", {**TEST, "content": content})), calls(("submit", {}))]
    async with forked(sandbox) as base:
        tried = ForkedBase(base, task.test_runner, seconds=seconds)
        done = await play(task, sandbox, ScriptedModel(script), base=tried)
    return done.turns[0].observations[0].text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (TEST["content"], "On the untouched code 1 of 1 tests fail"),
        (TEST["content"].replace("6", "5"), "it passes (1 tests): it does not show the issue"),
        ("from shapes import Circle\n", "cannot be collected"),
        ("def test(:\n", "cannot be collected"),
        ("x = 1\n", "cannot be collected"),
        ("import pytest\n\n\n@pytest.mark.skip\ndef test():\n    pass\n", "no test of it failed"),
        ("def test(no_such_fixture):\n    pass\n", "no test of it failed"),
    ],
)
async def test_what_a_test_does_on_the_base_is_said(
    task: PublicTask, sandbox: Sandbox, content: str, said: str
) -> None:
    text = await written(task, sandbox, content)
    assert text.startswith("Wrote tests/test_area.py.\n")
    assert said in text


async def test_a_test_that_hangs_is_said(task: PublicTask, sandbox: Sandbox) -> None:
    hanging = "import time\n\n\ndef test():\n    time.sleep(60)\n"
    assert "ran out of time" in await written(task, sandbox, hanging, seconds=3)


async def test_the_base_stays_out_of_what_was_changed(task: PublicTask, sandbox: Sandbox) -> None:
    """A test written after the fix is still tried without it."""
    shelf = ListShelf()
    script = [calls(("edit", FIX)), calls(("write_test", TEST)), calls(("submit", {}))]
    async with forked(sandbox) as base:
        tried = ForkedBase(base, task.test_runner)
        done = await play(task, sandbox, ScriptedModel(script), base=tried, shelf=shelf)
    text = done.turns[1].observations[0].text
    assert "assert 5 == 6" in text
    assert "generated xml" not in text
    assert [(one.path, one.author, one.content) for one in shelf.own] == [(TEST["path"], 0, TEST["content"])]


async def test_a_mended_test_is_tried_again(task: PublicTask, sandbox: Sandbox) -> None:
    shelf = ListShelf()
    mend = {"path": TEST["path"], "old": "== 6", "new": "== 5"}
    script = [calls(("write_test", TEST)), calls(("edit", mend), ("edit", FIX)), calls(("submit", {}))]
    async with forked(sandbox) as base:
        tried = ForkedBase(base, task.test_runner)
        done = await play(task, sandbox, ScriptedModel(script), base=tried, shelf=shelf)
    mended, fixed = done.turns[1].observations
    assert "it does not show the issue" in mended.text
    assert "untouched" not in fixed.text
    assert len(shelf.own) == 1


async def test_tests_of_others_are_shown_and_met_once(task: PublicTask, sandbox: Sandbox) -> None:
    shelf = ListShelf(
        SharedTest(TEST["path"], "def test_old():\n    assert False\n", 3),
        SharedTest(TEST["path"], SIGN, 3),
        SharedTest(TEST["path"], TEST["content"], 4),
    )
    script = [
        calls(("write_test", TEST), ("bash", {"command": "cat /tmp/others/tests/*.py"}), ("edit", HALF)),
        calls(("submit", {"message": "first"})),
        calls(("submit", {"message": "second"})),
    ]
    model = ScriptedModel(script)
    done = await play(task, sandbox, model, shelf=shelf)
    first, shown, _ = done.turns[0].observations
    assert "/tmp/others/tests/test_area.py, of attempt 3" in first.text
    assert "/tmp/others/tests/test_area_2.py, of attempt 4" in first.text
    assert "test_sign" in shown.text
    assert "test_old" not in shown.text
    refused = done.turns[1].observations[0]
    assert refused.status == "error"
    assert "tests/test_area.py, of attempt 3: test_sign failed: assert 6 == -6" in refused.text
    assert "test_area_2" not in refused.text
    assert (done.exit_reason, done.message) == (ExitReason.SUBMITTED, "second")
    assert "others" not in done.diff
    assert "test_sign" not in done.diff


async def test_a_patch_that_meets_the_tests_of_others_is_submitted(
    task: PublicTask, sandbox: Sandbox
) -> None:
    shelf = ListShelf(SharedTest("tests/test_sign.py", SIGN, 3))
    model = ScriptedModel([calls(("edit", FIX)), calls(("submit", {}))])
    done = await play(task, sandbox, model, shelf=shelf)
    assert (done.exit_reason, len(done.turns)) == (ExitReason.SUBMITTED, 2)


@pytest.mark.parametrize("outcome", ["time.sleep(60)", "os._exit(1)"])
async def test_what_did_not_run_to_its_end_refuses_nothing(
    task: PublicTask, sandbox: Sandbox, outcome: str
) -> None:
    content = f"import os\nimport time\n\n\ndef test_slow():\n    {outcome}\n\n\ndef test_next():\n    pass\n"
    shelf = ListShelf(SharedTest("tests/test_slow.py", content, 3))
    model = ScriptedModel([calls(("edit", FIX)), calls(("submit", {}))])
    done = await play(task, sandbox, model, shelf=shelf, test_seconds=5.0)
    assert (done.exit_reason, len(done.turns)) == (ExitReason.SUBMITTED, 2)


async def test_nothing_is_refused_when_no_time_is_left_to_mend_it(task: PublicTask, sandbox: Sandbox) -> None:
    shelf = ListShelf(SharedTest("tests/test_sign.py", SIGN, 3))
    script = [calls(("edit", HALF)), calls(("submit", {}))]
    done = await play(task, sandbox, ScriptedModel(script), shelf=shelf, budget=Budget(steps=9, seconds=29))
    assert (done.exit_reason, len(done.turns)) == (ExitReason.SUBMITTED, 2)


async def test_a_test_that_wavers_is_not_shown_to_others(task: PublicTask, sandbox: Sandbox) -> None:
    shelf = ListShelf()
    wavers = "def test_chance():\n    import os\n    assert os.getpid() == 0, os.urandom(8).hex()\n"
    content = f"{TEST['content']}\n\n{wavers}"
    script = [calls(("write_test", {**TEST, "content": content})), calls(("submit", {}))]
    async with forked(sandbox) as base:
        tried = ForkedBase(base, task.test_runner)
        done = await play(task, sandbox, ScriptedModel(script), base=tried, shelf=shelf)
    text = done.turns[0].observations[0].text
    assert "2 of 2 tests fail" in text
    assert "Not the same in two runs on the untouched code: test_chance" in text
    assert shelf.own == []


@pytest.mark.parametrize("kind", ["tool-agent", "tester", "refiner", "test-and-edit"])
async def test_the_tests_it_starts_from_stand_behind_the_work(
    task: PublicTask, sandbox: Sandbox, kind: str
) -> None:
    seed = SharedTest("tests/test_sign.py", SIGN, 3)
    opened = []
    for given in ((), (seed,)):
        model = ScriptedModel([calls(("give_up", {"reason": "no"}))])
        await play(task, sandbox, model, kind=KINDS[kind], seed=given, budget=Budget(steps=1))
        opened.append(model.requests[0][1].content.rpartition("\n[budget")[0])
    without, seeded = opened
    assert SIGN.rstrip() not in without
    assert seeded.startswith(without.rstrip("\n"))
    assert f"<file>\n{SIGN.rstrip()}\n</file>" in seeded[len(without) :]


async def test_the_last_step_is_not_refused(task: PublicTask, sandbox: Sandbox) -> None:
    shelf = ListShelf(SharedTest("tests/test_sign.py", SIGN, 3))
    script = [calls(("edit", HALF)), calls(("submit", {}))]
    done = await play(task, sandbox, ScriptedModel(script), shelf=shelf, budget=Budget(steps=2))
    assert done.exit_reason is ExitReason.SUBMITTED


async def test_a_resumed_run_knows_that_it_was_refused(task: PublicTask, sandbox: Sandbox) -> None:
    tape, shelf = MemoryTape(), ListShelf(SharedTest("tests/test_sign.py", SIGN, 3))
    first: list[Reply | BaseException] = [calls(("edit", HALF)), calls(("submit", {}))]
    await play(task, sandbox, ScriptedModel(first), shelf=shelf, tape=tape)
    await sandbox.exec("git checkout -q .")
    again = ScriptedModel([calls(("submit", {}))])
    done = await play(task, sandbox, again, shelf=ListShelf(), tape=tape)
    assert (done.exit_reason, tape.divergences) == (ExitReason.SUBMITTED, [])
    assert "tests of other attempts fail" in again.requests[0][-1].content


async def test_a_resumed_run_runs_no_test_again(task: PublicTask, sandbox: Sandbox) -> None:
    tape, shelf = MemoryTape(), ListShelf(SharedTest("tests/test_sign.py", SIGN, 3))
    script = [calls(("write_test", TEST), ("edit", HALF)), calls(("submit", {}))]
    async with forked(sandbox) as base:
        counting = CountingBase(ForkedBase(base, task.test_runner))
        await play(task, sandbox, ScriptedModel(script), shelf=shelf, tape=tape, base=counting)
        asked = len(counting.asked)
        await sandbox.exec("git checkout -q . && git clean -fdq && rm -rf /tmp/others")
        task = replace(task, test_runner="false")
        look = calls(("bash", {"command": "ls /tmp/others/tests"}))
        again = ScriptedModel([look, calls(("submit", {}))])
        done = await play(task, sandbox, again, shelf=shelf, tape=tape, base=counting)
    assert len(counting.asked) == asked > 0
    assert tape.divergences == [(0, OTHER_REQUEST)]  # which tells of another runner
    assert done.turns[2].observations[0].text.startswith("test_sign.py\n")
    assert done.exit_reason is ExitReason.SUBMITTED
    assert "abs(self.width * self.height)" in done.diff


async def test_a_base_that_is_gone_is_said_and_nothing_ends(task: PublicTask, sandbox: Sandbox) -> None:
    async with forked(sandbox) as base:
        tried = ForkedBase(base, task.test_runner)
    script = [calls(("write_test", TEST)), calls(("edit", FIX)), calls(("submit", {}))]
    done = await play(task, sandbox, ScriptedModel(script), base=tried)
    assert done.exit_reason is ExitReason.SUBMITTED
    assert "could not show what it does" in done.turns[0].observations[0].text
