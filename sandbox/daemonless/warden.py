"""The warden of one sandbox: builds it, starts its commands, takes its snapshots, and dies with it.

It stays outside of every command's namespaces, so a guest can neither see, trace nor signal it. It ends when
the host closes its socket, and with it all that runs inside; when it is killed, the kernel does the same.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import socket
import struct
from contextlib import suppress
from typing import NamedTuple, NoReturn

from sandbox.daemonless import room, syscalls
from sandbox.daemonless.command import run_init
from sandbox.daemonless.plan import Plan, Report, Request, pack, unpack
from sandbox.daemonless.trees import copy_tree

_LARGEST_REQUEST = 1 << 16
_COMMAND = syscalls.CLONE_NEWPID | syscalls.CLONE_NEWNS
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1


class _Spare(NamedTuple):
    """Process 1 of a command to come."""

    pid: int
    pidfd: int
    channel: socket.socket
    """To process 1 itself."""
    orders: socket.socket
    """To its child, which will be the command."""

    def order(self, seconds: float, descriptors: list[int]) -> None:
        """Have the command run that the descriptors describe."""
        socket.send_fds(self.orders, [b"!"], descriptors)
        self.channel.send(b"%f" % seconds)


class _Job(NamedTuple):
    number: int
    pid: int
    channel: socket.socket


def live(host: socket.socket, plan: Plan, idmap: int | None) -> NoReturn:
    """Build the sandbox and serve it until the host closes its end."""
    try:
        _prepare(plan)
        servers = room.build(plan, idmap)
        syscalls.drop_bounding_set()
        _send(host, Report(0, "done"))
        _Warden(host, plan, servers).serve()
    except OSError as error:
        _send(host, Report(0, "failed", error.errno or 0, str(error.strerror or error)))
    finally:
        os._exit(0)


def _prepare(plan: Plan) -> None:
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    os.umask(0o022)
    for path in plan.control_groups:
        with open(path, "w") as file:
            file.write("0")
    _leave_namespaces(plan)
    if not plan.network:
        _raise_loopback()


def _leave_namespaces(plan: Plan) -> None:
    flags = syscalls.CLONE_NEWNS | syscalls.CLONE_NEWIPC | syscalls.CLONE_NEWUTS | syscalls.CLONE_NEWCGROUP
    flags |= 0 if plan.network else syscalls.CLONE_NEWNET
    flags |= syscalls.CLONE_NEWUSER if plan.user_namespace else 0
    uid, gid = os.geteuid(), os.getegid()
    try:
        syscalls.unshare(flags)
        if plan.user_namespace:
            _write("/proc/self/setgroups", "deny")
            _write("/proc/self/uid_map", f"{plan.uid} {uid} 1")
            _write("/proc/self/gid_map", f"{plan.gid} {gid} 1")
    except OSError as error:
        raise room.RoomError(error.errno, f"making namespaces: {error.strerror}") from error
    socket.sethostname("sandbox")


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh22x", b"lo", 0)
        flags = struct.unpack("16sh22x", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", flags | _IFF_UP))


class _Warden:
    def __init__(self, host: socket.socket, plan: Plan, servers: list[int]) -> None:
        self._host = host
        self._plan = plan
        self._jobs: dict[int, _Job] = {}
        """By the descriptor of the process."""
        self._spare: _Spare | None = None
        self._score = os.open("/proc/self/oom_score_adj", os.O_RDWR | os.O_CLOEXEC)
        self._own_score = os.read(self._score, 16)
        self._poll = select.poll()
        self._poll.register(host, select.POLLIN)
        self._servers = {os.pidfd_open(pid): pid for pid in servers}
        for server in self._servers:
            self._poll.register(server, select.POLLIN)

    def serve(self) -> None:
        """Answer requests until the host closes its end, or what keeps the files up ends; then end all."""
        self._refill()
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor in self._jobs:
                    self._finish(descriptor)
                elif descriptor in self._servers or not self._answer():
                    self._end()
                    return

    def _answer(self) -> bool:
        data, descriptors, _, _ = socket.recv_fds(self._host, _LARGEST_REQUEST, 3)
        if not data:
            return False
        request = unpack(Request, data)
        try:
            if request.verb == "exec":
                self._exec(request.job, request.seconds, descriptors)
            elif request.verb == "snapshot":
                self._snapshot(request.job, request.layer)
            elif request.verb == "kill":
                self._kill(request.job)
        except OSError as error:
            _send(
                self._host, Report(request.job, "failed", error.errno or 0, f"starting it: {error.strerror}")
            )
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        self._refill()
        return True

    def _exec(self, job: int, seconds: float, descriptors: list[int]) -> None:
        spare, self._spare = self._spare or self._make_spare(), None
        try:
            spare.order(seconds, descriptors)
        except OSError:  # it was ended, for want of memory
            self._discard(spare)
            spare = self._make_spare()
            spare.order(seconds, descriptors)
        spare.orders.close()
        self._watch(_Job(job, spare.pid, spare.channel), spare.pidfd)

    def _make_spare(self) -> _Spare:
        """Fork process 1 of a command to come, which the kernel shall end before the warden."""
        mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        orders, taken = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with its, taken:
            os.pwrite(self._score, b"900", 0)
            pid = -1
            try:
                pid, pidfd = syscalls.clone(_COMMAND)
            finally:
                if pid:
                    os.pwrite(self._score, self._own_score, 0)
            if pid == 0:
                mine.close()
                orders.close()
                run_init(self._plan, its, taken)
        return _Spare(pid, pidfd, mine, orders)

    def _refill(self) -> None:
        if self._spare is None:
            with suppress(OSError):  # too many processes inside: the next command tries again
                self._spare = self._make_spare()

    def _discard(self, spare: _Spare) -> None:
        signal.pidfd_send_signal(spare.pidfd, signal.SIGKILL)
        os.waitpid(spare.pid, 0)
        os.close(spare.pidfd)
        spare.channel.close()
        spare.orders.close()

    def _snapshot(self, job: int, layer: str) -> None:
        mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with its:
            pid = os.fork()
            if pid == 0:
                _copy_layer(job, layer, its)
        self._watch(_Job(job, pid, mine), os.pidfd_open(pid))

    def _watch(self, job: _Job, pidfd: int) -> None:
        self._jobs[pidfd] = job
        self._poll.register(pidfd, select.POLLIN)

    def _kill(self, number: int) -> None:
        for pidfd, job in self._jobs.items():
            if job.number == number:
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)

    def _finish(self, pidfd: int) -> None:
        """Report a job whose process has ended; process 1 ends only after all others of its namespace."""
        job = self._jobs.pop(pidfd)
        self._poll.unregister(pidfd)
        os.close(pidfd)
        os.waitpid(job.pid, 0)
        # a command's child and process 1 may both have sent one: the first knows better
        data = job.channel.recv(_LARGEST_REQUEST)
        job.channel.close()
        report = unpack(Report, data) if data else Report(0, "killed", -signal.SIGKILL)
        _send(self._host, report._replace(job=job.number))

    def _end(self) -> None:
        if self._spare is not None:
            self._discard(self._spare)
        for pidfd in self._jobs:
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        for job in self._jobs.values():
            os.waitpid(job.pid, 0)
        for pidfd, pid in self._servers.items():
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            os.waitpid(pid, 0)


def _copy_layer(job: int, layer: str, warden: socket.socket) -> NoReturn:
    try:
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
        for part in room.WRITABLE:
            target = f"{room.LAYERS}/{layer}/{part}"
            os.makedirs(target)
            copy_tree(room.upper(part), target)
        warden.send(pack(Report(job, "done")))
    except OSError as error:
        warden.send(pack(Report(job, "failed", error.errno or 0, str(error.strerror or error))))
    finally:
        os._exit(0)


def _send(host: socket.socket, report: Report) -> None:
    """Send a report; a host that has gone is noticed at the next turn."""
    try:
        host.send(pack(report))
    except OSError:
        return
