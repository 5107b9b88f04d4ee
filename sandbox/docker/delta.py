"""What the guest has changed since its container's image, carried to another container of that image.

A fork that made an image of every change would pay the engine for a layer, which some engines find by
comparing all files. Most changes are a handful of files: commands of the guest's own find them, by the time
of their last change, which no guest can set, and pack and unpack them. Afterwards both containers must show
the same.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sandbox.base import ExecResult, SandboxError
from sandbox.docker.containers import GUEST
from sandbox.run import Run

LARGEST = 64 << 20
"""Bytes; past that an image is cheaper."""
_SECONDS = 120.0
_LISTING = 16 << 20
_BORN = "/.dockerenv"
"""A file as old as the container: what has changed since is newer."""

_WRITABLE = (
    "find / -xdev \\( -path /proc -o -path /sys -o -path /dev \\) -prune -o -writable ! -type l -print0"
    " 2> /dev/null"
)
_NAMES = " -mindepth 1 -maxdepth 1 -printf 'N%p\\0'"
_CHANGED = (
    "exec 2> /dev/null; find {roots} -xdev -cnewer " + _BORN + " -printf 'M%U %y %m %l\\n%p\\0' -type d"
    " -exec find {{}}" + _NAMES + " \\;"
)


class CannotCarryError(SandboxError):
    """The changes cannot be carried as they are; an image of the container can."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What has changed.

    Attributes:
        changed: owner, kind, mode and link of each path, but of folders that are not the guest's.
        folders: the changed folders that are not the guest's, such as /tmp.
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
    places = sorted(_texts(done))
    roots: list[str] = []
    for place in places:
        if not roots or not (place == roots[-1] or place.startswith(f"{roots[-1]}/")):
            roots.append(place)
    return tuple(roots) if not done.omitted else ()


async def take(run: Run, roots: Sequence[str]) -> Delta:
    """Return what the guest has changed below some places.

    Raises:
        CannotCarryError: it is too much, or a file cannot be read by the guest itself.
    """
    listing = await _listing(run, roots)
    paths = sorted(path for path, _ in listing.changed)
    if not paths:
        return Delta(b"", listing)
    names = "".join(f"{path[1:]}\0" for path in paths).encode("utf-8", "surrogateescape")
    pack = "cd / && exec tar -c -f - --no-recursion --null -T -"
    done = await run(["/bin/sh", "-c", pack], seconds=_SECONDS, output=LARGEST, stdin=names)
    if not done.ok or done.omitted:
        raise CannotCarryError("the changes are too large, or cannot be read")
    return Delta(done.output, listing)


async def put(run: Run, roots: Sequence[str], delta: Delta) -> None:
    """Make a fresh container of the same image show the same changes.

    Raises:
        CannotCarryError: it does not.
    """
    if delta.archive:
        unpack = "cd / && exec tar -x -p -f - > /dev/null"
        done = await run(["/bin/sh", "-c", unpack], seconds=_SECONDS, output=4096, stdin=delta.archive)
        if not done.ok:
            raise CannotCarryError(f"the files did not come back: {done.text.strip()[:200]}")
    found = await _listing(run, roots, delta.listing.folders)
    if surplus := sorted(found.names - delta.listing.names):
        gone = "".join(f"{path}\0" for path in surplus).encode("utf-8", "surrogateescape")
        await run(["xargs", "-0", "rm", "-rf", "--"], seconds=_SECONDS, output=4096, stdin=gone)
        found = await _listing(run, roots, delta.listing.folders)
    missing = delta.listing.names ^ found.names or {path for path, _ in delta.listing.changed - found.changed}
    if missing:
        raise CannotCarryError(
            f"the files did not come back as they were: {shlex.quote(min(missing))} differs"
        )


async def _listing(run: Run, roots: Sequence[str], folders: Iterable[str] = ()) -> Listing:
    """List what has changed below some places, and the names in some folders, changed or not."""
    script = _CHANGED.format(roots=" ".join(map(shlex.quote, roots)))
    if others := " ".join(map(shlex.quote, sorted(folders))):
        script += f" && find {others}{_NAMES}"
    done = await run(["/bin/sh", "-c", script], seconds=_SECONDS, output=_LISTING)
    if not done.ok or done.omitted:
        raise CannotCarryError("the changes cannot be listed")
    changed, foreign, names = set(), set(), set()
    for text in _texts(done):
        if text.startswith("N"):
            names.add(text[1:])
            continue
        facts, _, path = text[1:].partition("\n")
        owner, kind = facts.split(" ", 2)[:2]
        if kind == "d" and owner != str(GUEST):
            foreign.add(path)
        else:
            changed.add((path, facts))
    return Listing(frozenset(changed), frozenset(foreign), frozenset(names))


def _texts(done: ExecResult) -> list[str]:
    return [text for text in done.output.decode("utf-8", "surrogateescape").split("\0") if text]
