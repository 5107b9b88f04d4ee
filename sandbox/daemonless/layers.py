"""One layer of an image, unpacked into a folder that an overlay takes as it is.

Every member is put in place relative to an open folder, and no symlink is followed on the way: a layer can
write nowhere else. What a layer takes away becomes what overlays know for it: a character device 0:0 for a
name, an attribute for all of a folder (OCI image specification, "Layer", "Whiteouts").
"""

from __future__ import annotations

import errno
import os
import stat
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from sandbox.base import ImageError

_GONE, _ALL_GONE = ".wh.", ".wh..wh..opq"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_PIECE = 1 << 20


def unpack_layer(stream: IO[bytes], target: Path) -> None:
    """Unpack a layer's uncompressed archive into an empty folder.

    Owners are kept where this process is root. Devices are left out; a sandbox has its own.

    Raises:
        ImageError: the archive is damaged, or a member would lie outside of the folder.
    """
    root = os.open(target, _FOLDER)
    try:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            folders = [member for member in archive if _put(archive, member, root) and member.isdir()]
        for member in reversed(folders):  # files put into them have changed their times, or could not be
            _finish_folder(member, root)
        while stream.read(_PIECE):
            pass
    except (tarfile.TarError, OverflowError) as error:
        raise ImageError(f"a layer is damaged: {error}") from error
    except OSError as error:
        raise ImageError(f"a layer cannot be unpacked: {error.strerror or error}") from error
    finally:
        os.close(root)


def _put(archive: tarfile.TarFile, member: tarfile.TarInfo, root: int) -> bool:
    """Put a member in place and tell whether there was anything to put."""
    *above, name = _parts(member.name) or [""]
    if not name:
        return False
    with _folder(root, above) as here:
        if name == _ALL_GONE:
            _mark_opaque(here)
        elif name.startswith(_GONE):
            _clear(here, name.removeprefix(_GONE))
            os.mknod(name.removeprefix(_GONE), stat.S_IFCHR, 0, dir_fd=here)
        elif member.isdir():
            with suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=here)
        elif member.issym():
            _clear(here, name)
            os.symlink(member.linkname, name, dir_fd=here)
            _own(member, name, here)
        elif member.islnk():
            *source_above, source = _parts(member.linkname) or [""]
            with _folder(root, source_above) as there:
                _clear(here, name)
                os.link(source, name, src_dir_fd=there, dst_dir_fd=here, follow_symlinks=False)
        elif member.isreg():
            _clear(here, name)
            _regular(archive, member, name, here)
    return True


def _regular(archive: tarfile.TarFile, member: tarfile.TarInfo, name: str, here: int) -> None:
    content = archive.extractfile(member)
    assert content is not None
    with os.fdopen(os.open(name, _NEW, 0o600, dir_fd=here), "wb") as file:
        while piece := content.read(_PIECE):
            file.write(piece)
        file.flush()
        if os.geteuid() == 0:
            os.fchown(file.fileno(), member.uid, member.gid)
        os.fchmod(file.fileno(), member.mode & 0o7777)
        os.utime(file.fileno(), (member.mtime, member.mtime))


def _finish_folder(member: tarfile.TarInfo, root: int) -> None:
    with _folder(root, _parts(member.name)) as here:
        if os.geteuid() == 0:
            os.fchown(here, member.uid, member.gid)
        os.fchmod(here, member.mode & 0o7777 | (0 if os.geteuid() == 0 else 0o700))
        os.utime(here, (member.mtime, member.mtime))


def _own(member: tarfile.TarInfo, name: str, here: int) -> None:
    if os.geteuid() == 0:
        os.chown(name, member.uid, member.gid, dir_fd=here, follow_symlinks=False)


def _mark_opaque(folder: int) -> None:
    os.setxattr(folder, "user.overlay.opaque", b"y")
    if os.geteuid() == 0:
        os.setxattr(folder, "trusted.overlay.opaque", b"y")


def _clear(folder: int, name: str) -> None:
    """Remove what an earlier member of the same name has left."""
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)


def _parts(path: str) -> list[str]:
    parts = [part for part in path.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise ImageError(f"a layer is not trusted: {path[:200]!r} would lie outside of it")
    return parts


@contextmanager
def _folder(root: int, parts: list[str]) -> Iterator[int]:
    """Open a folder below the root, made where missing."""
    here = os.dup(root)
    try:
        for part in parts:
            try:
                inner = os.open(part, _FOLDER, dir_fd=here)
            except FileNotFoundError:
                os.mkdir(part, 0o755, dir_fd=here)
                inner = os.open(part, _FOLDER, dir_fd=here)
            except OSError as error:
                if error.errno in {errno.ELOOP, errno.ENOTDIR}:
                    where = "/".join(parts)[:200]
                    raise ImageError(
                        f"a layer is not trusted: {where!r} leads through a link or file"
                    ) from error
                raise
            os.close(here)
            here = inner
        yield here
    finally:
        os.close(here)
