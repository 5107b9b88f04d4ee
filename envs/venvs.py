"""Virtual environments of tasks: one for each interpreter and set of requirements, mounted at /opt/env."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from envs.cache import build_once, content_key
from envs.clean_environment import clean_environment
from envs.interpreters import Interpreter, examine, find_interpreter
from envs.sdists import pip
from envs.task import Environment, TaskError

INSIDE = "/opt/env"
"""Where a virtual environment lies in a sandbox."""


@dataclass(frozen=True, slots=True)
class Venv:
    """A virtual environment for a sandbox: its folder on the host, and all that is to be mounted."""

    folder: Path
    mounts: Mapping[str, Path]


def venv_for(environment: Environment, home: Path) -> Venv:
    """Return the virtual environment of a task, built at the first call.

    A ready interpreter that belongs to a virtual environment is used with it as it is; of another one a thin
    environment is made that sees its packages.

    Raises:
        TaskError: the interpreter does not start, or pip cannot install the requirements.
    """
    if "/" not in environment.python:
        interpreter, _ = find_interpreter(environment.python)
        folder = _built(interpreter, environment.requirements, home)
    else:
        interpreter = examine(_executable(Path(environment.python)))
        folder = interpreter.prefix if interpreter.in_venv else _thin(interpreter, home)
    return Venv(folder, {INSIDE: folder, **interpreter.mounts()})


def has_package(python: Path, module: str) -> bool:
    """Return whether an interpreter, or that of a virtual environment, finds a module.

    Raises:
        TaskError: it is no interpreter.
    """
    question = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
    command = [str(_executable(python)), "-I", "-c", question]
    try:
        return subprocess.run(command, capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.SubprocessError) as error:
        raise TaskError(f"{python} is no Python interpreter that runs here: {error}") from error


def _executable(path: Path) -> Path:
    if path.is_dir():
        path = path / "bin" / "python"
    if not path.exists():
        raise TaskError(f"there is no Python interpreter at {path}")
    return path.absolute()


def _built(interpreter: Interpreter, requirements: Sequence[str], home: Path) -> Path:
    def build(folder: Path) -> None:
        _make(interpreter, folder)
        if requirements:
            options = ["--quiet", "--no-compile", "--prefer-binary", "--no-warn-script-location"]
            pip("--python", str(folder / "bin" / "python"), "install", *options, "--", *requirements)
        _settle(folder)

    return build_once(_place(interpreter, home, *sorted(requirements)), build)


def _thin(interpreter: Interpreter, home: Path) -> Path:
    def build(folder: Path) -> None:
        _make(interpreter, folder, "--system-site-packages")
        _settle(folder)

    return build_once(_place(interpreter, home, "--system-site-packages"), build)


def _place(interpreter: Interpreter, home: Path, *parts: str) -> Path:
    key = content_key("venv 1", interpreter.version, str(interpreter.base_executable), *parts)
    return home / "venvs" / key


def _make(interpreter: Interpreter, folder: Path, *options: str) -> None:
    command = [str(interpreter.base_executable), "-I", "-m", "venv", "--without-pip", *options, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if done.returncode:
        lines = (done.stderr + done.stdout).strip().splitlines() or ["it said nothing"]
        raise TaskError(f"{interpreter.base_executable} cannot make a virtual environment: {lines[-1]}")


def _settle(folder: Path) -> None:
    """Make an environment work where it will be mounted: scripts and bytecode name that place."""
    for script in (folder / "bin").iterdir():
        if script.is_symlink() or not script.is_file():
            continue
        data = script.read_bytes()
        if str(folder).encode() in data:
            script.write_bytes(data.replace(str(folder).encode(), INSIDE.encode()))
    python = str(folder / "bin" / "python")
    packages = [str(path) for path in folder.glob("lib/python*/site-packages")]
    # files for other versions of Python, which some packages carry, do not compile
    command = [python, "-I", "-m", "compileall", "-q", "-s", str(folder), "-p", INSIDE, *packages]
    subprocess.run(command, capture_output=True, env=clean_environment())
