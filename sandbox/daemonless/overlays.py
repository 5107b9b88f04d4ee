"""Mounting one overlay: by the kernel, or by the program fuse-overlayfs where the kernel refuses."""

from __future__ import annotations

import errno
import os
import signal
from contextlib import suppress
from typing import NamedTuple

from sandbox.daemonless import syscalls
from sandbox.daemonless.plan import FUSE, Plan

_FLAGS = syscalls.MS_NOSUID | syscalls.MS_NODEV
_HOST = "/old"


class Overlay(NamedTuple):
    """What is shown where; the folders `upper` and `work` are empty."""

    lowers: list[str]
    """Folders that nothing writes to, the uppermost first."""
    upper: str
    work: str
    target: int
    """The mount point, open."""
    owner: tuple[int, int] | None = None
    """Who shall seem to own everything; fuse-overlayfs only, the kernel has id maps for it."""


def mount(plan: Plan, overlay: Overlay) -> list[int]:
    """Mount an overlay and return the processes without which it does not work.

    Raises:
        OSError: the kernel refuses it, or fuse-overlayfs does.
    """
    os.mkdir(overlay.work, 0o700)
    options = f"lowerdir={':'.join(overlay.lowers)},upperdir={overlay.upper},workdir={overlay.work}"
    if plan.layering == FUSE:
        return [_mount_fuse(plan.fuse, overlay, options)]
    options += ",userxattr" if plan.user_namespace else ",redirect_dir=nofollow,metacopy=off"
    syscalls.mount("overlay", _place(overlay.target), "overlay", _FLAGS, options)
    return []


def _mount_fuse(program: str, overlay: Overlay, options: str) -> int:
    """Mount the file system ourselves and have the program serve it; the first look waits until it does."""
    options += ",writeback=0"  # snapshots read the upper folder, past the kernel's cache
    if overlay.owner is not None:
        options += ",squash_to_uid={},squash_to_gid={}".format(*overlay.owner)
    device = os.open(f"{_HOST}/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    try:
        who = f"user_id={os.geteuid()},group_id={os.getegid()}"
        settings = f"fd={device},rootmode=40000,{who},default_permissions,allow_other"
        place = os.readlink(_place(overlay.target))
        syscalls.mount("fuse-overlayfs", _place(overlay.target), "fuse", _FLAGS, settings)
        _show_programs()
        pid = _serve([_HOST + program, "-f", "-o", options, f"/dev/fd/{device}"], device)
    finally:
        os.close(device)
    try:
        os.stat(place)
    except OSError as error:
        raise OSError(error.errno, "fuse-overlayfs ended") from error
    return pid


def _show_programs() -> None:
    """Let programs of the host find their libraries where they expect them."""
    for name in os.listdir(_HOST):
        with suppress(FileExistsError):
            os.symlink(f"{_HOST}/{name}", f"/{name}")


def _serve(argv: list[str], device: int) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.set_inheritable(device, True)
        silence = os.open(f"{_HOST}/dev/null", os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(silence, descriptor)
        os.execve(argv[0], argv, {"PATH": os.defpath})  # noqa: S606 (there is no shell)
    finally:
        os._exit(errno.ENOEXEC)


def _place(descriptor: int) -> str:
    return f"/proc/self/fd/{descriptor}"
