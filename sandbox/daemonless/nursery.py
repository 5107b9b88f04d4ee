"""The host's hold on its zygote."""

from __future__ import annotations

import array
import os
import socket
import subprocess
import sys
from pathlib import Path

from sandbox.base import SandboxError
from sandbox.daemonless import zygote as zygote_program
from sandbox.daemonless.plan import Plan, pack, to_memory_file

_PATIENCE = 5.0


class Zygote:
    """The small process that wardens are forked from; see `zygote.py`."""

    def __init__(self, log: Path) -> None:
        self._log = log
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        me = os.pidfd_open(os.getpid())
        inherited = (theirs.fileno(), me)
        library = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
        try:
            with theirs, log.open("wb") as errors:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", zygote_program.__file__, *map(str, inherited)],
                    pass_fds=inherited,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                    env=library,
                    cwd="/",
                    start_new_session=True,  # Ctrl-C is for the host, which ends things in order
                )
        finally:
            os.close(me)
        self._socket = ours

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def fork_warden(self, plan: Plan, endpoint: socket.socket) -> None:
        """Have a warden forked that builds a sandbox and speaks through `endpoint`.

        Raises:
            SandboxError: the zygote has ended.
        """
        plan_file = to_memory_file(pack(plan))
        rights = array.array("i", [plan_file, endpoint.fileno()])
        try:
            self._socket.sendmsg([b"start"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
        except OSError as error:
            raise SandboxError(f"the sandboxes' parent process ended: {self._last_words()}") from error
        finally:
            os.close(plan_file)

    def close(self) -> None:
        """End the process; its wardens must have ended."""
        self._socket.close()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _last_words(self) -> str:
        try:
            lines = self._log.read_text(errors="replace").strip().splitlines()
        except OSError:
            lines = []
        return lines[-1] if lines else "it was killed; open another sandbox host"
