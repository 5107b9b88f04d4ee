"""Removing everything that killed processes have left, of whatever kind of sandbox."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_ANSWERS_IN = 30.0


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What was removed; `docker` says why an engine was not asked, empty where it was."""

    folders: int
    containers: int
    images: int
    freed: int
    docker: str = ""

    def lines(self) -> list[str]:
        """Return what a person reads."""
        first = f"removed {self.folders} scratch folders, {self.containers} containers, {self.images} images"
        lines = [first]
        if self.freed:
            lines.append(f"removed {self.freed >> 20} MiB of built images")
        if self.docker:
            lines.append(f"Docker was not looked at: {self.docker}")
        return lines

    def to_json(self) -> dict[str, Any]:
        """Return the same for a program; `freed` in bytes."""
        return {
            "folders": self.folders,
            "containers": self.containers,
            "images": self.images,
            "freed": self.freed,
            "docker": self.docker,
        }


def clean_up(image_budget: int | None = None) -> Cleaned:
    """Remove what is ours and whose owner is dead, on this machine and on the engine it uses.

    Args:
        image_budget: bytes that built images may take; None leaves them all.
    """
    from sandbox.daemonless.scratch import sweep_scratch

    folders = sweep_scratch()
    try:
        containers, images, freed = _engine(image_budget)
    except OSError as error:  # SandboxUnavailableError is one
        return Cleaned(folders, 0, 0, 0, str(error))
    return Cleaned(folders, containers, images, freed)


def _engine(image_budget: int | None) -> tuple[int, int, int]:
    from sandbox.docker.images import make_room
    from sandbox.docker.sweep import sweep
    from sandbox.docker.vessel import connect

    client = connect(timeout=_ANSWERS_IN)
    try:
        swept = sweep(client)
        freed = 0 if image_budget is None else make_room(client, image_budget)
    finally:
        client.close()
    return swept.containers, swept.images, freed
