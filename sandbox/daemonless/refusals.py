"""Saying what to enable where the kernel refuses to make a sandbox."""

from __future__ import annotations

import errno
from pathlib import Path

from sandbox.base import SandboxError, SandboxUnavailableError
from sandbox.daemonless.plan import Plan, Report
from sandbox.daemonless.room import OVERLAY

_OTHERWISE = "or use --sandbox docker"
_SWITCHES = (
    ("kernel/unprivileged_userns_clone", "0", "1"),
    ("kernel/apparmor_restrict_unprivileged_userns", "1", "0"),
    ("user/max_user_namespaces", "0", "10000"),
)
_PERMISSION = (errno.EPERM, errno.EACCES, errno.ENOSPC, errno.EUSERS)


def explain(report: Report, plan: Plan) -> SandboxError:
    """Return the error for a sandbox that could not be built."""
    if report.message.startswith("making namespaces") and report.code in _PERMISSION:
        return SandboxUnavailableError(f"this machine refuses namespaces ({report.message}); {_remedy(plan)}")
    if report.message.startswith(OVERLAY) and plan.image:
        return SandboxUnavailableError(
            f"an image needs an overlay, which this machine refuses ({report.message}); install "
            f"fuse-overlayfs and let this user open /dev/fuse, {_OTHERWISE}"
        )
    if report.code in (errno.ENOSYS, errno.ENODEV):
        return SandboxUnavailableError(
            f"this kernel is too old for the daemonless sandbox, which needs Linux 5.12 ({report.message}); "
            f"upgrade it, {_OTHERWISE}"
        )
    if report.code in _PERMISSION:
        return SandboxUnavailableError(f"this machine refuses a mount ({report.message}); {_remedy(plan)}")
    return SandboxError(f"the sandbox could not be built: {report.message or 'its warden ended'}")


def _remedy(plan: Plan, sysctl: Path = Path("/proc/sys")) -> str:
    if plan.user_namespace:
        for name, closed, opened in _SWITCHES:
            if _read(sysctl / name) == closed:
                return f"enable them with `sysctl -w {name.replace('/', '.')}={opened}`, {_OTHERWISE}"
    return f"inside a container give it --privileged, {_OTHERWISE}"


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
