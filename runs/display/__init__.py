"""How a run is shown: live on a terminal, plain lines elsewhere, JSON when asked."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Protocol

from runs.display.watching import Watching
from runs.progress import Progress
from runs.report import Report


class Display(Watching[Progress], Protocol):
    """Shows a run while it goes on, and its report at the end."""

    def show(self, report: Report, folder: Path) -> None:
        """Show the report of the finished run."""


def choose(*, as_json: bool) -> Display:
    """Return the display that fits where the output goes."""
    if as_json:
        from runs.display.plain import JsonDisplay

        return JsonDisplay()
    if sys.stdout.isatty() and sys.stderr.isatty():
        from runs.display.live import LiveDisplay

        return LiveDisplay()
    from runs.display.plain import PlainDisplay

    return PlainDisplay()
