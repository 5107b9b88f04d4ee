"""Packs that sealed repositories share by links, where one's base is an ancestor of the other's.

A store of all objects of a repository would let a sandbox read what is newer than its base. The packs of an
ancestor hold nothing but what the base reaches, and `check_sealed` proves that of the result as of any other.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from envs.git import git

_NOTE = "packs.json"


def sealed_before(folder: Path) -> list[Path]:
    """Return the sealed repositories in the folders beside one that is being filled."""
    return sorted(note.with_name("git") for note in folder.parent.glob(f"[!.]*/{_NOTE}"))


def note_packs(git_dir: Path, base_commit: str) -> None:
    """Write beside a repository which packs hold the history of its base, before others join them."""
    names = sorted(path.name for path in (git_dir / "objects" / "pack").iterdir())
    git_dir.with_name(_NOTE).write_text(json.dumps({"base_commit": base_commit, "packs": names}))


def link_packs(repository: Path, base_commit: str, packs: Path, sealed: Iterable[Path]) -> list[str]:
    """Link the packs of the sealed repository whose base is the newest ancestor of a commit.

    Args:
        repository: holds the commit and its ancestors.
        base_commit: full id.
        packs: the folder that gets the links.
        sealed: repositories to choose from; shallow ones are left out, since they lack ancestors.

    Returns:
        The base of the one that was chosen; nothing where there is none, or it cannot be linked.
    """
    by_base = {note["base_commit"]: (store, note["packs"]) for store in sealed if (note := _read(store))}
    ancestors = git(repository, "rev-list", base_commit).decode().split() if by_base else []
    base = next((one for one in ancestors if one in by_base), None)
    if base is None:
        return []
    store, names = by_base[base]
    linked = []
    try:
        for name in names:
            os.link(store / "objects" / "pack" / name, packs / name)
            linked.append(packs / name)
    except OSError:  # it is being removed, or lies on another file system
        for path in linked:
            path.unlink()
        return []
    return [base]


def _read(store: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(store.with_name(_NOTE).read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and not (store / "shallow").exists() else None
