"""What images take of a disk, and what those will take that are not there yet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Here:
    """An image that is on the disk: its id, and its bytes."""

    id: str
    size: int


class Sizes:
    """What images take of the disk, as far as it is known.

    Attributes:
        here: those that are on the disk, by name.
    """

    def __init__(self) -> None:
        self.here: dict[str, Here] = {}
        self._known: dict[str, int] = {}

    def note(self, image: str, found: Here | None) -> None:
        """Take in whether an image is here."""
        if found is None:
            self.here.pop(image, None)
        else:
            self.here[image], self._known[image] = found, found.size

    def forget(self, image: str) -> None:
        """Take in that an image is gone, under all of its names."""
        gone = self.here[image].id
        self.here = {name: one for name, one in self.here.items() if one.id != gone}

    def of(self, images: Iterable[str]) -> int:
        """Return the bytes of those of some images that are here, one of several names counted once."""
        found = {self.here[image].id: self.here[image].size for image in images if image in self.here}
        return sum(found.values())

    def expected(self, image: str) -> int | None:
        """Return what an image will take: the mean of all known where it was never here, None of none."""
        if image in self._known or not self._known:
            return self._known.get(image)
        return sum(self._known.values()) // len(self._known)
