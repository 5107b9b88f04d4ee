"""Undoing, before a patch is graded, what it did to the tests and to how they are run.

The official test files, and every file from which pytest or the interpreter takes orders, are put back as the
base has them: what the patch changed is changed back, what it deleted returns, what it added is removed. No
code of the patch has run by then, and nothing of the sandbox's own `.git` is used.
"""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from envs.runner_files import RUNNER_FILES, RUNNER_MODULES
from sandbox.base import PatchError, Sandbox, SandboxError, Status

CONFIGURATION = (*RUNNER_FILES, "setup.cfg")
"""Files that are put back; pyproject.toml, which configures tests and much else, is left."""

_IMPORT_ROOTS = frozenset({".", "src", "lib"})

_SECONDS = 120.0


async def restore_tests(
    sandbox: Sandbox, base: Path, test_files: Iterable[str], spared: Iterable[str] = ()
) -> None:
    """Put test files and the runner's configuration back to what they are in the base.

    Args:
        sandbox: where a patch was applied.
        base: the host's working tree of the base commit.
        test_files: files that the official tests live in.
        spared: folders and files that are left as they are, for no patch can have been in them.

    Raises:
        PatchError: the patch leaves no place for them, such as a file where their folder was.
        SandboxError: the sandbox failed.
    """
    ours = tuple(PurePosixPath(path) for path in spared)
    listed = {path.removeprefix("./") for path in await _runner_files(sandbox)}
    present = {path for path in listed if not any(PurePosixPath(path).is_relative_to(one) for one in ours)}
    wanted = {*_configuration(base), *(path for path in test_files if _is_there(base / path))}
    orders = {path for path in present if _configures(Path(path).name)}
    hiding = {path for path in present if _hides(path) and not _is_there(base / path)}
    await _remove(sandbox, wanted | orders | hiding | set(test_files))
    await _put_back(sandbox, base, wanted)


async def _runner_files(sandbox: Sandbox) -> list[str]:
    names = [*CONFIGURATION, *RUNNER_MODULES, *(f"{module}.*" for module in RUNNER_MODULES)]
    tests = [word for name in names for word in ("-o", "-name", name)][1:]
    command = ["find", ".", "-path", "./.git", "-prune", "-o", "(", *tests, ")", "-print0"]
    result = await sandbox.exec(command, timeout=_SECONDS)
    if not result.ok or result.omitted:
        raise SandboxError(f"the patched files cannot be listed: {result.text.strip()[-200:]}")
    return [part.decode("utf-8", "surrogateescape") for part in result.output.split(b"\0") if part]


def _configuration(base: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(base):
        if Path(folder) == base and ".git" in folders:
            folders.remove(".git")
        for name in (*files, *folders):
            if _configures(name):
                yield str((Path(folder) / name).relative_to(base))


async def _remove(sandbox: Sandbox, paths: Iterable[str]) -> None:
    names = b"".join(os.fsencode(f"./{path}") + b"\0" for path in sorted(paths))
    result = await sandbox.exec(["xargs", "-0", "-r", "rm", "-rf", "--"], stdin=names, timeout=_SECONDS)
    if not result.ok:
        raise SandboxError(f"the tests of the base cannot be put back: {result.text.strip()[-200:]}")


async def _put_back(sandbox: Sandbox, base: Path, paths: Iterable[str]) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path in sorted(paths):
            tar.add(base / path, f"./{path}")
    command = ["tar", "--extract", "--no-same-owner", "--unlink-first", "--file", "-"]
    result = await sandbox.exec(command, stdin=packed.getvalue(), timeout=_SECONDS)
    if result.status is Status.EXITED and result.exit_code:
        raise PatchError(f"the tests of the base have no place any more: {result.text.strip()[-200:]}")
    if not result.ok:
        raise SandboxError(f"the tests of the base cannot be put back: {result.status.value}")


def _is_there(path: Path) -> bool:
    return os.path.lexists(path)


def _configures(name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in CONFIGURATION)


def _hides(path: str) -> bool:
    module, folder = Path(path).name.partition(".")[0], str(Path(path).parent)
    return module in RUNNER_MODULES and folder in _IMPORT_ROOTS
