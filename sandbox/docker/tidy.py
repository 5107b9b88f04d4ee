"""A container's files brought back in place: what is new is removed, and then nothing may differ.

Another container costs the engine a start. Tests mostly leave new files behind, so most states come back
without one: all names, kinds, modes, owners, sizes, links and times of the last change, which no guest
can set, are compared with those that were seen when the snapshot was taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sandbox.docker.delta import MEMORY
from sandbox.docker.scripts import script_of
from sandbox.run import Run

_SECONDS = 60.0
_LISTING = 16 << 20
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc")
"""Where the programs lie that look and remove: a guest that can write there could have changed them."""

Seen = Mapping[str, str]
"""What tells a change of each path."""


def trustworthy(roots: Sequence[str]) -> bool:
    """Whether a guest that can write these places could not have changed the programs that look at them."""
    return bool(roots) and not any(root == "/" or root.startswith(_SYSTEM) for root in roots)


async def look(run: Run, roots: Sequence[str]) -> Seen | None:
    """Return what is to be seen below the places that a guest can write; None where not all of it is."""
    script = ["/bin/sh", "-c", script_of("look"), "look", *roots, MEMORY]
    done = await run(script, seconds=_SECONDS, output=_LISTING)
    if not done.ok or done.omitted or not done.output.endswith(b"\0E\0"):
        return None
    entries = done.output.decode("utf-8", "surrogateescape").split("\0")[:-2]
    return {path: facts for facts, _, path in (entry.partition("\n") for entry in entries)}


async def tidy(run: Run, roots: Sequence[str], before: Seen) -> bool:
    """Remove what is new and return whether all is as it was seen before."""
    now = await look(run, roots)
    if now is None:
        return False
    if surplus := _topmost(now.keys() - before.keys()):
        names = "".join(f"{path}\0" for path in surplus).encode("utf-8", "surrogateescape")
        await run(["xargs", "-0", "rm", "-rf", "--"], seconds=_SECONDS, output=4096, stdin=names)
        now = await look(run, roots)
    return now == before


def _topmost(paths: set[str]) -> list[str]:
    return sorted(path for path in paths if path.rpartition("/")[0] not in paths)
