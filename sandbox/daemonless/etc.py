"""The guest's /etc: a few private files, and the host's loader cache and time zone, or the image's."""

from __future__ import annotations

import os

from sandbox.daemonless.plan import Plan
from sandbox.inside import AGENT_HOME

_COPIED = ("ld.so.cache", "ld.so.conf", "localtime", "timezone", "mime.types", "protocols", "services")
_COPIED_WITH_NETWORK = ("resolv.conf", "ssl/certs/ca-certificates.crt", "pki/tls/certs/ca-bundle.crt")
_LARGEST = 4 << 20


def write(folder: str, host: str, plan: Plan) -> None:
    """Fill `folder`; `host` is where the host's own /etc can be read."""
    for name, text in _private(plan).items():
        _put(f"{folder}/{name}", text.encode())
    copied = (() if plan.image else _COPIED) + (_COPIED_WITH_NETWORK if plan.network else ())
    for name in copied:
        data = _read(f"{host}/{name}")
        if data is not None:
            _put(f"{folder}/{name}", data)


def _private(plan: Plan) -> dict[str, str]:
    return {
        "passwd": (
            "root:x:0:0:root:/nonexistent:/usr/sbin/nologin\n"
            f"agent:x:{plan.uid}:{plan.gid}:agent:{AGENT_HOME}:/bin/bash\n"
            "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
        ),
        "group": f"root:x:0:\nagent:x:{plan.gid}:\nnogroup:x:65534:\n",
        "hosts": "127.0.0.1 localhost sandbox\n::1 localhost\n",
        "hostname": "sandbox\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
        "resolv.conf": "",
    }


def _read(path: str) -> bytes | None:
    """Return a file's bytes; None where it is missing, not ours to read, or no small file."""
    host = path.split("/etc/", 1)[0]
    for _ in range(8):
        if not os.path.islink(path):
            break
        aim = os.readlink(path)
        path = host + aim if aim.startswith("/") else f"{os.path.dirname(path)}/{aim}"
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        return file.read() if os.fstat(descriptor).st_size <= _LARGEST else None


def _put(path: str, data: bytes) -> None:
    os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
    descriptor = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o644)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
