"""The system-call filter: what no test or build needs, and what has broken kernels before.

The program is assembled by hand, since it is short, and needs no library. System calls that can only be used
with a capability are refused all the same: the guest has none, this is the second wall.
"""

from __future__ import annotations

import errno
import os
import struct

# fmt: off
_X86_64 = {
    "acct": 163, "add_key": 248, "adjtimex": 159, "bpf": 321, "chroot": 161, "clock_adjtime": 305,
    "clock_settime": 227, "delete_module": 176, "fanotify_init": 300, "finit_module": 313,
    "init_module": 175, "ioperm": 173, "iopl": 172, "kexec_file_load": 320, "kexec_load": 246,
    "keyctl": 250, "lookup_dcookie": 212, "mount": 165, "name_to_handle_at": 303, "nfsservctl": 180,
    "open_by_handle_at": 304, "perf_event_open": 298, "pivot_root": 155, "quotactl": 179, "reboot": 169,
    "request_key": 249, "setdomainname": 171, "sethostname": 170, "setns": 308, "settimeofday": 164,
    "swapoff": 168, "swapon": 167, "syslog": 103, "umount2": 166, "unshare": 272, "userfaultfd": 323,
    "vhangup": 153, "clone": 56, "ioctl": 16, "socket": 41,
}
_GENERIC = {
    "acct": 89, "add_key": 217, "adjtimex": 171, "bpf": 280, "chroot": 51, "clock_adjtime": 266,
    "clock_settime": 112, "delete_module": 106, "fanotify_init": 262, "finit_module": 273,
    "init_module": 105, "kexec_file_load": 294, "kexec_load": 104, "keyctl": 219, "lookup_dcookie": 18,
    "mount": 40, "name_to_handle_at": 264, "nfsservctl": 42, "open_by_handle_at": 265,
    "perf_event_open": 241, "pivot_root": 41, "quotactl": 60, "reboot": 142, "request_key": 218,
    "setdomainname": 162, "sethostname": 161, "setns": 268, "settimeofday": 170, "swapoff": 225,
    "swapon": 224, "syslog": 116, "umount2": 39, "unshare": 97, "userfaultfd": 282, "vhangup": 58,
    "clone": 220, "ioctl": 29, "socket": 198,
}
_EVERYWHERE = {
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428,
    "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433,
    "mount_setattr": 442, "quotactl_fd": 443, "open_tree_attr": 467,
}
# fmt: on
_ARCHITECTURES = {"x86_64": (0xC000003E, _X86_64), "aarch64": (0xC00000B7, _GENERIC)}
_CLONE3 = 435
_NEW_NAMESPACES = 0x7E020080
"""CLONE_NEW* of all kinds; clone3 hides its flags from filters, so it is said not to exist."""
_TERMINAL_INJECTION = (0x5412, 0x541C)
"""TIOCSTI, TIOCLINUX."""
_FAMILIES = (1, 2, 10, 16)
"""AF_UNIX, AF_INET, AF_INET6, AF_NETLINK; vsock, for one, is not bounded by network namespaces."""
_X32 = 0x40000000

_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST, _SECOND = 0, 4, 16, 24
_ALLOW = 0x7FFF0000
_REFUSE = 0x00050000 | errno.EPERM
_MISSING = 0x00050000 | errno.ENOSYS


def program(machine: str = "") -> bytes | None:
    """Return the filter as an array of `struct sock_filter`; None for a machine it is not known for."""
    machine = machine or os.uname().machine
    if machine not in _ARCHITECTURES:
        return None
    architecture, numbers = _ARCHITECTURES[machine]
    inspected = {"clone", "ioctl", "socket"}
    refused = sorted(number for name, number in (numbers | _EVERYWHERE).items() if name not in inspected)
    code = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_JUMP_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _REFUSE),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if machine == "x86_64":
        code += [(_JUMP_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _MISSING)]
    code += [(_JUMP_EQUAL, 0, 1, _CLONE3), (_RETURN, 0, 0, _MISSING)]
    for number in refused:
        code += [(_JUMP_EQUAL, 0, 1, number), (_RETURN, 0, 0, _REFUSE)]
    code += _inspect(
        numbers["clone"], _FIRST, [(_JUMP_ANY_BIT, 0, 1, _NEW_NAMESPACES), (_RETURN, 0, 0, _REFUSE)]
    )
    code += _inspect(numbers["ioctl"], _SECOND, _either(_TERMINAL_INJECTION, _REFUSE, _ALLOW))
    code += _inspect(numbers["socket"], _FIRST, _either(_FAMILIES, _ALLOW, _REFUSE))
    code.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def _inspect(
    number: int, argument: int, body: list[tuple[int, int, int, int]]
) -> list[tuple[int, int, int, int]]:
    """Run `body` on the low word of an argument of one system call, then allow."""
    inner = [(_LOAD, 0, 0, argument), *body, (_RETURN, 0, 0, _ALLOW)]
    return [(_JUMP_EQUAL, 0, len(inner), number), *inner]


def _either(values: tuple[int, ...], matched: int, other: int) -> list[tuple[int, int, int, int]]:
    tests = [(_JUMP_EQUAL, len(values) - at, 0, value) for at, value in enumerate(values)]
    return [*tests, (_RETURN, 0, 0, other), (_RETURN, 0, 0, matched)]
