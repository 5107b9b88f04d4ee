"""What the host process, the zygote, the wardens and their children say to each other.

Each message is one JSON array on a sequenced-packet socket, or in a memory file where it may be long. Only
light modules are imported here: this is loaded in every warden.
"""

from __future__ import annotations

import json
import os
from typing import NamedTuple, TypeVar

KERNEL, FUSE, COPY = "kernel", "fuse", "copy"
"""How a sandbox gets a tree of its own: an overlay of the kernel's or of fuse-overlayfs, or a copy."""


class Plan(NamedTuple):
    """Everything a warden needs to build one sandbox; host paths are absolute and free of symlinks."""

    scratch: str
    """The host object's private folder; its `layers` holds snapshots."""
    image: list[str]
    """Folders of the root file system, the lowest first; empty for the host's own /usr."""
    tree: str
    workdir: str
    layers: list[str]
    """Names below `scratch/layers`, oldest first."""
    mounts: list[tuple[str, str]]
    """(path inside, host path), all read-only."""
    disk: int
    files: int
    """Inodes."""
    uid: int
    """Of the guest, in the warden's user namespace."""
    gid: int
    user_namespace: bool
    network: bool
    layering: str
    """KERNEL, FUSE or COPY."""
    fuse: str
    """The path of fuse-overlayfs; empty where it is not installed."""
    control_groups: list[str]
    """Files that take a process into the sandbox's control groups."""
    limits: list[tuple[int, int]]
    """(RLIMIT_*, value) of every process inside."""


class Command(NamedTuple):
    """One command to run."""

    argv: list[str]
    env: dict[str, str]
    cwd: str


class Request(NamedTuple):
    """From the host to a warden: `exec` (with a `Command` and two descriptors), `snapshot`, `kill`."""

    verb: str
    job: int
    layer: str = ""
    seconds: float = 0.0


class Report(NamedTuple):
    """From a warden to the host: how a job ended.

    `kind` is a `Status`, or `done` (of a snapshot and of the building), or `failed`: `message` says why.
    """

    job: int
    kind: str
    code: int = 0
    message: str = ""


Message = TypeVar("Message", Plan, Command, Request, Report)


def pack(message: Plan | Command | Request | Report) -> bytes:
    """Return a message as bytes; lone surrogates (undecodable file names) survive."""
    return json.dumps(message).encode()


def unpack(kind: type[Message], data: bytes) -> Message:
    """Return the message that `pack` wrote."""
    return kind(*json.loads(data))


def to_memory_file(data: bytes) -> int:
    """Return a descriptor of a sealed, read-only memory file that holds `data`."""
    import fcntl

    writable = os.memfd_create("mangabey", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(writable, view) :]
        fcntl.fcntl(writable, fcntl.F_ADD_SEALS, 0x0F)
        return os.open(f"/proc/self/fd/{writable}", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(writable)


def from_memory_file(descriptor: int) -> bytes:
    """Return what `to_memory_file` was given."""
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, size, 0)
