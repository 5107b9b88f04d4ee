"""A tiny issue's right replies, and trajectories played with them."""

from __future__ import annotations

from typing import Any

from agent.assignment import Assignment
from agent.budget import Budget
from agent.dialect import render_call
from agent.kinds import Kind, run_agent
from agent.messages import Reply, ToolCall
from agent.models.base import Model
from agent.shelf import SharedTest
from agent.tape import MemoryTape
from agent.trajectory import Trajectory
from envs.task import PublicTask
from sandbox.base import Sandbox

FIX = {"path": "shapes.py", "old": "self.width + self.height", "new": "self.width * self.height"}
TEST = {
    "path": "tests/test_area.py",
    "content": "from shapes import Rectangle\n\n\ndef test_area():\n    assert Rectangle(2, 3).area() == 6\n",
}


def calls(*actions: tuple[str, dict[str, Any]], **fields: Any) -> Reply:
    made = tuple(ToolCall(id=f"id{n}", name=name, arguments=given) for n, (name, given) in enumerate(actions))
    return Reply(tool_calls=made, finish_reason="tool_calls", **fields)


def text(*actions: tuple[str, dict[str, Any]]) -> Reply:
    return Reply(text="\n".join(render_call(name, given) for name, given in actions))


class ListShelf:
    """A shelf of given tests; what is put down is kept apart."""

    def __init__(self, *tests: SharedTest) -> None:
        self.others = tests
        self.own: list[SharedTest] = []

    def tests(self) -> tuple[SharedTest, ...]:
        return self.others

    async def put(self, test: SharedTest) -> None:
        self.own.append(test)


async def play(
    task: PublicTask,
    sandbox: Sandbox,
    model: Model,
    *,
    tape: MemoryTape | None = None,
    budget: Budget | None = None,
    kind: Kind = run_agent,
    **options: Any,
) -> Trajectory:
    return await kind(
        Assignment(
            task,
            sandbox,
            model,
            tape or MemoryTape(),
            context="shapes.py:11-12 method Rectangle.area",
            budget=budget or Budget(steps=20, seconds=240),
            **options,
        )
    )


SOLVING = [
    calls(("write_test", TEST)),
    calls(("bash", {"command": "ls tests"}), ("edit", FIX)),
    calls(("submit", {"message": "area multiplies"})),
]


def comparable(trajectory: Trajectory) -> Trajectory:
    """Return a trajectory without what the clock put into it."""
    turns = tuple(
        turn.model_copy(
            update={
                "reply": turn.reply.model_copy(update={"seconds": 0.0}),
                "observations": tuple(seen.model_copy(update={"seconds": 0.0}) for seen in turn.observations),
            }
        )
        for turn in trajectory.turns
    )
    return trajectory.model_copy(update={"seconds": 0.0, "turns": turns})
