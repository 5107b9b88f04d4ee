"""The kinds of trajectory by name: each takes an `Assignment` and returns a `Trajectory`."""

from collections.abc import Awaitable, Callable, Mapping

from agent.assignment import Assignment
from agent.kinds.refiner import run_refiner
from agent.kinds.test_and_edit import run_test_and_edit
from agent.kinds.tester import run_tester
from agent.kinds.tool_agent import run_agent
from agent.trajectory import Trajectory

Kind = Callable[[Assignment], Awaitable[Trajectory]]

KINDS: Mapping[str, Kind] = {
    "tool-agent": run_agent,
    "test-and-edit": run_test_and_edit,
    "tester": run_tester,
    "refiner": run_refiner,
}

__all__ = ["KINDS", "Kind", "run_agent", "run_refiner", "run_test_and_edit", "run_tester"]
