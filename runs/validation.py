"""Validating tasks: hidden tests fail before the fix and pass after it, shown by running them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from agent.messages import Value
from envs.sources.base import Source
from envs.task import TaskError
from envs.validate import validate
from runs.base_room import BaseRoom
from runs.recipe import Recipe
from sandbox.base import SandboxError


class Soundness(Value):
    """Whether one task is sound, what is wrong with it, and which tests say nothing of a patch here.

    `failure` is why it could not be found out: an engine that does not answer, an image that is missing.
    """

    task: str
    sound: bool
    failure: str = ""
    problems: tuple[str, ...]
    set_aside: tuple[str, ...]
    seconds: float

    def line(self) -> str:
        """Return it for people, with a line for each problem and test."""
        state = "FAILED " if self.failure else "sound  " if self.sound else "UNSOUND"
        head = f"{state} {self.task:<32} {self.seconds:5.1f} s"
        failure = (self.failure,) if self.failure else ()
        aside = (f"fails with the fix too, set aside: {test}" for test in self.set_aside)
        return "\n".join([head, *(f"        {line}" for line in (*failure, *self.problems, *aside))])


async def validate_all(
    source: Source, ids: Sequence[str], recipe: Recipe, home: Path
) -> AsyncIterator[Soundness]:
    """Validate tasks, `recipe.parallel` at a time, and yield each result as it comes.

    A task that cannot be made is unsound and does not keep the others from being looked at.
    """
    slots = asyncio.Semaphore(recipe.parallel)

    async def one(instance_id: str) -> Soundness:
        async with slots:
            return await _validate(source, instance_id, recipe, home)

    tasks = [asyncio.create_task(one(instance_id)) for instance_id in ids]
    try:
        for next_one in asyncio.as_completed(tasks):
            yield await next_one
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _validate(source: Source, instance_id: str, recipe: Recipe, home: Path) -> Soundness:
    began = time.monotonic()
    problems: tuple[str, ...] = ()
    aside: tuple[str, ...] = ()
    failure = ""
    try:
        task, repository = await source.load(instance_id, home)
        async with BaseRoom(task, repository, recipe, home) as room:
            found = await validate(task, await room.prepared(), await room.host(), room.limits)
        problems, aside = found.problems, found.set_aside
    except TaskError as error:
        problems = (" ".join(str(error).split()),)
    except SandboxError as error:
        failure = " ".join(str(error).split())
    return Soundness(
        task=instance_id,
        sound=not problems and not failure,
        failure=failure,
        problems=problems,
        set_aside=aside,
        seconds=time.monotonic() - began,
    )
