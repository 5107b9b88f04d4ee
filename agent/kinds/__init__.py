"""The kinds of trajectory: each takes an `Assignment` and returns a `Trajectory`."""

from agent.kinds.tool_agent import run_agent

__all__ = ["run_agent"]
