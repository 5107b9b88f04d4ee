"""A small program that runs another and lets nothing of it outlive the program that asked.

    python keeper.py SECONDS COMMAND...

Runs COMMAND in a session of its own and exits as it does. When its own standard input is closed, which the
kernel does however the asking program ends, the command gets SIGTERM, and after SECONDS it and all its
descendants get SIGKILL.
What the command leaves behind at its end is killed too. Needs nothing but the standard library.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36


def main(grace: float, command: list[str]) -> int:
    """Run a command until it ends or nobody asks for it any more; return its exit code."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # who asked decides, by closing the pipe
    # orphans of the command become children of this process, and so can be found
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    child = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=take_signals
    )
    watched = os.pidfd_open(child.pid)
    ready, _, _ = select.select([watched, sys.stdin], [], [])
    if watched not in ready:
        child.terminate()
        select.select([watched], [], [], grace)
    end_all()
    code = child.wait()
    return code if code >= 0 else 128 - code


def take_signals() -> None:
    """Undo the ignoring of signals, which the command would inherit."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def end_all() -> None:
    """Kill every descendant, those too that are born meanwhile."""
    deadline = time.monotonic() + 10
    while (found := living_descendants()) and time.monotonic() < deadline:
        for pid in found:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def living_descendants() -> list[int]:
    """Return the processes below this one; those that have ended and are not waited for do not count."""
    children: dict[int, list[int]] = {}
    alive = set()
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        state, parent = fields[0], int(fields[1])
        children.setdefault(parent, []).append(int(folder.name))
        if state not in "ZX":
            alive.add(int(folder.name))
    found, waiting = [], [os.getpid()]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return [pid for pid in found if pid in alive]


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
