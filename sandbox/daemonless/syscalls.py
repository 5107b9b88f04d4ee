"""The Linux system calls that the standard library lacks; each raises `OSError` when refused.

The library keeps the interpreter's lock during a call (`PyDLL`), so that `clone` behaves like `os.fork` in a
process with one thread.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
_CLONE_PIDFD = 0x00001000

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18

MOUNT_ATTR_RDONLY = 0x00000001
MOUNT_ATTR_NOSUID = 0x00000002
MOUNT_ATTR_NODEV = 0x00000004
MOUNT_ATTR_NOEXEC = 0x00000008
_MOUNT_ATTR_IDMAP = 0x00100000

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_SECCOMP = 22
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4

_AT_FDCWD = -100
_AT_EMPTY_PATH = 0x1000
_AT_RECURSIVE = 0x8000
_OPEN_TREE = (1, 0x80000)
"""OPEN_TREE_CLONE, OPEN_TREE_CLOEXEC."""
_MOVE_MOUNT_BOTH_EMPTY = 0x04 | 0x40
_MNT_DETACH = 2

_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41}
_CLONE = {"x86_64": 56, "aarch64": 220, "riscv64": 220}
_OPEN_TREE_NUMBER, _MOVE_MOUNT, _CLOSE_RANGE, _MOUNT_SETATTR = 428, 429, 436, 442

_libc = ctypes.PyDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


class _MountAttr(ctypes.Structure):
    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


class _FilterProgram(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


_CAPABILITY_VERSION = (ctypes.c_uint32 * 2)(0x20080522, 0)
_NO_CAPABILITIES = (ctypes.c_uint32 * 6)()


def unshare(flags: int) -> None:
    """Leave the namespaces named by `flags` for new ones."""
    _checked("unshare", _libc.unshare(ctypes.c_int(flags)))


def clone(flags: int) -> tuple[int, int]:
    """Fork into new namespaces; return (pid, pidfd), or (0, -1) in the child."""
    number = _number(_CLONE, "clone")
    pidfd = ctypes.c_int(-1)
    zero = ctypes.c_ulong(0)
    pid = _libc.syscall(
        ctypes.c_long(number),
        ctypes.c_ulong(flags | _CLONE_PIDFD | signal.SIGCHLD),
        zero,
        ctypes.byref(pidfd),
        zero,
        zero,
    )
    _checked("clone", pid)
    return (pid, pidfd.value) if pid else (0, -1)


def close_from(first: int) -> None:
    """Close every descriptor from `first` on."""
    last = ctypes.c_uint(0xFFFFFFFF)
    number = ctypes.c_long(_CLOSE_RANGE)
    _checked("close_range", _libc.syscall(number, ctypes.c_uint(first), last, ctypes.c_uint(0)))


def prctl(option: int, first: int = 0, second: int = 0) -> None:
    """Set an attribute of this process."""
    words = [ctypes.c_ulong(word) for word in (first, second, 0, 0)]
    _checked("prctl", _libc.prctl(ctypes.c_int(option), *words))


def drop_capabilities() -> None:
    """Give up every capability of this process, for good."""
    _checked("capset", _libc.capset(_CAPABILITY_VERSION, _NO_CAPABILITIES))


def drop_bounding_set() -> None:
    """Make sure that no program started from here can ever gain a capability."""
    for capability in range(64):
        try:
            prctl(PR_CAPBSET_DROP, capability)
        except OSError as error:
            if error.errno == errno.EINVAL:
                return
            raise


def load_filter(program: bytes) -> None:
    """Install a seccomp filter, an array of `struct sock_filter`, for this process and its children."""
    loaded = _FilterProgram(len(program) // 8, program)
    _checked(
        "seccomp", _libc.prctl(ctypes.c_int(PR_SET_SECCOMP), ctypes.c_ulong(2), ctypes.byref(loaded), 0, 0)
    )


def mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    """Mount a file system, the classical way."""
    done = _libc.mount(
        os.fsencode(source),
        os.fsencode(target),
        os.fsencode(kind) if kind else None,
        ctypes.c_ulong(flags),
        os.fsencode(options) if options else None,
    )
    _checked(f"mount {kind or 'bind'}", done)


def detach(target: str) -> None:
    """Unmount a folder and all below it, now from the name space, later from memory."""
    _checked("umount", _libc.umount2(os.fsencode(target), ctypes.c_int(_MNT_DETACH)))


def pivot_root(new: str, old: str) -> None:
    """Make `new` the root and put the former root at `old`."""
    number = _number(_PIVOT_ROOT, "pivot_root")
    _checked(
        "pivot_root",
        _libc.syscall(ctypes.c_long(number), ctypes.c_char_p(new.encode()), ctypes.c_char_p(old.encode())),
    )


def clone_mount(source: str, *, recursive: bool) -> int:
    """Return a descriptor of a detached copy of the mount at a path."""
    flags = sum(_OPEN_TREE) | _AT_EMPTY_PATH | (_AT_RECURSIVE if recursive else 0)
    descriptor = _libc.syscall(
        ctypes.c_long(_OPEN_TREE_NUMBER),
        ctypes.c_int(_AT_FDCWD),
        ctypes.c_char_p(os.fsencode(source)),
        ctypes.c_uint(flags),
    )
    return _checked("open_tree", descriptor)


def restrict_mount(mount_fd: int, attributes: int, *, idmap: int | None = None, recursive: bool) -> None:
    """Add MOUNT_ATTR_* to a mount; `idmap` is a user namespace through which its owners appear."""
    wanted = _MountAttr(attr_set=attributes)
    if idmap is not None:
        wanted.attr_set |= _MOUNT_ATTR_IDMAP
        wanted.userns_fd = idmap
    done = _libc.syscall(
        ctypes.c_long(_MOUNT_SETATTR),
        ctypes.c_int(mount_fd),
        ctypes.c_char_p(b""),
        ctypes.c_uint(_AT_EMPTY_PATH | (_AT_RECURSIVE if recursive else 0)),
        ctypes.byref(wanted),
        ctypes.c_size_t(ctypes.sizeof(wanted)),
    )
    _checked("mount_setattr", done)


def attach_mount(mount_fd: int, target_fd: int) -> None:
    """Attach a detached mount at the file or folder that `target_fd` is open at."""
    empty = ctypes.c_char_p(b"")
    done = _libc.syscall(
        ctypes.c_long(_MOVE_MOUNT),
        ctypes.c_int(mount_fd),
        empty,
        ctypes.c_int(target_fd),
        empty,
        ctypes.c_uint(_MOVE_MOUNT_BOTH_EMPTY),
    )
    _checked("move_mount", done)


def _number(table: dict[str, int], name: str) -> int:
    machine = os.uname().machine
    if machine not in table:
        raise OSError(errno.ENOSYS, f"{name}: not known for {machine}")
    return table[machine]


def _checked(name: str, result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")
    return result
