"""Opening a maker of sandboxes by its name."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.base import SandboxError, SandboxHost

KNOWN = ("auto", "daemonless", "docker")
GROUP = "mangabey.sandboxes"
"""Entry points by which an installed package offers sandboxes: a name, and a class or function."""


def open_host(name: str = "auto", marks: Mapping[str, str] | None = None) -> SandboxHost:
    """Return a maker of sandboxes.

    Args:
        name: `daemonless`, `docker`, or `auto`: daemonless where it works, else Docker where an engine
            answers; never anything that is not sealed. Else the name of an entry point, or `module:Class`.
        marks: labels of what is made, such as the run and the issue, where the kind has any.

    Raises:
        SandboxError: no such name, and the message lists the known ones; or it cannot be imported.
    """
    if name == "daemonless":
        from sandbox.daemonless.host import DaemonlessHost

        return DaemonlessHost()
    if name == "docker":
        from sandbox.docker.host import DockerHost

        return DockerHost(marks)
    if name == "auto":
        from sandbox.auto import AutoHost

        return AutoHost(marks)
    if ":" in name:
        return _made(name, lambda: _imported(name))
    return _plugged(name)


def _plugged(name: str) -> SandboxHost:
    from importlib.metadata import entry_points

    offered = {point.name: point for point in entry_points(group=GROUP)}
    if name in offered:
        return _made(name, offered[name].load)
    known = [*KNOWN, *sorted(offered), "module:Class"]
    near = difflib.get_close_matches(name, known, 1, cutoff=0.4)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise SandboxError(f"there is no sandbox {name!r}{hint} Known: {', '.join(known)}")


def _imported(name: str) -> Any:
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _made(name: str, load: Callable[[], Any]) -> SandboxHost:
    try:
        host = load()()
    except SandboxError:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise SandboxError(f"the sandbox {name!r} cannot be opened: {reason}") from error
    if not isinstance(host, SandboxHost):
        raise SandboxError(f"{name} gives a {type(host).__name__}, which lacks one of: name, start, close")
    return host
