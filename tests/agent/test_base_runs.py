"""Tests tried on the untouched base."""

from __future__ import annotations

import asyncio

from agent.base_runs import ForkedBase
from envs.outcomes import Outcome
from envs.task import PublicTask
from sandbox.base import Sandbox, Status

FAILING = "from shapes import Rectangle\n\n\ndef test_area():\n    assert Rectangle(2, 3).area() == 6\n"
LOUD = "import pathlib\n\n\ndef test_count():\n    assert pathlib.Path('seen').exists()\n"


async def test_says_what_a_test_does_on_the_base(task: PublicTask, sandbox: Sandbox) -> None:
    base = ForkedBase(sandbox, task.test_runner)
    run = await base.run("tests/test_area.py", FAILING)
    assert run.fails()
    assert run.outcomes == {"tests/test_area.py::test_area": Outcome.FAILED}
    assert "assert 5 == 6" in run.output
    assert not (await base.run("tests/test_area.py", FAILING.replace("6", "5"))).fails()


async def test_what_cannot_be_collected_or_hangs_shows_nothing(task: PublicTask, sandbox: Sandbox) -> None:
    base = ForkedBase(sandbox, task.test_runner, seconds=4)
    broken = await base.run("tests/test_area.py", "from shapes import Circle\n")
    assert broken.outcomes == {"tests/test_area.py": Outcome.ERROR}
    assert not broken.fails()
    hanging = await base.run("tests/test_area.py", "import time\n\n\ndef test():\n    time.sleep(60)\n")
    assert hanging.status is Status.TIMED_OUT
    assert not hanging.fails()


async def test_each_content_is_run_once_and_leaves_the_base_alone(task: PublicTask, sandbox: Sandbox) -> None:
    base = ForkedBase(sandbox, task.test_runner)
    before = await sandbox.diff()
    same, again = await asyncio.gather(base.run("test_a.py", LOUD), base.run("test_a.py", LOUD))
    assert same is again
    assert await base.run("test_a.py", LOUD) is same
    assert await base.run("test_a.py", LOUD, take=1) is not same
    assert await sandbox.diff() == before
