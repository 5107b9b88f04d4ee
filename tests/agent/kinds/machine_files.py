"""Pieces of tests of the test-and-edit machine: replies, and how a trajectory is played."""

from __future__ import annotations

from typing import Any

from agent.assignment import Assignment
from agent.base_runs import BaseRun, ForkedBase
from agent.budget import Budget
from agent.dialect import render_call
from agent.kinds.test_and_edit import MachineSettings, run_test_and_edit
from agent.messages import Reply, ToolCall
from agent.models.base import Model
from agent.shelf import SharedTest
from agent.tape import MemoryTape, Tape
from agent.trajectory import Trajectory
from envs.task import PublicTask
from sandbox.base import Sandbox

CONTEXT = "shapes.py:11-12 method Rectangle.area\n\nExisting test files:\ntests/test_shapes.py"
TEST_PATH = "tests/test_area.py"
FAILING = (
    "from shapes import Rectangle\n\n\n"
    "def test_area():\n    assert Rectangle(2, 3).area() == 6\n\n\n"
    "def test_width_stays():\n    assert Rectangle(2, 3).width == 2\n"
)
TEST = {"path": TEST_PATH, "content": FAILING}
OLD = "        return self.width + self.height"
NEW = "        return self.width * self.height"


def block(old: str, new: str, path: str = "shapes.py") -> str:
    """Return a SEARCH/REPLACE block."""
    middle = [old] if old else []
    after = [new] if new else []
    return "\n".join([path, "<<<<<<< SEARCH", *middle, "=======", *after, ">>>>>>> REPLACE"])


FIX = {"changes": block(OLD, NEW)}


def call(name: str, **arguments: Any) -> Reply:
    """Return a reply with one native call."""
    made = ToolCall(id="id0", name=name, arguments=arguments)
    return Reply(tool_calls=(made,), finish_reason="tool_calls")


def text(name: str, **arguments: Any) -> Reply:
    """Return a reply with one call in the text dialect."""
    return Reply(text=render_call(name, arguments))


SOLVING = [
    call("look", what="shapes.py"),
    call("write_test", **TEST),
    call("done", message="5 for 6"),
    call("edit", **FIX),
    call("done", message="area multiplies"),
]


async def play(
    task: PublicTask,
    sandbox: Sandbox,
    model: Model,
    *,
    tape: Tape | None = None,
    settings: MachineSettings | None = None,
    **options: Any,
) -> Trajectory:
    """Let a model go through the machine."""
    given = {"context": CONTEXT, "budget": Budget(steps=40, seconds=900)} | options
    return await run_test_and_edit(Assignment(task, sandbox, model, tape or MemoryTape(), **given), settings)


def said(trajectory: Trajectory) -> list[tuple[str, str]]:
    """Return each action's status and text."""
    return [(seen.status, seen.text) for turn in trajectory.turns for seen in turn.observations]


PROVE = [call("write_test", **TEST), call("done")]
SKIP = [call("no_test", reason="nothing can be shown")]
NEVER = {"path": "tests/test_other.py", "content": "def test_no():\n    assert False\n"}


class Shelf:
    """A shelf with given tests on it, that remembers what is put."""

    def __init__(self, *tests: SharedTest) -> None:
        self.on_it = list(tests)
        self.put_there: list[SharedTest] = []

    def tests(self) -> tuple[SharedTest, ...]:
        return tuple(self.on_it)

    async def put(self, test: SharedTest) -> None:
        self.put_there.append(test)


class CountingBase:
    """Runs on the base, and how often each was asked for."""

    def __init__(self, base: ForkedBase) -> None:
        self.base = base
        self.asked: list[tuple[str, int]] = []

    async def run(self, path: str, content: str, *, take: int = 0) -> BaseRun:
        self.asked.append((path, take))
        return await self.base.run(path, content, take=take)
