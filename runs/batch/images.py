"""Images ahead of need, and off the disk behind it: fetched for the next issues, removed after their last."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from envs.sources import Source
from envs.sources.images import NamesImages
from sandbox.base import SandboxError
from sandbox.docker.images import Registry, digest_of, look_up, pull, remove_built_on
from sandbox.slots import Slots

if TYPE_CHECKING:
    from docker import DockerClient

Say = Callable[[str], None]


class ImageRoom:
    """The images of a queue of issues on one engine; see `runs.batch.queue.Room`.

    An image is fetched before its issue begins, those of the next issues in the meantime. After its last
    queued use it is removed where the images of the data set take more than the budget, with what was built
    on it; one that no registry has is never removed.

    Args:
        engine: the Docker engine.
        names: the image of each issue that needs one, in the order of the queue.
        slots: bounds images that are fetched at one time.
        ahead: issues whose images are fetched ahead.
        budget: bytes that the images may take; None keeps them.
        say: is told in one line what a person should know.
    """

    def __init__(
        self,
        engine: DockerClient,
        names: dict[str, str],
        slots: Slots,
        ahead: int,
        budget: int | None,
        say: Say,
    ) -> None:
        self._engine = engine
        self._names = names
        self._order = list(names)
        self._uses = Counter(names.values())
        self._slots = slots
        self._ahead = ahead
        self._budget = budget
        self._say = say
        self._registry = Registry.from_environment()
        self._pulls: dict[str, asyncio.Task[None]] = {}

    async def before(self, instance_id: str) -> None:
        """Have an issue's image here; one that cannot be had fails its issue when that begins."""
        image = self._names.get(instance_id)
        if image is None:
            return
        here = self._order.index(instance_id)
        for one in self._order[here : here + 1 + self._ahead]:
            name = self._names[one]
            if name not in self._pulls:
                self._pulls[name] = asyncio.create_task(self._pull(name), name=f"pull {name}")
        await asyncio.shield(self._pulls[image])

    async def after(self, instance_id: str) -> None:
        """Remove an issue's image after its last use, where room is needed."""
        image = self._names.get(instance_id)
        if image is None:
            return
        self._uses[image] -= 1
        if self._uses[image] == 0 and self._budget is not None:
            await asyncio.to_thread(self._remove, image, self._budget)
            self._pulls.pop(image, None)

    async def close(self) -> None:
        """End what is being fetched ahead."""
        for task in self._pulls.values():
            task.cancel()
        await asyncio.gather(*self._pulls.values(), return_exceptions=True)

    async def _pull(self, image: str) -> None:
        async with self._slots.turn():
            try:
                await asyncio.to_thread(self._fetch, image)
            except (SandboxError, OSError) as error:
                self._say(f"{image}: {' '.join(str(error).split())}")

    def _fetch(self, image: str) -> None:
        if look_up(self._engine, image, self._registry) is None:
            pull(self._engine, self._registry.full_name(image), self._registry)

    def _remove(self, image: str, budget: int) -> None:
        """Make room: what was built on the image first, then the image itself."""
        from docker.errors import DockerException

        try:
            if self._used() <= budget:
                return
            known = look_up(self._engine, image, self._registry)
            if known is None or not digest_of(self._engine, known):
                return
            remove_built_on(self._engine, known, tell=self._say)
            self._engine.images.remove(known, force=True)
            self._say(f"removed the image {image}, which no issue in the queue needs")
        except (DockerException, SandboxError, OSError) as error:
            self._say(f"{image} stays: {' '.join(str(error).split())}")

    def _used(self) -> int:
        """Return the bytes of the data set's images that are here."""
        sizes = {}
        for image in self._uses:
            with suppress(SandboxError):
                if known := look_up(self._engine, image, self._registry):
                    sizes[known] = int(self._engine.images.get(known).attrs.get("Size", 0))
        return sum(sizes.values())


def image_names(source: Source, waiting: Sequence[str]) -> dict[str, str]:
    """Return the image of each issue that has one, as far as its source tells without loading its task."""
    if not isinstance(source, NamesImages):
        return {}
    found = {instance_id: source.image_of(instance_id) for instance_id in waiting}
    return {instance_id: image for instance_id, image in found.items() if image}


@asynccontextmanager
async def image_room(
    names: dict[str, str],
    slots: Slots,
    ahead: int,
    budget: int | None,
    say: Say,
) -> AsyncIterator[ImageRoom | None]:
    """Give what cares for the images of issues; None where none needs one, or no engine answers.

    What is given to it is told at `ImageRoom`; names come from `image_names`.
    """
    from sandbox.docker.vessel import connect

    if not names:
        yield None
        return
    try:
        engine = await asyncio.to_thread(connect)
    except (SandboxError, OSError) as error:
        say(f"images are not cared for: {' '.join(str(error).split())}")
        yield None
        return
    room = ImageRoom(engine, names, slots, ahead, budget, say)
    try:
        yield room
    finally:
        await room.close()
        engine.close()
