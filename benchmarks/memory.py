"""Memory of this process, and of everything it started, from /proc."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Self

PAGE = os.sysconf("SC_PAGE_SIZE")


def rss() -> int:
    """Return the resident bytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def forget_peak() -> None:
    """Begin a new count of this process's peak."""
    Path("/proc/self/clear_refs").write_text("5")


def peak_rss() -> int:
    """Return the most resident bytes this process had since it began, or since `forget_peak`."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def tree_rss(pid: int) -> int:
    """Return the resident bytes of a process and all its descendants, shared pages counted in each."""
    resident = _resident(pid)
    return sum(resident.values())


def shared_memory(pid: int) -> int:
    """Return the bytes of a process and all its descendants, each shared page divided among its users."""
    total = 0
    for member in _resident(pid):
        try:
            lines = Path(f"/proc/{member}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total


def own_memory() -> int:
    """Return the resident bytes of this process alone."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def _resident(pid: int) -> dict[int, int]:
    """Return the resident bytes of a process and of each of its descendants by pid."""
    parents: dict[int, int] = {}
    resident: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(entry.name)] = int(fields[1])
        resident[int(entry.name)] = int(fields[21]) * PAGE
    family = {pid}
    grown = True
    while grown:
        more = {child for child, parent in parents.items() if parent in family} - family
        family |= more
        grown = bool(more)
    return {member: resident.get(member, 0) for member in family}


class PeakMemory:
    """Watches the memory of this process and its descendants for the length of a `with` block."""

    def __init__(self, every: float = 0.5) -> None:
        self.bytes = 0
        self._every = every
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(self._every):
            self.bytes = max(self.bytes, tree_rss(os.getpid()))
