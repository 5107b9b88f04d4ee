"""What a batch may take on disk: images that are still to come, and the records of issues still to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from agent.messages import Value
from runs.batch.outcome import place_of
from sandbox.docker.images import Registry
from sandbox.docker.weighing import UNPACKED, told_size

ASKED = 8
"""Images whose size the registry is asked for: it may count each question as a pull."""


class ImagesNeeded(Value):
    """The images of issues still to do.

    `missing` is None where it cannot be told which are missing, and `note` says why; `here` are bytes of each
    that is there.
    """

    names: tuple[str, ...] = ()
    missing: tuple[str, ...] | None = ()
    here: Mapping[str, int] = {}
    note: str = ""

    @property
    def to_come(self) -> tuple[str, ...]:
        """Those that may have to be fetched."""
        return self.names if self.missing is None else self.missing


class ImagesWeighed(Value):
    """What images may take that are still to come: bytes, and whence that is known.

    `told` counts those whose size the registry told; the rest takes the mean of those and of the ones here.
    """

    total: float
    told: int
    rest: int


def weigh(images: ImagesNeeded, registry: Registry) -> ImagesWeighed | None:
    """Estimate what images take still to come, as if none shared a layer; None where no size is known.

    It blocks, and asks the registry for a few of them.
    """
    asked = images.to_come[:ASKED]
    if not asked:
        return ImagesWeighed(total=0, told=0, rest=0)
    with ThreadPoolExecutor(len(asked)) as threads:
        answers = threads.map(lambda image: _told(image, registry), asked)
        told = [UNPACKED * size for size in answers if size is not None]
    known = [*told, *map(float, images.here.values())]
    if not known:
        return None
    rest = len(images.to_come) - len(told)
    return ImagesWeighed(total=sum(told) + rest * sum(known) / len(known), told=len(told), rest=rest)


def _told(image: str, registry: Registry) -> int | None:
    try:
        return told_size(image, registry)
    except (OSError, ValueError):
        return None


def mean_record(folder: Path, instances: Sequence[str]) -> float | None:
    """Return the mean bytes of the folders of issues, None of nothing."""
    sizes = [_size(place_of(folder, one)) for one in instances]
    return sum(sizes) / len(sizes) if sizes else None


def _size(place: Path) -> int:
    total = 0
    for path in place.rglob("*"):
        with suppress(OSError):  # a run that goes on may remove it meanwhile
            total += path.lstat().st_blocks * 512
    return total
