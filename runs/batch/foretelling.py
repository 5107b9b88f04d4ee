"""What a batch would do and may need, before anything is done; what is not known is said to be so."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from agent.messages import Value
from envs.task import TaskError
from runs.batch.disk import ImagesNeeded, mean_record, weigh
from runs.batch.order import check_drift
from runs.batch.outcome import Outcome, read_outcomes
from runs.batch.plan import Plan, machine_line, mean
from runs.purse import Spending
from runs.recipe import Recipe
from sandbox.base import SandboxError
from sandbox.docker.images import Registry
from sandbox.sizing import this_machine

_SHOWN = 10


class Foretold(Value):
    """What would run, which images it needs, and estimates from the issues that are done in the same folder.

    Attributes:
        drift: why the folder is not gone on with, see `runs.batch.order.check_drift`.
        missing_images: None where it cannot be told which are missing; `images_note` says why.
        images_gb: what those may take; `images_told` counts the sizes that the registry told.
        record_gb: what the issues still to do will record.
        priced: issues that are done in the folder, chosen or not, and whose price is known.
        drawn: trajectories of an issue that is done.
        each: trajectories of one that is still to do.
    """

    drift: tuple[str, ...]
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
    images_gb: float | None
    images_told: int
    record_gb: float | None
    priced: int
    drawn: float | None
    each: float
    dollars: float | None
    tokens: float | None
    hours: float | None

    def lines(self) -> list[str]:
        """Return it for people."""
        more = len(self.waiting) - _SHOWN
        names = ", ".join(self.waiting[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
        drift = [f"drift       {line}" for line in self.drift]
        return [
            *drift,
            f"issues      {len(self.waiting)} of {self.chosen} to do: {names or 'none'}",
            f"done        {self.done}, and {self.failed} failed by infrastructure, which come again",
            f"side        {self.parallel} issues, {self.sandboxes} trajectories, {self.tests} test commands",
            f"machine     {self.machine}",
            f"work        {self.trajectories} trajectories, {self.calls_at_most:,} model calls at most",
            f"images      {self._images()}",
            f"money       {self._money()}",
            f"tokens      {self._guess(self.tokens, '{:,.0f}')}",
            f"disk        {self._disk()}",
            f"time        {self._guess(self.hours, '{:.1f} hours')}",
        ]

    def _images(self) -> str:
        if not self.images:
            return "none needed from a registry"
        size = "" if self.here_gb is None else f", {self.here_gb:.1f} GB of them here"
        if self.missing_images is None:
            return f"{self.images} needed; which are missing is unknown: {self.images_note}"
        missing = f"{len(self.missing_images)} missing" if self.missing_images else "all here"
        return f"{self.images} needed, {missing}{size}"

    def _disk(self) -> str:
        """Return what images and records may take; sizes of images count what they share each time."""
        come = self.images if self.missing_images is None else len(self.missing_images)
        if self.images_gb is None:
            images = "images unknown: no registry tells a size"
        elif come:
            mean = ", the others by the mean of those known" if come > self.images_told else ""
            told = f"{self.images_told} of {come} sizes told by the registry{mean}"
            images = f"images {self.images_gb:.1f} GB at most ({told})"
        else:
            images = "no images to fetch"
        return f"{images}; records {self._guess(self.record_gb, '{:.2f} GB')}"

    def _money(self) -> str:
        if self.dollars is None:
            return "unknown: no issue in this folder has a known price yet"
        return f"${self.dollars:.2f}, by the mean of the {self.priced} issues done{self._scaled()}"

    def _scaled(self) -> str:
        if self.drawn is None or self.drawn == self.each:
            return ""
        return f", scaled from {self.drawn:g} to {self.each:g} trajectories"

    def _guess(self, value: float | None, shape: str) -> str:
        return (
            "unknown: no issue in this folder is done yet"
            if value is None
            else f"{shape.format(value)}, likewise"
        )


async def foretell(plan: Plan, folder: Path, home: Path) -> Foretold:
    """Return what a plan would do; images are looked for and not fetched.

    Raises:
        UsageError: the folder holds another kind of run, or is no folder.
    """
    drift = check_drift(folder, plan.order)
    plan, machine = await _where(plan)
    done = [one for one in await asyncio.to_thread(read_outcomes, folder) if one.is_final]
    priced = [one for one in done if _priced(one.spent)]
    chosen_done = sum(one.is_final for one in plan.known.values())
    left, recipe = len(plan.waiting), plan.order.recipe
    registry = Registry.from_environment()
    images = await _images(plan, home, registry)
    weighed = await asyncio.to_thread(weigh, images, registry)
    record = await asyncio.to_thread(mean_record, folder, [one.instance_id for one in done])
    drawn, each = mean([float(_drawn(one)) for one in done]), _each(done, recipe)
    return Foretold(
        drift=drift,
        chosen=len(plan.chosen),
        done=chosen_done,
        failed=len(plan.known) - chosen_done,
        waiting=plan.waiting,
        parallel=plan.parallel,
        sandboxes=plan.sandboxes,
        tests=plan.tests,
        trajectories=left * sum(crew.samples for crew in recipe.crews),
        calls_at_most=left * recipe.calls_at_most(),
        machine=machine,
        images=len(images.names),
        missing_images=images.missing,
        images_note=images.note,
        here_gb=sum(images.here.values()) / 1e9 if images.names and images.missing is not None else None,
        images_gb=_within(weighed.total / 1e9, plan.order.disk_budget) if weighed else None,
        images_told=weighed.told if weighed else 0,
        record_gb=_times(record, left * _ratio(drawn, each) / 1e9),
        priced=len(priced),
        drawn=drawn,
        each=each,
        dollars=_scaled([(one.spent.dollars, one) for one in priced], each, left),
        tokens=_scaled([(float(one.spent.tokens), one) for one in done], each, left),
        hours=_hours(done, each, recipe.parallel, max(min(left, 1), left / plan.parallel)),
    )


async def _where(plan: Plan) -> tuple[Plan, str]:
    """Return a plan with what goes on side by side where its issues run, and that place in one line.

    Raises:
        UsageError: no cluster answers.
    """
    order = plan.order
    if order.executor == "local":
        return plan, machine_line(this_machine())
    from runs.batch.ray_cluster import carrying, connected, issues_on, nodes_of_cluster, share_of

    async with connected(order.address):
        nodes = await asyncio.to_thread(nodes_of_cluster)
    share = share_of(nodes, order.recipe)
    able = carrying(nodes, share)
    parallel = order.parallel or max(1, issues_on(nodes, share))
    most = parallel * share.trajectories
    sandboxes = min(most, order.sandboxes * len(able)) if order.sandboxes else most
    tests = sum(order.tests or max(2, int(node.get("CPU", 0))) for node in able)
    words = f"{len(able)} of {len(nodes)} nodes of a cluster carry issues, each takes {share.words()}"
    return replace(plan, parallel=parallel, sandboxes=sandboxes, tests=tests), words


def _drawn(outcome: Outcome) -> int:
    """Return the trajectories that an issue took."""
    return sum(outcome.endings.values())


def _each(done: Sequence[Outcome], recipe: Recipe) -> float:
    """Return the trajectories that an issue will take: all, or as many as others took that drew in rounds."""
    most = float(sum(crew.samples for crew in recipe.crews))
    found = mean([float(_drawn(one)) for one in done])
    return most if recipe.rounds is None or not found else min(most, found)


def _ratio(drawn: float | None, each: float) -> float:
    return each / drawn if drawn else 1.0


def _scaled(known: Sequence[tuple[float, Outcome]], each: float, left: int) -> float | None:
    """Return what issues will take, from what others took, in proportion to their trajectories."""
    return _times(mean([value * _ratio(_drawn(one), each) for value, one in known]), left)


def _hours(done: Sequence[Outcome], each: float, parallel: int, turns: float) -> float | None:
    """Return wall time; trajectories of an issue that run side by side take no longer together."""

    def waves(trajectories: float) -> int:
        return max(1, math.ceil(trajectories / parallel))

    seconds = mean([one.seconds * waves(each) / waves(_drawn(one) or each) for one in done])
    return _times(seconds, turns / 3600)


def _priced(spent: Spending) -> bool:
    return spent.steps > 0 and not spent.unpriced


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _within(value: float, most: float | None) -> float:
    return value if most is None else min(value, most)


async def _images(plan: Plan, home: Path, registry: Registry) -> ImagesNeeded:
    """Return the images that are needed, and those that are here, as far as the engine tells."""
    from runs.pulling import images_of

    try:
        found = await images_of(plan.source, plan.waiting, home)
    except TaskError as error:
        return ImagesNeeded(missing=None, note=str(error))
    if not found:
        return ImagesNeeded()
    names = tuple(map(registry.full_name, found))
    if plan.order.executor != "local":
        return ImagesNeeded(names=names, missing=None, note="each node of a cluster has its own")
    try:
        here = await asyncio.to_thread(_look, tuple(found), registry)
    except (SandboxError, OSError) as error:
        return ImagesNeeded(names=names, missing=None, note=" ".join(str(error).split()))
    return ImagesNeeded(names=names, missing=tuple(one for one in names if one not in here), here=here)


def _look(images: Sequence[str], registry: Registry) -> dict[str, int]:
    """Return the bytes of the images that are here, by full name."""
    from sandbox.docker.images import look_up
    from sandbox.docker.vessel import connect

    engine, found = connect(), {}
    try:
        for image in images:
            if known := look_up(engine, image, registry):
                found[registry.full_name(image)] = int(engine.images.get(known).attrs.get("Size", 0))
    finally:
        engine.close()
    return found
