"""The private folder of a host object: made, removed, and swept when its owner was killed."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from sandbox.daemonless.cgroups import sweep_control_groups
from sandbox.owners import is_orphan, new_name


def make_scratch() -> Path:
    """Make the private folder for snapshots, and remove those whose owners were killed."""
    sweep_scratch()
    scratch = Path(tempfile.gettempdir()).resolve() / new_name()
    scratch.mkdir(mode=0o700)
    (scratch / "layers").mkdir()
    return scratch


def sweep_scratch() -> int:
    """Remove folders and control groups whose owners were killed; return how many folders."""
    removed = 0
    for folder in Path(tempfile.gettempdir()).resolve().glob("mangabey-*"):
        if not is_orphan(folder.name) or folder.is_symlink():
            continue
        with suppress(FileNotFoundError):  # another process may sweep at the same time
            if folder.stat().st_uid == os.geteuid():
                remove_scratch(folder)
                removed += 1
    sweep_control_groups()
    return removed


def remove_scratch(folder: Path) -> None:
    """Remove a folder of layers, also where a guest has made its folders unreadable."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        for path, _, _ in os.walk(folder):
            with suppress(FileNotFoundError):
                os.chmod(path, 0o700)
        shutil.rmtree(folder, ignore_errors=True)
