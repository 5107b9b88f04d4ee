"""Reading a file of another agent; which agent's it is shows in its content."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agent.foreign.mini import MiniFile
from agent.foreign.swe_agent import SweAgentFile
from agent.trajectory import Trajectory


class TrajectoryFileError(ValueError):
    """A file is no trajectory, or a damaged one; the message says in one line what is wrong."""


def read_trajectory(path: Path) -> Trajectory:
    """Return the trajectory in a file of mini-swe-agent or SWE-agent.

    Actions become calls of our tools where these mean the same; any other action is the turn's `foreign`
    one. `diff` is what was submitted, `usage` and `cost` what the file says, `seconds` wall time for
    mini-swe-agent and the commands' time for SWE-agent.

    Raises:
        TrajectoryFileError: the file cannot be read, or is no such trajectory.
    """
    return read_with_opening(path)[0]


def read_with_opening(path: Path) -> tuple[Trajectory, str]:
    """Return the trajectory, and what the agent was told at first.

    Raises:
        TrajectoryFileError: see `read_trajectory`.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise TrajectoryFileError(f"cannot read {path}: {error.strerror}") from error
    try:
        data = _object(json.loads(raw))
    except (ValueError, RecursionError) as error:
        raise TrajectoryFileError(f"{path} is no JSON: {' '.join(str(error).split())[:200]}") from error
    if not _is_of(data, "trajectory") and not _is_of(data, "messages"):
        raise TrajectoryFileError(f"{path} is no trajectory of mini-swe-agent or SWE-agent")
    try:
        if _is_of(data, "trajectory"):
            return SweAgentFile.model_validate(data).imported()
        return MiniFile.model_validate(data).trajectory()
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise TrajectoryFileError(f"{path} is a damaged trajectory: {where}: {first['msg']}") from error


def is_foreign(path: Path) -> bool:
    """Whether a file is one object with messages or steps, and not lines of events as our journals are.

    A file that cannot be read, or is torn, goes by its name.
    """
    named = path.name.endswith((".traj", ".traj.json"))
    if named or not path.is_file():
        return named
    try:
        data = _object(json.loads(path.read_bytes()))
    except (OSError, ValueError, RecursionError):
        return False
    return _is_of(data, "trajectory") or _is_of(data, "messages")


def _object(data: Any) -> Any:
    """Return what a file holds; the first mini-swe-agents wrote the messages alone."""
    if isinstance(data, list) and data and all(isinstance(one, dict) and "role" in one for one in data):
        return {"messages": data}
    return data


def _is_of(data: Any, name: str) -> bool:
    return isinstance(data, dict) and isinstance(data.get(name), list)
