"""What a sandbox has changed since its image, carried to another container of that image.

A fork that made an image of every change would pay the engine for a layer and for a start. Most changes are
a handful of
files: they travel as one archive. What is carried is checked afterwards: both containers must have changed
the same paths.
"""

from __future__ import annotations

import io
import posixpath
import shlex
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from sandbox.base import SandboxGoneError
from sandbox.docker.containers import brief

if TYPE_CHECKING:
    from docker.models.containers import Container

MODIFIED, ADDED, DELETED = 0, 1, 2
_MOST_CHANGES = 2000
_MOST_ARCHIVES = 24
"""Each is one question to the engine; past that an image is cheaper."""
_MOST_BYTES = 32 << 20
_OURS = ("/run", "/dev", "/proc", "/sys", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/opt/mangabey")


class Change(NamedTuple):
    """One path that differs from the image."""

    path: str
    kind: int


@dataclass(frozen=True, slots=True)
class Delta:
    """Changes that can be carried: an archive of new and changed files, and what is gone."""

    archive: bytes
    removed: tuple[str, ...]
    changes: frozenset[Change]


def changes_of(container: Container) -> frozenset[Change]:
    """Return the paths that differ from a container's image, the engine's own left out.

    Raises:
        SandboxGoneError: the container is gone.
    """
    from docker.errors import DockerException

    try:
        found = container.diff() or []
    except (DockerException, OSError) as error:
        raise SandboxGoneError(f"the container is gone ({brief(error)}); start another sandbox") from error
    every = (Change(str(one["Path"]), int(one["Kind"])) for one in found)
    return frozenset(one for one in every if not one.path.startswith(_OURS))


def take(container: Container) -> Delta | None:
    """Return the changes of a container in which nothing runs; None where they are too many to be carried.

    Raises:
        SandboxGoneError: the container is gone.
    """
    changes = changes_of(container)
    if len(changes) > _MOST_CHANGES:
        return None
    kept = {one.path: one.kind for one in changes}
    roots = [path for path, kind in kept.items() if kind != DELETED and not _below_added(path, kept)]
    whole = [path for path in roots if kept[path] == ADDED]
    modified = [path for path in roots if kept[path] == MODIFIED]
    parents = {posixpath.dirname(path) for path in kept}
    files = sorted({*whole, *(path for path in modified if path not in parents)})
    if len(files) > _MOST_ARCHIVES:
        return None
    archive = _archive(container, files)
    if archive is None:
        return None
    removed = sorted(path for path, kind in kept.items() if kind == DELETED)
    return Delta(archive, tuple(removed), changes)


def put(container: Container, delta: Delta) -> None:
    """Unpack changed files into another container.

    Raises:
        SandboxGoneError: the container is gone.
    """
    from docker.errors import DockerException

    if not delta.archive:
        return
    try:
        container.put_archive("/", delta.archive)
    except (DockerException, OSError) as error:
        raise SandboxGoneError(f"the container is gone ({brief(error)}); start another sandbox") from error


def script(delta: Delta) -> str:
    """Return a shell text by which the guest removes what is gone; empty where nothing is."""
    gone = " ".join(shlex.quote(path) for path in delta.removed)
    return f"rm -rf -- {gone}" if gone else ""


def _below_added(path: str, kept: dict[str, int]) -> bool:
    above = posixpath.dirname(path)
    while above != "/":
        if kept.get(above) == ADDED:
            return True
        above = posixpath.dirname(above)
    return False


def _archive(container: Container, paths: Sequence[str]) -> bytes | None:
    """Return one archive of some files and folders, under their full paths; None where it grows too large."""
    from docker.errors import DockerException

    if not paths:
        return b""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as whole:
        for path in paths:
            try:
                stream, _ = container.get_archive(path)
                piece = io.BytesIO()
                for data in stream:
                    piece.write(data)
                    if packed.tell() + piece.tell() > _MOST_BYTES:
                        return None
            except (DockerException, OSError) as error:
                raise SandboxGoneError(f"the files cannot be read: {brief(error)}") from error
            piece.seek(0)
            _append(whole, piece, posixpath.dirname(path))
    return packed.getvalue()


def _append(whole: tarfile.TarFile, piece: io.BytesIO, above: str) -> None:
    with tarfile.open(fileobj=piece) as part:
        for member in part:
            member.name = f"{above}/{member.name}".lstrip("/")
            if member.islnk():
                member.linkname = f"{above}/{member.linkname}".lstrip("/")
            member.pax_headers = {key: value for key, value in member.pax_headers.items() if key != "path"}
            whole.addfile(member, part.extractfile(member) if member.isreg() else None)
