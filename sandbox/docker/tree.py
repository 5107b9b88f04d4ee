"""A root's tree into a container, as its user's own."""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

from sandbox.base import Root, SandboxError
from sandbox.docker.containers import GUEST, brief
from sandbox.inside import AGENT_HOME, GIT_DIR

if TYPE_CHECKING:
    from docker.models.containers import Container

Owner = Callable[[tarfile.TarInfo], tarfile.TarInfo | None]

_IN_MEMORY = 64 << 20


def put_tree(container: Container, root: Root, *, as_root: bool = False) -> None:
    """Copy the tree into a container, as the guest's or root's own; let the guest reach what is mounted.

    Packs of its repository that the mounted one has too are not copied: git finds them there.

    Raises:
        SandboxError: the engine refuses.
    """
    from docker.errors import DockerException

    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as spool:
        try:
            _pack(root, spool, 0 if as_root else GUEST)
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


def _pack(root: Root, spool: IO[bytes], owner: int) -> None:
    def owned(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = owner
        member.uname = member.gname = ""
        return member

    inside = root.workdir.lstrip("/")
    shared = {f"{inside}/.git/objects/pack/{name}" for name in _shared_packs(root)}
    with tarfile.open(fileobj=spool, mode="w") as archive:
        for folder in sorted({str(up) for mount in root.mounts for up in PurePosixPath(mount).parents}):
            if folder != "/":
                archive.addfile(_folder(folder))
        home = _folder(AGENT_HOME)
        home.uid = home.gid = GUEST
        archive.addfile(home)
        archive.add(str(root.tree), inside, filter=lambda one: None if one.name in shared else owned(one))
        if shared:
            _link_objects(archive, inside, owned)


def _shared_packs(root: Root) -> list[str]:
    """Return the files of the tree's own packs that are the very files of the mounted repository."""
    ours, mounted = root.tree / ".git" / "objects" / "pack", root.git_dir / "objects" / "pack"
    if not ours.is_dir() or not mounted.is_dir():
        return []
    return [one.name for one in ours.iterdir() if _same(one, mounted / one.name)]


def _same(one: Path, other: Path) -> bool:
    return other.exists() and one.samefile(other)


def _link_objects(archive: tarfile.TarFile, inside: str, owned: Owner) -> None:
    import io

    line = f"{GIT_DIR}/objects\n".encode()
    member = tarfile.TarInfo(f"{inside}/.git/objects/info/alternates")
    member.size, member.mode = len(line), 0o644
    for one in (_folder(f"{inside}/.git/objects/info"), member):
        if found := owned(one):
            archive.addfile(found, io.BytesIO(line))


def _folder(path: str) -> tarfile.TarInfo:
    folder = tarfile.TarInfo(path.lstrip("/"))
    folder.type, folder.mode = tarfile.DIRTYPE, 0o755
    return folder
