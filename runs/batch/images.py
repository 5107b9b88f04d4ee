"""Images ahead of need, and off the disk behind it: fetched for the next issues, removed after their last."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from threading import Event
from typing import TYPE_CHECKING, TypeVar

from envs.sources import Source
from envs.sources.images import NamesImages
from runs.apart import apart
from runs.batch.sizes import Here, Sizes
from runs.pulling import troubles
from sandbox.base import SandboxError
from sandbox.docker.images import Registry, digest_of, look_up, pull, remove_built_on, whole_name
from sandbox.slots import Slots

if TYPE_CHECKING:
    from docker import DockerClient

Say = Callable[[str], None]
T = TypeVar("T")


class ImageRoom:
    """The images of a queue of issues on one engine; see `runs.batch.queue.Room`.

    An image is fetched before its issue begins; those of the next issues meanwhile, where the budget holds
    them too. After its last queued use an image is removed where all together take more than the budget, with
    what was built on it. One that no issue under way uses makes room for one that is needed now: first such
    as no issue needs, then that which is needed last. One that no registry has is never removed, nor one to
    which somebody has given a name.

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
        self._waiting = list(names)
        self._running: Counter[str] = Counter()
        self._slots = slots
        self._ahead = ahead
        self._budget = budget
        self._say = say
        self._registry = Registry.from_environment()
        self._pulls: dict[str, asyncio.Task[bool]] = {}
        self._coming: set[str] = set()
        self._sizes: Sizes | None = None
        self._removing = asyncio.Lock()
        self._closed = Event()

    async def before(self, instance_id: str) -> None:
        """Have an issue's image here; one that cannot be had fails its issue when that begins."""
        image = self._names.get(instance_id)
        if image is None:
            return
        if instance_id in self._waiting:
            self._waiting.remove(instance_id)
        self._running[image] += 1
        fetched = False
        while not fetched:  # where it came ahead, and there was no room for that
            fetched = await asyncio.shield(self._begun(image))
        self._fetch_ahead()

    async def after(self, instance_id: str, *, again: bool) -> None:
        """Remove an issue's image after its last use, where room is needed."""
        image = self._names.get(instance_id)
        if image is None:
            return
        self._running[image] -= 1
        if again:
            self._waiting.append(instance_id)
            self._pulls.pop(image, None)  # what could not be fetched is tried anew
        if self._budget is None:
            return
        async with self._removing:
            sizes = await self._measured()
            sizes.note(image, await self._apart(lambda: self._found(image)))  # its issue may have fetched it
            if image in self._unneeded() and self._taken(sizes) > self._budget:
                await self._remove(sizes, image)

    async def close(self) -> None:
        """Leave what is being fetched."""
        self._closed.set()
        for task in self._pulls.values():
            task.cancel()
        await asyncio.gather(*self._pulls.values(), return_exceptions=True)

    def _begun(self, image: str) -> asyncio.Task[bool]:
        """Return the fetching of an image, begun where it was not; it gives whether it was tried."""
        if image not in self._pulls:
            self._coming.add(image)
            self._pulls[image] = asyncio.create_task(self._pull(image), name=f"pull {image}")
        return self._pulls[image]

    def _fetch_ahead(self) -> None:
        """Begin to fetch the images of the next issues, as far as the budget holds them beside what stays."""
        for image in [self._names[one] for one in self._waiting[: self._ahead]]:
            if image in self._pulls:
                continue
            if not self._fits(image):
                return
            self._begun(image)

    def _fits(self, image: str) -> bool:
        if self._budget is None:
            return True
        if self._sizes is None or (size := self._sizes.expected(image)) is None:
            return False
        if image in self._sizes.here:
            return True
        needed = {*self._queued(), *+self._running}
        return self._sizes.of(needed) + self._expected(self._sizes) + size <= self._budget

    async def _pull(self, image: str) -> bool:
        """Fetch an image unless the room for it is missing and it is not needed yet; return whether."""
        try:
            async with self._slots.turn():
                if not await self._make_room(image):
                    self._pulls.pop(image, None)
                    return False
                try:
                    await self._apart(lambda: self._fetch(image))
                except (SandboxError, OSError) as error:
                    self._say(f"{image}: {' '.join(str(error).split())}")
            if self._budget is not None:
                sizes = await self._measured()
                sizes.note(image, await self._apart(lambda: self._found(image)))
        finally:
            self._coming.discard(image)
        return True

    def _fetch(self, image: str) -> None:
        if look_up(self._engine, image, self._registry) is None:
            name = self._registry.full_name(image)
            pull(self._engine, name, self._registry, troubles(name, self._say), given_up=self._closed)

    async def _make_room(self, image: str) -> bool:
        """Remove what nobody uses now until an image fits; return whether it may come."""
        if self._budget is None:
            return True
        async with self._removing:
            sizes = await self._measured()
            idle = self._unneeded()
            if self._running[image]:
                queued = self._queued()
                idle += sorted(set(self._idle()) & set(queued), key=queued.index, reverse=True)
            for one in idle:
                if self._taken(sizes) <= self._budget:
                    break
                await self._remove(sizes, one)
            return self._running[image] > 0 or self._taken(sizes) <= self._budget

    async def _remove(self, sizes: Sizes, image: str) -> None:
        self._pulls.pop(image, None)
        if image in sizes.here and await self._apart(lambda: self._removed(image)):
            sizes.forget(image)

    def _removed(self, image: str) -> bool:
        """Remove what was built on an image, then the image itself; return whether it is gone."""
        from docker.errors import DockerException

        try:
            known = look_up(self._engine, image, self._registry)
            if known is None:
                return True
            if not digest_of(self._engine, known):
                return False
            if others := self._other_names(known):
                self._say(f"{image} stays: it is {', '.join(others)}, too")
                return False
            remove_built_on(self._engine, known, tell=self._say)
            self._engine.images.remove(known, force=True)
        except (DockerException, SandboxError, OSError) as error:
            self._say(f"{image} stays: {' '.join(str(error).split())}")
            return False
        self._say(f"removed the image {image}: no issue under way needs it")
        return True

    def _other_names(self, known: str) -> list[str]:
        """Return the names of an image that are not the data set's: somebody has given it them."""
        ours = {whole_name(one) for one in self._names.values()}
        ours |= {whole_name(self._registry.full_name(one)) for one in self._names.values()}
        return [tag for tag in self._engine.images.get(known).tags if whole_name(tag) not in ours]

    def _queued(self) -> list[str]:
        """Return the images of issues that wait, in their order."""
        return [self._names[one] for one in self._waiting]

    def _idle(self) -> list[str]:
        """Return the images that are here and that no issue under way uses, by whatever name."""
        return self._here_but({*+self._running, *self._coming})

    def _unneeded(self) -> list[str]:
        """Return those of them that no issue in the queue needs either."""
        return self._here_but({*+self._running, *self._coming, *self._queued()})

    def _here_but(self, names: set[str]) -> list[str]:
        """Return the images that are here, but for those of some names and the same ones by other names."""
        here = self._sizes.here if self._sizes is not None else {}
        kept = {here[one].id for one in names if one in here}
        return [one for one, found in here.items() if one not in names and found.id not in kept]

    def _taken(self, sizes: Sizes) -> int:
        """Return the bytes of all images that are here or come."""
        return sizes.of(sizes.here) + self._expected(sizes)

    def _expected(self, sizes: Sizes) -> int:
        """Return the bytes of images that come."""
        return sum(sizes.expected(one) or 0 for one in self._coming if one not in sizes.here)

    async def _measured(self) -> Sizes:
        """Return what images take, having looked at all of the data set's once."""
        if self._sizes is None:
            sizes = Sizes()
            names = dict.fromkeys(self._names.values())
            for image, found in zip(
                names, await self._apart(lambda: [self._found(one) for one in names]), strict=True
            ):
                sizes.note(image, found)
            self._sizes = self._sizes or sizes
        return self._sizes

    def _found(self, image: str) -> Here | None:
        """Return an image as it is here, None where it is not, or nobody can say."""
        from docker.errors import DockerException

        with suppress(DockerException, SandboxError, OSError):
            if known := look_up(self._engine, image, self._registry):
                return Here(known, int(self._engine.images.get(known).attrs.get("Size", 0)))
        return None

    async def _apart(self, call: Callable[[], T]) -> T:
        """Ask the engine, which may take its time: nobody waits for it once the batch is stopped."""
        return await apart(call, "mangabey-images")


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
