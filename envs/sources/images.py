"""Which image an instance needs, told without fetching the instance where its source can."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

from envs.sources.base import Source


@runtime_checkable
class NamesImages(Protocol):
    """What a source may offer beside `Source`."""

    def image_of(self, instance_id: str) -> str | None:
        """Return the name of the image that a task runs in; None where it needs none, or one made here.

        Raises:
            TaskError: there is no such task.
        """


async def image_of(source: Source, instance_id: str, home: Path) -> str | None:
    """Return the name of the image that a task runs in; None where it needs none, or one made here.

    Raises:
        TaskError: there is no such task, or it cannot be fetched.
    """
    if isinstance(source, NamesImages):
        return source.image_of(instance_id)
    task, _ = await source.load(instance_id, home)
    return task.environment.image
