"""The shell programs that run inside of containers."""

from __future__ import annotations

import functools
import importlib.resources


@functools.cache
def script_of(name: str) -> str:
    """Return a program's text."""
    return importlib.resources.files("sandbox.docker").joinpath(f"{name}.sh").read_text()
