"""What a batch would do and may need, before anything is done; what is not known is said to be so."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from agent.messages import Value
from envs.task import TaskError
from runs.batch.plan import Plan, machine_line, mean
from runs.purse import Spending
from sandbox.base import SandboxError
from sandbox.sizing import this_machine

_SHOWN = 10


class Foretold(Value):
    """What would run, which images it needs, and estimates from the issues that are done in the same folder.

    `missing_images` is None where it cannot be told which are missing, and `images_note` says why.
    """

    chosen: int
    done: int
    failed: int
    waiting: tuple[str, ...]
    parallel: int
    sandboxes: int
    tests: int
    trajectories: int
    calls_at_most: int
    machine: str
    images: int
    missing_images: tuple[str, ...] | None
    images_note: str
    here_gb: float | None
    dollars: float | None
    tokens: float | None
    hours: float | None

    def lines(self) -> list[str]:
        """Return it for people."""
        more = len(self.waiting) - _SHOWN
        names = ", ".join(self.waiting[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
        return [
            f"issues      {len(self.waiting)} of {self.chosen} to do: {names or 'none'}",
            f"done        {self.done}, and {self.failed} failed by infrastructure, which come again",
            f"side        {self.parallel} issues, {self.sandboxes} trajectories, {self.tests} test commands",
            f"machine     {self.machine}",
            f"work        {self.trajectories} trajectories, {self.calls_at_most:,} model calls at most",
            f"images      {self._images()}",
            f"money       {self._money()}",
            f"tokens      {self._guess(self.tokens, '{:,.0f}')}",
            f"time        {self._guess(self.hours, '{:.1f} hours')}",
        ]

    def _images(self) -> str:
        if not self.images:
            return "none needed from a registry"
        size = "" if self.here_gb is None else f", {self.here_gb:.1f} GB of them here"
        if self.missing_images is None:
            return f"{self.images} needed; which are missing is unknown: {self.images_note}"
        missing = f"{len(self.missing_images)} missing" if self.missing_images else "all here"
        disk = "; their size is unknown until they are fetched" if self.missing_images else ""
        return f"{self.images} needed, {missing}{size}{disk}"

    def _money(self) -> str:
        if self.dollars is None:
            return "unknown: no issue in this folder has a known price yet"
        return f"${self.dollars:.2f}, by the mean of the {self.done} issues done"

    def _guess(self, value: float | None, shape: str) -> str:
        return (
            "unknown: no issue in this folder is done yet"
            if value is None
            else f"{shape.format(value)}, likewise"
        )


async def foretell(plan: Plan, folder: Path, home: Path) -> Foretold:
    """Return what a plan would do; images are looked for and not fetched."""
    done = [one for one in plan.known.values() if one.is_final]
    left, recipe = len(plan.waiting), plan.order.recipe
    images, missing, note, here = await _images(plan, home)
    seconds = mean([one.seconds for one in done])
    return Foretold(
        chosen=len(plan.chosen),
        done=len(done),
        failed=len(plan.known) - len(done),
        waiting=plan.waiting,
        parallel=plan.parallel,
        sandboxes=plan.sandboxes,
        tests=plan.tests,
        trajectories=left * sum(crew.samples for crew in recipe.crews),
        calls_at_most=left * recipe.calls_at_most(),
        machine=machine_line(this_machine()),
        images=images,
        missing_images=missing,
        images_note=note,
        here_gb=here,
        dollars=_times(mean([one.spent.dollars for one in done if _priced(one.spent)]), left),
        tokens=_times(mean([float(one.spent.tokens) for one in done]), left),
        hours=_times(seconds, left / plan.parallel / 3600),
    )


def _priced(spent: Spending) -> bool:
    return spent.steps > 0 and not spent.unpriced


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


async def _images(plan: Plan, home: Path) -> tuple[int, tuple[str, ...] | None, str, float | None]:
    """Return how many images are needed, which are missing or why nobody knows, and the others' size."""
    from runs.pulling import images_of

    try:
        needed = await images_of(plan.source, plan.waiting, home)
    except TaskError as error:
        return 0, None, str(error), None
    if not needed:
        return 0, (), "", None
    try:
        missing, size = await asyncio.to_thread(_look, needed)
    except (SandboxError, OSError) as error:
        return len(needed), None, " ".join(str(error).split()), None
    return len(needed), missing, "", size / 1e9


def _look(needed: Mapping[str, object]) -> tuple[tuple[str, ...], int]:
    """Return which images are not here, and the bytes of those that are."""
    from sandbox.docker.images import Registry, look_up
    from sandbox.docker.vessel import connect

    engine, registry = connect(), Registry.from_environment()
    missing, size = [], 0
    try:
        for image in needed:
            known = look_up(engine, image, registry)
            if known is None:
                missing.append(registry.full_name(image))
            else:
                size += int(engine.images.get(known).attrs.get("Size", 0))
    finally:
        engine.close()
    return tuple(missing), size
