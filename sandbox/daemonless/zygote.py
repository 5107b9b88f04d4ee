"""The process that wardens are forked from: small, with one thread, gone when its host is.

Run by path with `python -I -S zygote.py SOCKET HOST_PIDFD`; imports only the light modules of this folder.
Each packet from the host carries two descriptors, a `Plan` in a memory file and the new warden's socket.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys


def serve(control: socket.socket, host: int) -> None:
    """Fork wardens until the host closes its end or dies."""
    from sandbox.daemonless import warden
    from sandbox.daemonless.idmap import IdMaps
    from sandbox.daemonless.plan import Plan, Report, from_memory_file, pack, unpack

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    maps = IdMaps()
    gc.freeze()  # what is not touched is not copied at a fork
    gc.disable()
    poll = select.poll()
    poll.register(control, select.POLLIN)
    poll.register(host, select.POLLIN)
    while True:
        ready = dict(poll.poll())
        if host in ready:
            return
        _, descriptors, _, _ = socket.recv_fds(control, 16, 2)
        if not descriptors:
            return
        plan_file, endpoint = descriptors
        plan = unpack(Plan, from_memory_file(plan_file))
        os.close(plan_file)
        with socket.socket(fileno=endpoint) as wardens_end:
            try:
                idmap = maps.owner_to_guest(plan)
                if os.fork() == 0:
                    control.close()
                    warden.live(wardens_end, plan, idmap)
            except OSError as error:
                wardens_end.send(pack(Report(0, "failed", error.errno or 0, str(error))))


def main() -> None:
    """Start from the command line's descriptors."""
    package = os.path.dirname(os.path.abspath(__file__))
    sys.path.append(os.path.dirname(os.path.dirname(package)))
    serve(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]))


if __name__ == "__main__":
    main()
