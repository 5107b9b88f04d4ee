"""Opening a maker of sandboxes by its name."""

from __future__ import annotations

import difflib

from sandbox.base import SandboxError, SandboxHost

KNOWN = ("auto", "daemonless", "docker")


def open_host(name: str = "auto") -> SandboxHost:
    """Return a maker of sandboxes.

    Args:
        name: `daemonless`, `docker`, or `auto`: daemonless where it works, else Docker where an engine
            answers. Never anything that is not sealed.

    Raises:
        SandboxError: no such name; the message lists the known ones.
    """
    if name == "daemonless":
        from sandbox.daemonless.host import DaemonlessHost

        return DaemonlessHost()
    if name == "docker":
        from sandbox.docker.host import DockerHost

        return DockerHost()
    if name == "auto":
        from sandbox.auto import AutoHost

        return AutoHost()
    near = difflib.get_close_matches(name, KNOWN, 1, cutoff=0.4)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise SandboxError(f"there is no sandbox {name!r}{hint} Known: {', '.join(KNOWN)}")
