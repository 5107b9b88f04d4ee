"""One command: process 1 of its own process namespace, and the command itself as its child.

When the command's first process ends, process 1 ends, and the kernel kills every other process in the
namespace: nothing outlives a command. Both processes are made ahead of
the command, and sealed, which saves half of the time.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import socket
import time
from typing import NoReturn

from sandbox.daemonless import room, seal, syscalls
from sandbox.daemonless.plan import Command, Plan, Report, from_memory_file, pack, unpack

GRACE = 1.0
"""Seconds between SIGTERM and SIGKILL when the time is up."""

_REPORT, _ORDERS = 3, 4
"""The descriptors that a command's process has until it is the command."""
_ELSEWHERE = 64

_MASKED = ("keys", "key-users", "kallsyms", "sched_debug")
"""What every user may read in /proc and a guest must not; all else that is not its own is root's."""


def run_init(plan: Plan, warden: socket.socket, orders: socket.socket) -> NoReturn:
    """Be process 1 of a command to come: prepare all, start it when told, report how it ended.

    Args:
        plan: the sandbox's plan.
        warden: tells how many seconds the command has, and takes the report.
        orders: gives the command itself, to the process that becomes it: one packet with a `Command`,
            its stdin and its output as descriptors.
    """
    try:
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
        _enter_root()
        syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)
        main = os.fork()
        if main == 0:
            _become_command(plan, warden, orders)
        orders.close()
        seconds = warden.recv(64)
        if seconds:
            warden.send(pack(_await(main, float(seconds))))
    except OSError as error:
        warden.send(pack(Report(0, "failed", error.errno or 0, str(error.strerror or error))))
    finally:
        os._exit(0)


def _enter_root() -> None:
    flags = syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC
    proc = f"{room.ROOT}/proc"
    syscalls.mount("proc", proc, "proc", flags | syscalls.MS_RDONLY, "hidepid=2")
    for name in _MASKED:
        if os.path.lexists(f"{proc}/{name}"):
            syscalls.mount(f"{room.ROOT}/dev/null", f"{proc}/{name}", None, syscalls.MS_BIND)
    os.chdir(room.ROOT)
    syscalls.pivot_root(".", ".")
    syscalls.detach(".")
    os.chdir("/")


def _await(main: int, seconds: float) -> Report:
    """Wait for the command's first process, reaping whatever else ends; TERM when the time is up."""
    deadline = time.monotonic() + seconds
    timed_out = False
    while True:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == main:
            break
        if pid:
            continue
        left = deadline - time.monotonic()
        if left > 0:
            signal.sigtimedwait([signal.SIGCHLD], left)
        elif timed_out:
            return Report(0, "timed_out", -signal.SIGKILL)
        else:
            timed_out = True
            deadline = time.monotonic() + GRACE
            _terminate_all()
    code = os.waitstatus_to_exitcode(status)
    if timed_out:
        return Report(0, "timed_out", code)
    return Report(0, "killed" if code < 0 else "exited", code)


def _terminate_all() -> None:
    try:
        os.kill(-1, signal.SIGTERM)
    except ProcessLookupError:
        return


def _become_command(plan: Plan, warden: socket.socket, orders: socket.socket) -> NoReturn:
    """Seal this process, wait for the order, become the command; report what keeps it from that."""
    try:
        os.setsid()
        report = fcntl.fcntl(warden.fileno(), fcntl.F_DUPFD_CLOEXEC, _ELSEWHERE)
        order = fcntl.fcntl(orders.fileno(), fcntl.F_DUPFD_CLOEXEC, _ELSEWHERE)
        os.dup2(report, _REPORT, inheritable=False)
        os.dup2(order, _ORDERS, inheritable=False)
        syscalls.close_from(_ORDERS + 1)
        seal.seal(plan)
        _, (payload, stdin, output), _, _ = socket.recv_fds(socket.socket(fileno=_ORDERS), 1, 3)
        command = unpack(Command, from_memory_file(payload))
        os.dup2(stdin, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        syscalls.close_from(_ORDERS)
        _execute(command)
    except OSError as error:
        os.write(_REPORT, pack(Report(0, "failed", error.errno or 0, _complaint(error))))
    finally:
        os._exit(127)


def _execute(command: Command) -> None:
    os.chdir(os.fsencode(command.cwd))
    argv = [os.fsencode(word) for word in command.argv]
    env = {os.fsencode(name): os.fsencode(value) for name, value in command.env.items()}
    program = argv[0]
    folders = [b""] if b"/" in program else [f + b"/" for f in env.get(b"PATH", b"").split(b":") if f]
    denied = False
    for folder in folders:
        try:
            os.execve(folder + program, argv, env)  # noqa: S606 (there is none)
        except OSError as error:
            denied = denied or error.errno == errno.EACCES
            if error.errno not in {errno.ENOENT, errno.ENOTDIR, errno.EACCES}:
                raise
    if denied:
        os.write(2, program + b": permission denied\n")
        os._exit(126)
    os.write(_REPORT, pack(Report(0, "not_found", 127)))


def _complaint(error: OSError) -> str:
    if error.filename is None:
        return str(error.strerror or error)
    return f"{os.fsdecode(error.filename)}: {error.strerror}"
