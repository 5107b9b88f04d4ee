"""The version that setuptools_scm would find, for a repository whose tags an agent may not see."""

from __future__ import annotations

import re
from pathlib import Path

from envs.git import GitError, git

_DESCRIBED = re.compile(r"(?P<tag>.+)-(?P<distance>\d+)-g(?P<commit>[0-9a-f]+)")
_VERSION = re.compile(
    r"(?:^|[-_vV])(?P<release>\d+(?:\.\d+)*)"
    r"(?:[-_.]?(?P<kind>alpha|beta|a|b|c|rc|post|dev)[-_.]?(?P<number>\d+))?$"
)
_KINDS = {"alpha": "a", "beta": "b", "c": "rc", "post": ".post", "dev": ".dev"}
NONE = "0.0.0"


def version_of(repository: Path, commit: str) -> str:
    """Return the version of a commit by its nearest tag, as setuptools_scm guesses it; `0.0.0` without tags.

    Of the tag `5.4.1`, 35 commits back, it makes `5.4.2.dev35+g1234567` (its scheme `guess-next-dev`).
    """
    try:
        described = (
            git(repository, "describe", "--tags", "--long", "--match", "*[0-9]*", commit).decode().strip()
        )
    except GitError:
        return NONE
    found = _DESCRIBED.fullmatch(described)
    version = _VERSION.search(found["tag"]) if found else None
    if found is None or version is None:
        return NONE
    kind, number = version["kind"] or "", version["number"] or ""
    released = version["release"] + (f"{_KINDS.get(kind, kind)}{int(number)}" if kind else "")
    if found["distance"] == "0":
        return released
    following = version["release"] if kind == "dev" else _next(released)
    return f"{following}.dev{found['distance']}+g{found['commit']}"


def _next(version: str) -> str:
    """Return a version whose last number is one more."""
    return re.sub(r"\d+$", lambda last: str(int(last[0]) + 1), version)
