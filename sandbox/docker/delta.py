"""What the guest has changed since its container's image, carried to another container of that image.

A fork that made an image of every change would pay the engine for a layer, which some engines find by
comparing all files. Most changes are a handful of files: commands of the guest's own find them, by the time
of their last change, which no guest can set, and pack and unpack them. Afterwards both containers must show
the same names, kinds, modes and sizes, and what was unpacked must be what is in the archive, byte by byte.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sandbox.base import SandboxError
from sandbox.docker.containers import BORN, GUEST
from sandbox.docker.scripts import script_of
from sandbox.run import Run

LARGEST = 64 << 20
"""Bytes; past that an image is cheaper."""
_SECONDS = 120.0
_LISTING = 16 << 20

_WRITABLE = (
    "find / -xdev \\( -path /proc -o -path /sys -o -path /dev \\) -prune -o -writable ! -type l -print0"
    " 2> /dev/null"
)
_CARRIED = frozenset("fdlp")
"""Files, folders, links, pipes; no sockets."""
_SPARE = 1 << 20
"""Bytes of what may be carried that are kept for the paths."""
_EMPTY = bytes(10240)
"""An archive of nothing."""


MEMORY = "/dev/shm"  # noqa: S108 (of a container)
"""Files that are in no image of a container: this folder is a mount of its own."""


class CannotCarryError(SandboxError):
    """The changes cannot be carried as they are; an image of the container can."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What has changed.

    Attributes:
        changed: owner, kind, mode and size of each path (no size of folders), but of folders not the guest's.
        folders: the changed folders.
        names: what is in the changed folders.
    """

    changed: frozenset[tuple[str, str]]
    folders: frozenset[str]
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Delta:
    """Changes that can be carried."""

    archive: bytes
    listing: Listing


async def writable_roots(run: Run) -> tuple[str, ...]:
    """Return the uppermost places that the guest can write; empty where that cannot be found out."""
    done = await run(["/bin/sh", "-c", _WRITABLE], seconds=_SECONDS, output=_LISTING)
    roots: list[str] = []
    for place in sorted(_texts(done.output)):
        if not roots or not (place == roots[-1] or place.startswith(f"{roots[-1]}/")):
            roots.append(place)
    return tuple(roots) if not done.omitted else ()


async def take(run: Run, roots: Sequence[str], room: int) -> Delta:
    """Return what the guest has changed below some places; a container takes `room` bytes at a time.

    Raises:
        CannotCarryError: it is too much, or a file cannot be read by the guest itself.
    """
    script = ["/bin/sh", "-c", script_of("take"), "take", *BORN, str(GUEST), *roots]
    done = await run(script, seconds=_SECONDS, output=max(0, min(LARGEST, room) - _SPARE))
    listing, end, archive = (b"\0" + done.output).partition(b"\0E\0")
    if not done.ok or done.omitted or not end:
        raise CannotCarryError("the changes are too large, or cannot be read")
    found = _listing(listing)
    if any(facts.split(" ", 2)[1] not in _CARRIED for _, facts in found.changed):
        raise CannotCarryError("there is a file that no archive holds")
    return Delta(archive, found)


async def take_memory(run: Run, room: int) -> Delta | None:
    """Return the files of a container that no image of it holds; None where there are none.

    Raises:
        SandboxError: they cannot be carried.
    """
    done = await run(["/bin/sh", "-c", f"ls -A {MEMORY}"], seconds=_SECONDS, output=64)
    if done.ok and not done.output:
        return None
    try:
        return await take(run, (MEMORY,), room)
    except CannotCarryError as error:
        raise SandboxError(f"what is in {MEMORY} cannot be kept ({error}); remove it") from error


async def put(run: Run, delta: Delta) -> None:
    """Make a fresh container of the same image show the same changes.

    Raises:
        CannotCarryError: it does not.
    """
    try:
        found = await _put(run, delta, delta.archive)
    except CannotCarryError:
        await _make_way(run, delta)
        found = await _put(run, delta, delta.archive)
    if surplus := sorted(found.names - delta.listing.names):
        await run(["xargs", "-0", "rm", "-rf", "--"], seconds=_SECONDS, output=4096, stdin=_joined(surplus))
        found = await _put(run, delta, _EMPTY)
    differs = delta.listing.names ^ found.names or {path for path, _ in delta.listing.changed - found.changed}
    if differs:
        raise CannotCarryError(
            f"the files did not come back as they were: {shlex.quote(min(differs))} differs"
        )


async def _make_way(run: Run, delta: Delta) -> None:
    """Remove what cannot be written over: folders where something else is to be, and the other way round."""
    folders = {path for path, facts in delta.listing.changed if facts.split(" ", 2)[1] == "d"}
    others = {path for path, _ in delta.listing.changed} - folders
    for test, paths in (("-type d", others), ("! -type d", folders)):
        script = f'exec find "$@" -maxdepth 0 {test} -exec rm -rf -- {{}} +'
        command = ["xargs", "-0", "-r", "/bin/sh", "-c", script, "sh"]
        await run(command, seconds=_SECONDS, output=4096, stdin=_joined(sorted(paths)))


async def _put(run: Run, delta: Delta, archive: bytes) -> Listing:
    paths = _joined(sorted({path for path, _ in delta.listing.changed} | delta.listing.folders))
    script = ["/bin/sh", "-c", script_of("put"), "put", str(len(archive))]
    done = await run(script, seconds=_SECONDS, output=_LISTING, stdin=archive + paths)
    if done.omitted or (done.exit_code and not done.output.startswith(b"0")):
        raise CannotCarryError("the files did not come back: they were not unpacked there as they are")
    return _listing(done.output)


def _listing(data: bytes) -> Listing:
    changed, folders, names = set(), set(), set()
    for text in _texts(data):
        if text.startswith("N"):
            names.add(text[1:])
            continue
        facts, _, path = text[1:].partition("\n")
        if text.startswith("1"):
            names.add(path)
            continue
        owner, kind = facts.split(" ", 2)[:2]
        if kind == "d":
            folders.add(path)
        if kind != "d" or owner == str(GUEST):
            changed.add((path, facts))
    return Listing(frozenset(changed), frozenset(folders), frozenset(names))


def _joined(paths: Iterable[str]) -> bytes:
    return "".join(f"{path}\0" for path in paths).encode("utf-8", "surrogateescape")


def _texts(data: bytes) -> list[str]:
    return [text for text in data.decode("utf-8", "surrogateescape").split("\0") if text]
