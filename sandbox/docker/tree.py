"""A root's tree into a container, as the guest's own."""

from __future__ import annotations

import tarfile
import tempfile
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING

from sandbox.base import Root, SandboxError
from sandbox.docker.containers import GUEST, brief
from sandbox.inside import AGENT_HOME

if TYPE_CHECKING:
    from docker.models.containers import Container

_IN_MEMORY = 64 << 20


def put_tree(container: Container, root: Root) -> None:
    """Copy the tree into the container, as the guest's own, and let the guest reach what is mounted.

    Raises:
        SandboxError: the engine refuses.
    """
    from docker.errors import DockerException

    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as spool:
        try:
            _pack(root, spool)
        except OSError as error:
            raise SandboxError(
                f"a sandbox cannot start from {root.tree}: {error.strerror or error}"
            ) from error
        spool.seek(0)
        try:
            container.put_archive("/", spool)
        except (DockerException, OSError) as error:
            raise SandboxError(
                f"the repository cannot be copied into the container: {brief(error)}"
            ) from error


def _pack(root: Root, spool: IO[bytes]) -> None:
    with tarfile.open(fileobj=spool, mode="w") as archive:
        for folder in sorted({str(up) for inside in root.mounts for up in PurePosixPath(inside).parents}):
            if folder != "/":
                archive.addfile(_folder(folder))
        archive.addfile(_owned(_folder(AGENT_HOME)))
        archive.add(str(root.tree), root.workdir.lstrip("/"), filter=_owned)


def _folder(path: str) -> tarfile.TarInfo:
    folder = tarfile.TarInfo(path.lstrip("/"))
    folder.type, folder.mode = tarfile.DIRTYPE, 0o755
    return folder


def _owned(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = GUEST
    member.uname = member.gname = ""
    return member
