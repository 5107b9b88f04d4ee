"""Why a tool did not do what it was asked, told to the model, and the files that tools may touch."""

from __future__ import annotations

import posixpath

from sandbox.base import Sandbox, SandboxFileError


class ToolError(Exception):
    """A tool refused or failed; the message tells the model why and what to do instead."""


def inside(sandbox: Sandbox, path: str) -> str:
    """Return `path` relative to the repository's folder.

    Raises:
        ToolError: it lies outside, or in the repository's `.git`.
    """
    if "\0" in path:
        raise ToolError("A path cannot hold a NUL character.")
    relative = posixpath.relpath(posixpath.join(sandbox.workdir, path), sandbox.workdir)
    if relative == ".." or relative.startswith("../"):
        raise ToolError(
            f"{path} is outside of the repository {sandbox.workdir}, so it would not be part of your patch; "
            "write scratch files with `bash`, below /tmp."
        )
    if relative == ".git" or relative.startswith(".git/"):
        raise ToolError("`.git` is no part of a patch.")
    return relative


async def kind_of(sandbox: Sandbox, path: str) -> str:
    """Return `regular file`, `directory`, or what else lies at `path`; empty when nothing does."""
    argv = ["env", "LC_ALL=C", "stat", "-L", "-c", "%F", "--", posixpath.join(sandbox.workdir, path)]
    result = await sandbox.exec(argv, timeout=30)
    return result.text.strip().replace("regular empty file", "regular file") if result.ok else ""


async def read_file(sandbox: Sandbox, path: str) -> bytes:
    """Return a file's bytes.

    Raises:
        ToolError: there is no such file.
    """
    try:
        return await sandbox.read(path)
    except SandboxFileError as error:
        kind = await kind_of(sandbox, path)
        if not kind:
            raise ToolError(f"There is no file {path}.{await _namesakes(sandbox, path)}") from None
        if kind == "directory":
            raise ToolError(f"{path} is a folder.") from None
        raise ToolError(f"{path} cannot be read: {error}") from None


async def _namesakes(sandbox: Sandbox, path: str) -> str:
    name = posixpath.basename(path.rstrip("/"))
    if not name:
        return ""
    pattern = "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
    argv = ["find", ".", "-path", "./.git", "-prune", "-o", "-name", pattern, "-print"]
    found = (await sandbox.exec(argv, timeout=30)).text.splitlines()
    paths = sorted(line.removeprefix("./") for line in found if line.startswith("./"))[:5]
    return f" Files of that name: {', '.join(paths)}." if paths else ""
