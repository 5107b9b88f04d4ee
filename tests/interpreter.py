"""A Python environment with pytest and nothing else, for the packages that tests solve and grade.

This one's plugins cost each run of pytest in a sandbox two seconds.
"""

from __future__ import annotations

import atexit
import compileall
import functools
import shutil
import tempfile
import venv
from importlib.metadata import distribution
from pathlib import Path

DISTRIBUTIONS = ("pytest", "pluggy", "iniconfig", "packaging", "pygments")


@functools.cache
def lean_python() -> Path:
    """Return the folder of the environment; it is made once and goes with the process."""
    folder = Path(tempfile.mkdtemp(prefix="mangabey-python-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    folder.chmod(0o755)  # sandboxes have users of their own
    venv.create(folder, symlinks=True)
    packages = next(folder.glob("lib/python*/site-packages"))
    for name in DISTRIBUTIONS:
        found = distribution(name)
        for file in found.files or ():
            if ".." not in file.parts and "__pycache__" not in file.parts:
                target = packages / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(found.locate_file(file), target)
    compileall.compile_dir(packages, quiet=1)  # sandboxes mount it read-only
    return folder
