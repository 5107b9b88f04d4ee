"""Opening a maker of sandboxes by its name."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sandbox.base import SandboxError, SandboxHost, UnknownSandboxError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

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
        return _made(name, lambda: _imported(name))
    return _made(name, _offered()[name].load)


def check_name(name: str) -> None:
    """Refuse a name that no sandbox has; nothing is opened, and of `module:Class` nothing imported.

    Raises:
        UnknownSandboxError: no such name.
    """
    if name in KNOWN or ":" in name or name in (offered := _offered()):
        return
    known = [*KNOWN, *sorted(offered), "module:Class"]
    near = difflib.get_close_matches(name, known, 1, cutoff=0.4)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise UnknownSandboxError(f"there is no sandbox {name!r}{hint} (known: {', '.join(known)})")


def _offered() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=GROUP)}


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
