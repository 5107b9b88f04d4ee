"""Mangabey's front door: `mangabey` and `python -m mangabey`.

The rooms of the project are the import packages `agent`, `envs`, `runs`, `sandbox` and `selection`. Those are
common names, so before anything is imported from them this checks that they are ours.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

__version__ = "0.1.0"

ROOMS = ("sandbox", "envs", "agent", "selection", "runs")


def shadowed(home: Path) -> list[str]:
    """Return one line for each room that another package or module of the same name hides.

    Args:
        home: the folder our own rooms lie in.
    """
    lines = []
    for room in ROOMS:
        spec = importlib.util.find_spec(room)
        found = Path(spec.origin).parent if spec and spec.origin else None
        if found is None or found.resolve() != (home / room).resolve():
            where = found or "nowhere"
            lines.append(f"the package '{room}' of Mangabey is hidden: Python finds '{room}' in {where}")
    return lines


def main() -> None:
    """Run the command line; exit 2 with one line when another package hides one of ours.

    Ctrl-C while the rooms are still being imported ends it with 130 and one line, as it does later.
    """
    try:
        sys.exit(_run())
    except KeyboardInterrupt:
        print("mangabey: interrupted", file=sys.stderr)  # noqa: T201
        sys.exit(130)


def _run() -> int:
    hidden = shadowed(Path(__file__).parent)
    if hidden:
        print(f"mangabey: {hidden[0]}; install Mangabey in an environment of its own", file=sys.stderr)  # noqa: T201
        return 2
    from runs.cli import run

    return run()


if __name__ == "__main__":
    main()
