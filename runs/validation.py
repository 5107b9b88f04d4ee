"""Validating tasks: hidden tests fail before the fix and pass after it, shown by running them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from agent.messages import Value
from envs.sources import task_ids
from envs.task import TaskError
from envs.validate import validate
from runs.base_room import BaseRoom
from runs.recipe import Recipe
from sandbox.base import SandboxError
from sandbox.home import default_home


class Soundness(Value):
    """Whether one task is sound, and what is wrong where it is not."""

    task: str
    sound: bool
    problems: tuple[str, ...]
    seconds: float


async def validate_all(
    names: Sequence[str], suite: Path | None, sandbox: str, show: Callable[[str], None] | None
) -> list[Soundness]:
    """Validate the named tasks, all of the suite when none is named, one after the other.

    A task that cannot be made is unsound and does not keep the others from being looked at.
    """
    found = []
    for name in names or task_ids(suite):
        found.append(await _validate(name, suite, sandbox))
        if show is not None:
            show(_line(found[-1]))
    return found


async def _validate(name: str, suite: Path | None, sandbox: str) -> Soundness:
    from envs.sources import find_task

    began = time.monotonic()
    home = default_home()
    recipe = Recipe.model_validate({"sandbox": sandbox})
    try:
        task, repository = await find_task(name, home, suite)
        async with BaseRoom(task, repository, recipe, home) as room:
            problems = (await validate(task, await room.root(), await room.host())).problems
    except (TaskError, SandboxError) as error:
        problems = (" ".join(str(error).split()),)
    return Soundness(task=name, sound=not problems, problems=problems, seconds=time.monotonic() - began)


def _line(one: Soundness) -> str:
    head = f"{'sound  ' if one.sound else 'UNSOUND'} {one.task:<32} {one.seconds:5.1f} s"
    return "\n".join([head, *(f"        {problem}" for problem in one.problems)])
