"""Names of things that outlive a killed process, so that the next one can sweep them."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path

_NAME = re.compile(r"mangabey-(\d+)-(\d+)-[0-9a-f]+")


def new_name() -> str:
    """Return a fresh name that says which process owns the thing."""
    return f"mangabey-{os.getpid()}-{_started(os.getpid())}-{secrets.token_hex(6)}"


def is_orphan(name: str) -> bool:
    """Whether a name is one of ours whose owner is dead."""
    match = _NAME.fullmatch(name)
    return match is not None and _started(int(match[1])) != match[2]


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
