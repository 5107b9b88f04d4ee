"""Names of things that outlive a killed process, so that the next one can sweep them."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path

_NAME = re.compile(r"mangabey-(\d+)-(\d+)-[0-9a-f]+")
_retired: set[str] = set()


def new_name() -> str:
    """Return a fresh name that says which process owns the thing."""
    return f"mangabey-{os.getpid()}-{_started(os.getpid())}-{secrets.token_hex(6)}"


def retire(name: str) -> None:
    """Say that nothing of a name is needed any more, though this process, which owns it, lives."""
    _retired.add(name)


def is_orphan(name: str) -> bool:
    """Whether a name is one of ours whose owner is dead, or needs it no more."""
    match = _NAME.fullmatch(name)
    return match is not None and (name in _retired or _started(int(match[1])) != match[2])


def _started(pid: int) -> str:
    """Return when a process started, in the kernel's ticks; empty when there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]


def boot() -> str:
    """Return what tells the processes that can be looked up here from all others: boot and namespace."""
    try:
        boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot_id}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""
