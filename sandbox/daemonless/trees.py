"""Copying a tree of files that a guest may be changing at this moment.

Every step is relative to an open folder and follows no symlink: nothing outside of the tree can be reached.
Holes, hard links, times, modes, owners, whiteouts and opaque folders of an overlay are kept.
"""

from __future__ import annotations

import errno
import os
import stat

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_OPAQUE = ("trusted.overlay.opaque", "user.overlay.opaque")
_PIECE = 1 << 30


def copy_tree(source: str, target: str, owner: tuple[int, int] | None = None) -> None:
    """Copy what is in the folder `source` into the existing folder `target`.

    Args:
        source: the folder to copy from.
        target: the folder to copy into.
        owner: who shall own the copies; None keeps the owners.

    Raises:
        OSError: a file cannot be read or written; what vanishes while it is copied is no error.
    """
    try:
        _Copy(target, owner).folder(os.open(source, _FOLDER), os.open(target, _FOLDER), "")
    except RecursionError as error:
        raise OSError(errno.ENAMETOOLONG, "folders are nested too deep") from error


class _Copy:
    def __init__(self, target: str, owner: tuple[int, int] | None) -> None:
        self._target = target
        self._owner = owner
        self._links: dict[tuple[int, int], str] = {}

    def folder(self, source: int, target: int, path: str) -> None:
        """Copy an open folder into another; both are closed."""
        try:
            for name in os.listdir(source):
                try:
                    self._entry(source, target, name, f"{path}/{name}")
                except FileNotFoundError:
                    continue
            self._finish(source, target)
        finally:
            os.close(source)
            os.close(target)

    def _entry(self, source: int, target: int, name: str, path: str) -> None:
        found = os.stat(name, dir_fd=source, follow_symlinks=False)
        kind = stat.S_IFMT(found.st_mode)
        if kind == stat.S_IFDIR:
            inner = os.open(name, _FOLDER, dir_fd=source)
            os.mkdir(name, 0o700, dir_fd=target)
            self.folder(inner, os.open(name, _FOLDER, dir_fd=target), path)
        elif found.st_nlink > 1 and (found.st_dev, found.st_ino) in self._links:
            os.link(self._links[found.st_dev, found.st_ino], name, dst_dir_fd=target, follow_symlinks=False)
        elif kind == stat.S_IFREG:
            self._regular(source, target, name)
            self._links[found.st_dev, found.st_ino] = self._target + path
        elif kind == stat.S_IFLNK:
            os.symlink(os.readlink(name, dir_fd=source), name, dir_fd=target)
            self._own(name, found, target)
        elif kind != stat.S_IFBLK:
            os.mknod(name, found.st_mode, found.st_rdev, dir_fd=target)
            self._own(name, found, target)

    def _regular(self, source: int, target: int, name: str) -> None:
        reading = os.open(name, _FILE, dir_fd=source)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            writing = os.open(name, flags, 0o600, dir_fd=target)
            try:
                _copy_data(reading, writing)
                self._finish(reading, writing)
            finally:
                os.close(writing)
        finally:
            os.close(reading)

    def _finish(self, source: int, target: int) -> None:
        found = os.fstat(source)
        _copy_attributes(source, target)
        os.fchown(target, *(self._owner or (found.st_uid, found.st_gid)))
        os.fchmod(target, stat.S_IMODE(found.st_mode))
        os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))

    def _own(self, name: str, found: os.stat_result, folder: int) -> None:
        owner = self._owner or (found.st_uid, found.st_gid)
        os.chown(name, *owner, dir_fd=folder, follow_symlinks=False)
        times = (found.st_atime_ns, found.st_mtime_ns)
        os.utime(name, ns=times, dir_fd=folder, follow_symlinks=False)


def _copy_data(source: int, target: int) -> None:
    size = os.fstat(source).st_size
    os.ftruncate(target, size)
    start = 0
    while start < size:
        try:
            start = os.lseek(source, start, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return  # a hole to the end
            raise
        end = os.lseek(source, start, os.SEEK_HOLE)
        os.lseek(target, start, os.SEEK_SET)
        while start < end:
            sent = os.sendfile(target, source, start, min(end - start, _PIECE))
            if sent == 0:
                return  # cut short meanwhile
            start += sent


def _copy_attributes(source: int, target: int) -> None:
    try:
        names = os.listxattr(source)
    except OSError:
        return
    for name in names:
        if name in _OPAQUE:
            os.setxattr(target, name, os.getxattr(source, name))
        elif name.startswith("user.") and not name.startswith("user.overlay."):
            try:
                os.setxattr(target, name, os.getxattr(source, name))
            except OSError:
                continue  # the file system of the copy knows no such attributes
