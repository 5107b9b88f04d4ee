"""Fetching the images of instances beforehand, a few at a time; those already here are left alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from agent.messages import Value
from envs.sources import Source
from envs.sources.images import image_of
from runs.apart import apart
from sandbox.base import ImageError
from sandbox.docker.images import Registry, look_up, pull

if TYPE_CHECKING:
    from docker import DockerClient

State = Literal["here", "missing", "pulled", "failed"]
Tell = Callable[[str], None]


class Pulled(Value):
    """What became of one image: `missing` is one that was only looked for."""

    image: str
    instances: tuple[str, ...]
    state: State
    seconds: float = 0.0
    message: str = ""

    def line(self) -> str:
        """Return it for people."""
        users = f"{len(self.instances)} instance{'s' * (len(self.instances) != 1)}"
        told = {
            "here": f"here     {self.image} ({users})",
            "missing": f"missing  {self.image} ({users})",
            "pulled": f"pulled   {self.image} ({users}, {self.seconds:.1f} s)",
            "failed": f"FAILED   {self.image}: {self.message}",
        }
        return told[self.state]


async def images_of(source: Source, ids: Sequence[str], home: Path) -> Mapping[str, tuple[str, ...]]:
    """Return the images that instances need, each once, with the instances that share it.

    Raises:
        TaskError: an instance cannot be read.
    """
    found: dict[str, list[str]] = {}
    for instance_id in ids:
        if image := await image_of(source, instance_id, home):
            found.setdefault(image, []).append(instance_id)
    return {image: tuple(users) for image, users in found.items()}


async def pull_all(
    engine: DockerClient,
    images: Mapping[str, Sequence[str]],
    registry: Registry,
    tell: Tell,
    *,
    parallel: int,
    dry: bool = False,
) -> AsyncIterator[Pulled]:
    """Pull images and yield what became of each as it comes; one that fails does not stop the others.

    Args:
        engine: the Docker engine.
        images: see `images_of`.
        registry: where from.
        tell: is told of tries that failed.
        parallel: images at one time.
        dry: only look which are here.
    """
    slots = asyncio.Semaphore(parallel)

    async def one(image: str, users: Sequence[str]) -> Pulled:
        async with slots:
            return await apart(
                lambda: _pull(engine, image, tuple(users), registry, tell, dry=dry), "mangabey-pull"
            )

    tasks = [asyncio.create_task(one(image, users)) for image, users in images.items()]
    try:
        for next_one in asyncio.as_completed(tasks):
            yield await next_one
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def troubles(name: str, tell: Tell) -> Tell:
    """Return what passes on what goes wrong with a pull, and not the engine's own words on its progress."""

    def told(line: str) -> None:
        if not line.startswith(f"{name}: "):
            tell(line)

    return told


def _pull(
    engine: DockerClient, image: str, users: tuple[str, ...], registry: Registry, tell: Tell, *, dry: bool
) -> Pulled:
    began = time.monotonic()
    name = registry.full_name(image)
    try:
        if look_up(engine, image, registry) is not None:
            return Pulled(image=name, instances=users, state="here")
        if dry:
            return Pulled(image=name, instances=users, state="missing")
        pull(engine, name, registry, troubles(name, tell))
    except ImageError as error:
        message = " ".join(str(error).split())
        return Pulled(image=name, instances=users, state="failed", message=message)
    return Pulled(image=name, instances=users, state="pulled", seconds=round(time.monotonic() - began, 1))
