"""Removing what killed processes have left on an engine: only what is ours and whose owner is dead."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.docker.containers import BOOT, EXPIRES, OWNER
from sandbox.owners import boot, is_orphan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from docker import DockerClient
    from docker.models.images import Image

_LISTINGS = 5


@dataclass(frozen=True, slots=True)
class Swept:
    """How many containers and images were removed."""

    containers: int = 0
    images: int = 0


def sweep(engine: DockerClient) -> Swept:
    """Remove containers and images of ours whose owner is dead, or that have expired.

    An engine may serve several machines: only this one's processes can be looked up, so what another
    machine owns stays until it expires.
    """
    from docker.errors import DockerException

    gone = images = 0
    try:
        left = engine.containers.list(all=True, filters={"label": OWNER}, ignore_removed=True)
    except (DockerException, OSError):
        return Swept()
    kept = _images(engine)
    for container in left:
        if abandoned(container.labels):
            try:
                container.remove(force=True, v=True)
                gone += 1
            except (DockerException, OSError):
                continue
    for image in kept:
        if abandoned(image.labels):
            try:
                engine.images.remove(str(image.id), force=True)
                images += 1
            except (DockerException, OSError):
                continue
    return Swept(gone, images)


def _images(engine: DockerClient) -> list[Image]:
    """Return the images with our label; an image that others remove meanwhile fails the whole listing."""
    from docker.errors import DockerException

    for _ in range(_LISTINGS):
        try:
            return engine.images.list(filters={"label": OWNER})
        except (DockerException, OSError):
            continue
    return []


def abandoned(labels: Mapping[str, str]) -> bool:
    """Whether labels are those of something that nobody needs any more."""
    if labels.get(BOOT) == boot():
        return is_orphan(labels.get(OWNER, ""))
    expires = labels.get(EXPIRES, "")
    return expires.isdigit() and int(expires) < time.time()
