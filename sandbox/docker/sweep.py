"""Removing what killed processes have left on an engine: only what is ours and whose owner is dead."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.docker.containers import BOOT, EXPIRES, OWNER
from sandbox.owners import boot, is_orphan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

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

    marked = {"label": OWNER}

    def removed(listed: Callable[[], Sequence[Mapping[str, Any]]], remove: Callable[[str], None]) -> int:
        count = 0
        try:
            found = listed()
        except (DockerException, OSError):
            return 0
        for one in found:
            if abandoned(one.get("Labels") or {}):
                with contextlib.suppress(DockerException, OSError):
                    remove(one["Id"])
                    count += 1
        return count

    # the plain listings: the client's own look at every image one by one
    return Swept(
        removed(
            lambda: engine.api.containers(all=True, filters=marked),
            lambda one: engine.api.remove_container(one, force=True, v=True),
        ),
        removed(
            lambda: engine.api.images(filters=marked),
            lambda one: engine.images.remove(one, force=True),
        ),
    )


def abandoned(labels: Mapping[str, str]) -> bool:
    """Whether labels are those of something that nobody needs any more."""
    if labels.get(BOOT) == boot():
        return is_orphan(labels.get(OWNER, ""))
    expires = labels.get(EXPIRES, "")
    return expires.isdigit() and int(expires) < time.time()
