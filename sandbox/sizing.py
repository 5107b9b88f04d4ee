"""How much of this machine one sandbox may use when several share it."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from sandbox.base import Limits

_SHARED = 0.8
"""This part of what is free may be used by sandboxes; the rest is for the run itself and its model."""
_LEAST_MEMORY = 256 << 20
_LEAST_DISK = 64 << 20


@dataclass(frozen=True, slots=True)
class Machine:
    """What this process may use: bytes of memory, bytes on the disk of temporary files, cores."""

    memory: int
    disk: int
    cores: int


def this_machine() -> Machine:
    """Look what is free at this moment."""
    return Machine(
        memory=min(_available(Path("/proc/meminfo").read_text()), _group_limit()),
        disk=shutil.disk_usage("/var/tmp").free,  # noqa: S108 (only looked at)
        cores=len(os.sched_getaffinity(0)),
    )


def fitted(limits: Limits, sandboxes: int, machine: Machine) -> Limits:
    """Return limits with which so many sandboxes at one time do not take the machine down; never wider ones.

    One core is left to the run and the engine where there are more than two.
    """
    memory = max(_LEAST_MEMORY, int(machine.memory * _SHARED / sandboxes))
    disk = max(_LEAST_DISK, int(machine.disk * _SHARED / sandboxes))
    cores = float(machine.cores - 1 if machine.cores > 2 else machine.cores)
    return replace(
        limits,
        memory=min(limits.memory, memory),
        disk=min(limits.disk, disk),
        cpus=min(limits.cpus or cores, cores),
    )


def _available(meminfo: str) -> int:
    """Return the bytes that programs can take without swapping."""
    lines = dict(line.split(":", 1) for line in meminfo.splitlines() if ":" in line)
    return int(lines["MemAvailable"].split()[0]) << 10


def _group_limit() -> int:
    """Return the limit of this process's control group, where there is one (v2, or v1 in a container)."""
    limits = []
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            text = Path(path).read_text().strip()
        except OSError:
            continue
        if text.isdigit():
            limits.append(int(text))
    return min(limits, default=1 << 62)
