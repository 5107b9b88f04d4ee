"""Opening a maker of sandboxes by its name."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.base import SandboxError, SandboxHost, UnknownSandboxError
from sandbox.plugins import imported, offered, one_line

KNOWN = ("auto", "daemonless", "docker")
GROUP = "mangabey.sandboxes"
"""Entry points by which an installed package offers sandboxes: a name, and a class or function."""


def open_host(name: str = "auto", marks: Mapping[str, str] | None = None) -> SandboxHost:
    """Return a maker of sandboxes.

    Args:
        name: `daemonless`, `docker`, or `auto`: daemonless where it works, else Docker where an engine
            answers; never anything that is not sealed. Else the name of an entry point, `module:Class`,
            or `file.py:Class`.
        marks: labels of what is made, such as the run and the issue, where the kind has any.

    Raises:
        UnknownSandboxError: no such name.
        SandboxError: it cannot be imported or opened.
    """
    check_name(name)
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
        place, _, attribute = name.rpartition(":")
        return _made(name, lambda: imported(place, attribute))
    return _made(name, offered(GROUP)[name].load)


def check_name(name: str) -> None:
    """Refuse a name that no sandbox has; nothing is opened, and of `module:Class` nothing imported.

    Raises:
        UnknownSandboxError: no such name.
    """
    if name in KNOWN or ":" in name or name in (plugins := offered(GROUP)):
        return
    known = [*KNOWN, *sorted(plugins), "module:Class"]
    near = difflib.get_close_matches(name, known, 1, cutoff=0.4)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise UnknownSandboxError(f"there is no sandbox {name!r}{hint} (known: {', '.join(known)})")


def _made(name: str, load: Callable[[], Any]) -> SandboxHost:
    try:
        host = load()()
    except SandboxError:
        raise
    except Exception as error:
        raise SandboxError(f"the sandbox {name!r} cannot be opened: {one_line(error)}") from error
    if not isinstance(host, SandboxHost):
        raise SandboxError(f"{name} gives a {type(host).__name__}, which lacks one of: name, start, close")
    return host
