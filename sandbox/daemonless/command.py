"""One command: process 1 of its own process namespace, and the command itself as its child.

When the command's first process ends, process 1 ends, and the kernel kills every other process in the
namespace: nothing outlives a command.
"""

from __future__ import annotations

import errno
import os
import resource
import signal
import time

from sandbox.daemonless import room, seal, syscalls
from sandbox.daemonless.plan import Command, Plan, Report, pack

GRACE = 1.0
"""Seconds between SIGTERM and SIGKILL when the time is up."""

_MASKED = ("kcore", "keys", "key-users", "kallsyms", "kmsg", "sched_debug", "timer_list", "sysrq-trigger")


def run_init(plan: Plan, command: Command, job: int, descriptors: tuple[int, int, int]) -> None:
    """Be process 1: enter the guest's root, start the command, wait for its end, report it.

    Never returns. `descriptors` are the command's stdin, its output, and where the report goes.
    """
    stdin, output, report = descriptors
    try:
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
        _prefer_as_victim()
        _enter_root()
        syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)
        main = os.fork()
        if main == 0:
            _run(plan, command, job, descriptors)
        os.close(stdin)
        os.close(output)
        os.write(report, pack(_await(main, command.seconds, job)) + b"\n")
    except OSError as error:
        os.write(report, pack(Report(job, "failed", error.errno or 0, str(error.strerror or error))) + b"\n")
    finally:
        os._exit(0)


def _prefer_as_victim() -> None:
    """Out of memory, the kernel shall end what the guest runs, and not the warden."""
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("900")


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


def _await(main: int, seconds: float, job: int) -> Report:
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
            return Report(job, "timed_out", -signal.SIGKILL)
        else:
            timed_out = True
            deadline = time.monotonic() + GRACE
            _terminate_all()
    code = os.waitstatus_to_exitcode(status)
    if timed_out:
        return Report(job, "timed_out", code)
    return Report(job, "killed" if code < 0 else "exited", code)


def _terminate_all() -> None:
    try:
        os.kill(-1, signal.SIGTERM)
    except ProcessLookupError:
        return


def _run(plan: Plan, command: Command, job: int, descriptors: tuple[int, int, int]) -> None:
    """Become the command; what keeps it from starting is reported in process 1's place."""
    stdin, output, report = descriptors
    try:
        os.setsid()
        os.dup2(stdin, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.dup2(report, 3, inheritable=False)
        os.closerange(4, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        seal.seal(plan)
        _start(command, job)
    except OSError as error:
        os.write(3, pack(Report(job, "failed", error.errno or 0, _complaint(error))) + b"\n")
    finally:
        os._exit(127)


def _start(command: Command, job: int) -> None:
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
    os.write(3, pack(Report(job, "not_found", 127)) + b"\n")


def _complaint(error: OSError) -> str:
    if error.filename is None:
        return str(error.strerror or error)
    return f"{os.fsdecode(error.filename)}: {error.strerror}"
