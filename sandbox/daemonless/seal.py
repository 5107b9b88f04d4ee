"""Taking everything from a process that it does not need, just before it becomes the guest's program."""

from __future__ import annotations

import os
import resource
import signal

from sandbox.daemonless import seccomp, syscalls
from sandbox.daemonless.plan import Plan

_FILTER = seccomp.program()


def seal(plan: Plan) -> None:
    """Give up privileges for good and set the limits.

    Raises:
        OSError: a step was refused; nothing must run then.
    """
    for signum in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD):
        signal.signal(signum, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.umask(0o022)
    for which, value in plan.limits:
        _limit(which, value)
    if not plan.user_namespace:
        os.setgroups([])
        os.setresgid(plan.gid, plan.gid, plan.gid)
        os.setresuid(plan.uid, plan.uid, plan.uid)
    syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
    syscalls.prctl(syscalls.PR_CAP_AMBIENT, syscalls.PR_CAP_AMBIENT_CLEAR_ALL)
    syscalls.drop_capabilities()
    if _FILTER is not None:
        syscalls.load_filter(_FILTER)


def _limit(which: int, value: int) -> None:
    """Lower a limit; one that is lower already stays."""
    soft, hard = resource.getrlimit(which)
    ceiling = value if hard == resource.RLIM_INFINITY else min(value, hard)
    if soft == resource.RLIM_INFINITY or soft > ceiling or hard != ceiling:
        resource.setrlimit(which, (ceiling, ceiling))
