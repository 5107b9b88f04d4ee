"""Git on the trusted side: the same result whatever the user's configuration, hooks and clock say."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_IDENTITY = {
    "GIT_AUTHOR_NAME": "Mangabey",
    "GIT_AUTHOR_EMAIL": "mangabey@localhost",
    "GIT_AUTHOR_DATE": "2020-01-01T00:00:00+0000",
    "GIT_COMMITTER_NAME": "Mangabey",
    "GIT_COMMITTER_EMAIL": "mangabey@localhost",
    "GIT_COMMITTER_DATE": "2020-01-01T00:00:00+0000",
}

_HERMETIC = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}

_KEPT = frozenset({"GIT_SSL_CAINFO", "GIT_SSL_CAPATH"})

_OPTIONS = (
    "safe.directory=*",
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.autocrlf=false",
    "core.fileMode=true",
    "core.logAllRefUpdates=false",
    "core.quotePath=true",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "commit.gpgSign=false",
    "diff.noprefix=false",
    "diff.mnemonicPrefix=false",
    "gc.auto=0",
    "init.defaultBranch=main",
    "init.templateDir=",
)


class GitError(RuntimeError):
    """A git command failed; the message is its first complaint."""


def git(folder: Path, *arguments: str, stdin: bytes = b"", env: dict[str, str] | None = None) -> bytes:
    """Run git in a folder and return what it prints.

    The user's and the system's configuration, hooks, templates and environment have no influence, but for
    proxies and certificates; commits carry a fixed identity and date, so that equal trees give equal commits.

    Raises:
        GitError: it failed, or git is not installed.
    """
    options = [word for option in _OPTIONS for word in ("-c", option)]
    try:
        done = subprocess.run(
            ["git", *options, *arguments],
            cwd=folder,
            env=_environment({"GIT_CEILING_DIRECTORIES": str(folder.absolute().parent), **(env or {})}),
            input=stdin,
            capture_output=True,
        )
    except FileNotFoundError as error:
        missing = "git is not installed" if folder.is_dir() else f"there is no folder {folder}"
        raise GitError(missing) from error
    if done.returncode:
        raise GitError(f"git {arguments[0]}: {_complaint(done.stderr) or f'exit code {done.returncode}'}")
    return done.stdout


def commit_tree(folder: Path, message: str) -> str:
    """Put everything in a folder, ignored files too, into one commit of a new repository; return its id.

    Raises:
        GitError: it cannot be committed.
    """
    git(folder, "init", "--quiet")
    git(folder, "add", "--all", "--force")
    git(folder, "commit", "--quiet", "--no-verify", "--allow-empty", "--message", message)
    return git(folder, "rev-parse", "HEAD").decode().strip()


def _environment(extra: dict[str, str]) -> dict[str, str]:
    ours = os.environ.items()
    outer = {name: value for name, value in ours if not name.startswith("GIT_") or name in _KEPT}
    return outer | _IDENTITY | _HERMETIC | extra


def _complaint(stderr: bytes) -> str:
    lines = [line.strip() for line in stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    grave = [line for line in lines if line.startswith(("fatal:", "error:"))]
    return (grave or lines or [""])[0]
