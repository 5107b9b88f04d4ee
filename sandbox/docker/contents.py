"""A folder of an image, or of a container, brought to the host; nothing of the image is run."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from sandbox.base import ImageError
from sandbox.daemonless.layers import unpack_layer
from sandbox.docker.containers import brief, remove

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container


def take_folder(engine: DockerClient, image: str, path: str, target: Path) -> Path:
    """Copy a folder out of an image into an empty folder of the host and return where its files lie.

    Symlinks are made and never followed, devices are left out, nothing is written outside of `target`.

    Raises:
        ImageError: the image has no such folder, or what comes cannot be unpacked.
    """
    with _created(engine, image) as container:
        return take_from(container, path, target)


def take_from(container: Container, path: str, target: Path) -> Path:
    """Copy a folder out of a container, running or not; see `take_folder`.

    Raises:
        ImageError: there is no such folder, or what comes cannot be unpacked.
    """
    from docker.errors import DockerException, NotFound

    try:
        pieces, _ = container.get_archive(path)
        unpack_layer(_stream(pieces), target)
    except NotFound as error:
        raise ImageError(f"the image has no folder {path}") from error
    except (DockerException, OSError) as error:
        raise ImageError(f"the folder {path} cannot be taken out of the image: {brief(error)}") from error
    found = target / Path(path).name
    if found.is_symlink() or not found.is_dir():
        raise ImageError(f"{path} of the image is no folder")
    return found


@contextmanager
def _created(engine: DockerClient, image: str) -> Iterator[Container]:
    from docker.errors import DockerException

    try:
        container = engine.containers.create(image, ["true"], network_mode="none")
    except (DockerException, OSError) as error:
        raise ImageError(f"the image {image} cannot be looked into: {brief(error)}") from error
    try:
        yield container
    finally:
        remove(container)


class _Stream(io.RawIOBase):
    """An engine's answer, piece by piece, as a file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = piece
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


def _stream(pieces: Iterator[bytes]) -> IO[bytes]:
    """Return an engine's answer as a file that reads."""
    return io.BufferedReader(_Stream(pieces), 1 << 20)
