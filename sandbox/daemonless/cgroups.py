"""Control groups: memory and processes of one sandbox together, where the kernel lets us write them."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from sandbox.base import Limits
from sandbox.owners import is_orphan, new_name

ROOM_FOR_WARDEN = 8
"""Processes of ours beside the guest's."""


@dataclass(frozen=True, slots=True)
class ControlGroup:
    """The folders of one sandbox's control groups: one for both controllers (v2), or one each (v1)."""

    folders: tuple[Path, ...]

    @property
    def entrances(self) -> list[str]:
        """Files that take a process into the groups when "0" is written to them."""
        return [str(folder / "cgroup.procs") for folder in self.folders]

    def out_of_memory_kills(self) -> int:
        """Return how often the kernel has ended a process of the group because its memory was used up."""
        for folder in self.folders:
            for name in ("memory.events", "memory.oom_control"):  # of v2 and of v1
                try:
                    words = (folder / name).read_text().split()
                except OSError:
                    continue
                if "oom_kill" in words[:-1]:
                    return int(words[words.index("oom_kill") + 1])
        return 0

    def remove(self) -> None:
        """Remove the groups; their processes must have ended, which takes the kernel a moment to see."""
        for folder in self.folders:
            for _ in range(50):
                if _removed(folder):
                    break
                time.sleep(0.01)


def make_control_group(limits: Limits) -> ControlGroup | None:
    """Make a sandbox's control groups; None where they cannot be written."""
    return make_in(
        find_parents(Path("/proc/self/cgroup").read_text(), Path("/proc/self/mountinfo").read_text()), limits
    )


def make_in(parents: tuple[Path, ...], limits: Limits) -> ControlGroup | None:
    """Make a sandbox's groups in some folders; None, and none is left, where they do not limit everything."""
    name = new_name()
    made: list[Path] = []
    limited: set[str] = set()
    try:
        for parent in parents:
            folder = parent / name
            folder.mkdir()
            made.append(folder)
            limited |= limit(folder, limits)
    except OSError:
        limited = set()
    group = ControlGroup(tuple(made))
    if limited >= {"memory", "pids"}:
        return group
    group.remove()
    return None


def sweep_control_groups() -> None:
    """Remove groups whose owner was killed."""
    parents = find_parents(Path("/proc/self/cgroup").read_text(), Path("/proc/self/mountinfo").read_text())
    for parent in parents:
        for folder in parent.glob("mangabey-*"):
            if is_orphan(folder.name):
                _removed(folder)


def find_parents(membership: str, mounts: str) -> tuple[Path, ...]:
    """Return the folders in which groups for memory and processes can be made; empty when there are none.

    Args:
        membership: the text of `/proc/self/cgroup`.
        mounts: the text of `/proc/self/mountinfo`.
    """
    groups = {}
    for line in membership.splitlines():
        _, controllers, path = line.split(":", 2)
        groups.update(dict.fromkeys(controllers.split(","), path))
    first = _own_folder(mounts, "cgroup", "memory", groups)
    second = _own_folder(mounts, "cgroup", "pids", groups)
    if first and second:
        writable = os.access(first, os.W_OK) and os.access(second, os.W_OK)
        return tuple(dict.fromkeys((first, second))) if writable else ()
    unified = _own_folder(mounts, "cgroup2", "", groups)
    if unified is None:
        return ()
    for folder in (unified, *unified.parents):
        if not (folder / "cgroup.subtree_control").exists():
            return ()
        if {"memory", "pids"} <= set((folder / "cgroup.subtree_control").read_text().split()):
            # who moves a process needs the right to it in the group that holds both places
            writable = os.access(folder, os.W_OK) and os.access(folder / "cgroup.procs", os.W_OK)
            return (folder,) if writable else ()
    return ()


def _own_folder(mounts: str, kind: str, controller: str, groups: dict[str, str]) -> Path | None:
    """Return the folder of this process's own group."""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        filesystem, _, options = after.split(" ", 2)
        if filesystem != kind or (controller and controller not in options.split(",")):
            continue
        root, point = before.split()[3:5]
        inside = groups.get(controller, "/")
        relative = inside.removeprefix(root) if root != "/" else inside
        own = Path(point) / relative.lstrip("/")
        return own if own.is_dir() else Path(point)
    return None


def limit(folder: Path, limits: Limits) -> set[str]:
    """Set the limits of a group, of either version, and return the controllers that now limit it.

    Raises:
        OSError: a limit is refused.
    """
    wanted = {
        "memory.limit_in_bytes": limits.memory,
        "memory.memsw.limit_in_bytes": limits.memory,
        "memory.max": limits.memory,
        "memory.swap.max": 0,
        "pids.max": limits.processes + ROOM_FOR_WARDEN,
    }
    there = [name for name in wanted if (folder / name).exists()]
    for name in there:
        (folder / name).write_text(str(wanted[name]))
    return {name.partition(".")[0] for name in there}


def _removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
