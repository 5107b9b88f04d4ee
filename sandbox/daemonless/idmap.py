"""Id-mapped mounts: root's prepared tree appears inside as the guest's own, and is not touched."""

from __future__ import annotations

import os
import signal

from sandbox.daemonless import syscalls
from sandbox.daemonless.plan import KERNEL, Plan

_LAST = (1 << 32) - 1


class IdMaps:
    """User namespaces, one per owner, through which a tree's owner and the guest change places."""

    def __init__(self) -> None:
        self._namespaces: dict[tuple[int, int, int, int], int] = {}

    def owner_to_guest(self, plan: Plan) -> int | None:
        """Return the namespace for a plan's tree; None where none is needed."""
        if plan.user_namespace or plan.layering != KERNEL:
            return None
        try:
            found = os.stat(plan.tree)
        except OSError:
            return None  # the warden meets the same error, and can report it
        pair = (found.st_uid, found.st_gid, plan.uid, plan.gid)
        if pair[:2] == pair[2:]:
            return None
        if pair not in self._namespaces:
            self._namespaces[pair] = _namespace(swap(pair[0], plan.uid), swap(pair[1], plan.gid))
        return self._namespaces[pair]


def swap(one: int, other: int) -> str:
    """Return an id map, as the kernel reads it, that exchanges two ids and keeps all others."""
    low, high = sorted((one, other))
    if low == high:
        return f"0 0 {_LAST}"
    spans = ((0, 0, low), (low, high, 1), (low + 1, low + 1, high - low - 1), (high, low, 1))
    rest = (high + 1, high + 1, _LAST - high - 1)
    return "\n".join(f"{inside} {outside} {count}" for inside, outside, count in (*spans, rest) if count)


def _namespace(users: str, groups: str) -> int:
    pid, pidfd = syscalls.clone(syscalls.CLONE_NEWUSER)
    if pid == 0:
        signal.pause()
        os._exit(0)
    try:
        for name, text in (("uid_map", users), ("gid_map", groups)):
            with open(f"/proc/{pid}/{name}", "w") as file:
                file.write(text)
        return os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        os.close(pidfd)
