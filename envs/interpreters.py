"""Python interpreters of this machine: asked what they are, and found by version."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from envs.task import TaskError

_QUESTION = (
    "import sys, json; print(json.dumps(['%d.%d.%d' % sys.version_info[:3], sys.prefix, "
    "sys.base_prefix, getattr(sys, '_base_executable', sys.executable)]))"
)


@dataclass(frozen=True, slots=True)
class Interpreter:
    """One interpreter: where it is, and where the Python it belongs to is installed.

    `prefix` is the environment it runs in, `base_prefix` the installation behind it; they differ in a
    virtual environment.
    """

    path: Path
    version: str
    prefix: Path
    base_prefix: Path
    base_executable: Path

    @property
    def in_venv(self) -> bool:
        """Whether it belongs to a virtual environment."""
        return self.prefix != self.base_prefix

    def mounts(self) -> Mapping[str, Path]:
        """Return the host folders, by their path inside, without which it does not start in a sandbox.

        The sandbox has the host's /usr, so an installation there needs none.
        """
        folders = {self.base_prefix, self.base_prefix.resolve()}
        return {str(folder): folder for folder in folders if not _in_usr(folder.resolve())}


@lru_cache(maxsize=64)
def examine(python: Path) -> Interpreter:
    """Ask an interpreter what it is.

    Raises:
        TaskError: it does not start.
    """
    try:
        done = subprocess.run(
            [str(python), "-I", "-c", _QUESTION], capture_output=True, timeout=60, check=True
        )
        version, prefix, base_prefix, executable = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise TaskError(f"{python} is no Python interpreter that starts here") from error
    return Interpreter(python, version, Path(prefix), Path(base_prefix), Path(executable))


def find_interpreter(version: str) -> tuple[Interpreter, str]:
    """Return the interpreter of a version such as `3.11`, and a notice that is empty if it is that version.

    The running one is taken where it fits, then `python<version>` on PATH, else the running one all the same.
    """
    running = examine(Path(sys.executable))
    if _fits(running, version):
        return running, ""
    minor = ".".join(version.split(".")[:2])
    for folder in os.get_exec_path():
        found = shutil.which(f"python{minor}", path=folder)
        if not found:
            continue
        try:
            other = examine(Path(found))
        except TaskError:  # a launcher for a version that is not installed
            continue
        if _fits(other, version):
            return other, ""
    return running, f"Python {version} is not on PATH; the environment has Python {running.version} instead"


def _fits(interpreter: Interpreter, version: str) -> bool:
    wanted = version.split(".") if version else []
    return interpreter.version.split(".")[: len(wanted)] == wanted


def _in_usr(folder: Path) -> bool:
    return folder == Path("/") or folder.is_relative_to("/usr")
