"""A root file system of a few programs, copied from this machine."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path


def small_system(folder: Path, *programs: str) -> Path:
    """Fill a folder with programs and the libraries they need, and return it."""
    (folder / "usr" / "bin").mkdir(parents=True)
    (folder / "etc").mkdir()
    (folder / "bin").symlink_to("usr/bin")
    for name in programs:
        program = shutil.which(name)
        assert program is not None, name
        shutil.copy(program, folder / "usr" / "bin" / name)
        listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
        for library in {word for word in listed.split() if word.startswith("/")}:
            target = folder / library.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, target)
    return folder
