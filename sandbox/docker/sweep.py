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
    marked = {"label": OWNER}
    try:  # the plain listings: the client's own look at every image one by one
        containers = engine.api.containers(all=True, filters=marked)
        kept = engine.api.images(filters=marked)
    except (DockerException, OSError):
        return Swept()
    for container in containers:
        if abandoned(container["Labels"] or {}):
            try:
                engine.api.remove_container(container["Id"], force=True, v=True)
                gone += 1
            except (DockerException, OSError):
                continue
    for image in kept:
        if abandoned(image["Labels"] or {}):
            try:
                engine.images.remove(image["Id"], force=True)
                images += 1
            except (DockerException, OSError):
                continue
    return Swept(gone, images)


def abandoned(labels: Mapping[str, str]) -> bool:
    """Whether labels are those of something that nobody needs any more."""
    if labels.get(BOOT) == boot():
        return is_orphan(labels.get(OWNER, ""))
    expires = labels.get(EXPIRES, "")
    return expires.isdigit() and int(expires) < time.time()
