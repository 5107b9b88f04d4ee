"""What both sandboxes offer to the code that is built on running commands inside."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping, Sequence
from typing import Protocol

from sandbox.base import ExecResult, Root, SandboxError

PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
SHELL = "/bin/bash"
AGENT = "agent"
ROOT = "root"


class Run(Protocol):
    """Runs an argument list inside and keeps `output` bytes of what it prints."""

    async def __call__(
        self,
        argv: Sequence[str],
        *,
        seconds: float,
        output: int,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        user: str | None = None,
    ) -> ExecResult:
        """Run it to its end; the other arguments are those of `Sandbox.exec`."""


def to_argv(command: str | Sequence[str]) -> list[str]:
    """Return a command as an argument list; a text is for the shell.

    Raises:
        SandboxError: it is empty, or no program can be given such an argument.
    """
    argv = [SHELL, "-c", command] if isinstance(command, str) else list(command)
    if not argv or not argv[0]:
        raise SandboxError("there is no command to run; give a shell text or a list that names a program")
    for word in argv:
        check_word(word)
    return argv


def check_word(word: str) -> None:
    """Refuse a text that no program can be given.

    Raises:
        SandboxError: it holds NUL, or half of a character.
    """
    if "\0" in word:
        raise SandboxError("an argument holds a NUL character, which no program can be given; remove it")
    try:
        os.fsencode(word)
    except UnicodeEncodeError as error:
        raise SandboxError(
            f"an argument holds half of a character, {word[error.start]!r}; remove it"
        ) from error


def to_environment(
    root: Root,
    home: str,
    extra: Mapping[str, str] | None,
    image: Mapping[str, str] | None = None,
    user: str = AGENT,
) -> dict[str, str]:
    """Return the whole environment of a command: nothing of the host's."""
    own = {"PATH": PATH, "HOME": home, "LANG": "C.UTF-8", "USER": user, "TMPDIR": "/tmp"}  # noqa: S108
    whole = own | dict(image or {}) | dict(root.env) | dict(extra or {})
    for name, value in whole.items():
        if not name or "=" in name or "\0" in name + value:
            raise SandboxError(f"{name!r} cannot be an environment variable")
        check_word(name + value)
    return whole


def absolute(root: Root, path: str | None) -> str:
    """Return a path inside; relative ones count from the repository's folder."""
    return posixpath.join(root.workdir, path or ".")
