"""Floor 1: sealed rooms in which untrusted code runs.

The names are loaded when first used: the small processes of the daemonless sandbox import this package too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.base import (
        ExecResult,
        ImageError,
        Limits,
        PatchError,
        Root,
        Sandbox,
        SandboxError,
        SandboxFileError,
        SandboxGoneError,
        SandboxHost,
        SandboxUnavailableError,
        Snapshot,
        Status,
        UnknownSandboxError,
    )
    from sandbox.forks import forked
    from sandbox.hosts import open_host

__all__ = [
    "ExecResult",
    "ImageError",
    "Limits",
    "PatchError",
    "Root",
    "Sandbox",
    "SandboxError",
    "SandboxFileError",
    "SandboxGoneError",
    "SandboxHost",
    "SandboxUnavailableError",
    "Snapshot",
    "Status",
    "UnknownSandboxError",
    "forked",
    "open_host",
]

_ELSEWHERE = {"forked": "sandbox.forks", "open_host": "sandbox.hosts"}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'sandbox' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_ELSEWHERE.get(name, "sandbox.base")), name)
