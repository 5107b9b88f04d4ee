"""Copying files of the host into a sandbox, as one archive that is unpacked by a command inside."""

from __future__ import annotations

import asyncio
import io
import os
import posixpath
import tarfile
from pathlib import Path

from sandbox.base import SandboxFileError
from sandbox.run import Run

LARGEST = 256 << 20
_SECONDS = 300.0

_UNPACK = """
set -e
above=$1 name=$2
mkdir -p -- "$above"
cd -- "$above"
if [ -e "./$name" ] && [ ! -d "./$name" ]; then rm -f -- "./$name"; fi
exec tar -x -f - --no-same-owner
"""


async def upload(run: Run, source: Path, target: str) -> None:
    """Copy a file, or a folder with all that is in it, to an absolute path inside.

    Raises:
        SandboxFileError: the source cannot be read or is larger than 256 MiB, or the target cannot be
        written.
    """
    above, name = posixpath.split(posixpath.normpath(target))
    if not name or "\0" in target:
        raise SandboxFileError(f"cannot upload to {target!r}: it names no file")
    archive = await asyncio.to_thread(_pack, source, name)
    argv = ["/bin/sh", "-c", _UNPACK, "sh", above, name]
    done = await run(argv, seconds=_SECONDS, output=4096, stdin=archive)
    if not done.ok:
        lines = done.text.strip().splitlines() or [f"the command ended with {done.exit_code}"]
        raise SandboxFileError(f"cannot upload to {target}: {lines[0]}")


def _pack(source: Path, name: str) -> bytes:
    packed = io.BytesIO()
    try:
        if (size := _size(source)) > LARGEST:
            raise SandboxFileError(f"cannot upload {source}: {size >> 20} MiB are more than {LARGEST >> 20}")
        with tarfile.open(fileobj=packed, mode="w") as archive:
            archive.add(source, f"./{name}", filter=_plain)
    except OSError as error:
        if isinstance(error, SandboxFileError):
            raise
        raise SandboxFileError(f"cannot upload {source}: {error.strerror or error}") from error
    return packed.getvalue()


def _size(source: Path) -> int:
    total = source.lstat().st_size
    for folder, _, names in os.walk(source):
        total += sum(os.lstat(os.path.join(folder, name)).st_size for name in names)  # noqa: PTH118
    return total


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Forget the owner; leave out what is no file, folder or link."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member if member.isreg() or member.isdir() or member.issym() or member.islnk() else None
