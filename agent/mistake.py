"""A mistake in our own code, told in one line that says where it is."""

from __future__ import annotations

import traceback
from pathlib import Path

_ROOMS = Path(__file__).resolve().parent.parent


def told_mistake(error: Exception) -> str:
    """Return an error that nobody expected as one line: its type, what it says, and the line of code.

    The line is the innermost one of Mangabey's own; what a library does inside of it says less.
    """
    frames = [(Path(frame.filename), frame) for frame in traceback.extract_tb(error.__traceback__)]
    ours = [
        (path.relative_to(_ROOMS), frame)
        for path, frame in frames
        if path.is_relative_to(_ROOMS) and "site-packages" not in path.parts
    ]
    said = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
    if not ours:
        return said
    path, frame = ours[-1]
    return f"{said} ({path}:{frame.lineno} in {frame.name})"
