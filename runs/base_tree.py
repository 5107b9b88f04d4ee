"""The files of the base commit, read on the trusted side from a repository that no sandbox can change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from envs.git import git
from sandbox.base import Root


class BaseTree(Mapping[str, bytes]):
    """Contents by path; a content is read when asked for, a symlink reads as its target."""

    def __init__(self, root: Root) -> None:
        self._root = root
        listing = git(root.git_dir, "ls-tree", "-r", "-z", "--name-only", root.base_commit)
        names = (name.decode("utf-8", "surrogateescape") for name in listing.split(b"\0"))
        self._paths = frozenset(filter(None, names))

    def __getitem__(self, path: str) -> bytes:
        if path not in self._paths:
            raise KeyError(path)
        return git(self._root.git_dir, "cat-file", "blob", f"{self._root.base_commit}:{path}")

    def __contains__(self, path: object) -> bool:
        return path in self._paths

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)
