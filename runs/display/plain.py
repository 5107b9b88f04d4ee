"""Progress as plain lines on standard error; the report as text or JSON on standard output."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from runs.progress import Noticed, Progress, SampleBegan, SampleEnded, SampleTurned, StageBegan
from runs.report import Report


class PlainDisplay:
    """A line per stage and per ended sample; turns are left out, so that logs stay short."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def listen(self, progress: Progress) -> None:
        """Print what happened, with the seconds since the start."""
        line = line_of(progress)
        if line:
            print(f"[{time.monotonic() - self._began:6.1f} s] {line}", file=sys.stderr, flush=True)  # noqa: T201

    def show(self, report: Report, folder: Path) -> None:
        """Print the report for a person."""
        from runs.display.result import render

        render(report, folder)


class JsonDisplay(PlainDisplay):
    """The same lines on standard error, and nothing but the report's JSON on standard output."""

    def show(self, report: Report, folder: Path) -> None:
        """Print the report as JSON."""
        print(report.to_json_text())  # noqa: T201


def line_of(progress: Progress) -> str:
    """Return one line for what happened, empty for what a log need not hold."""
    match progress:
        case StageBegan(stage, detail):
            return f"{stage}: {detail}" if detail else stage
        case SampleEnded(sample, reason, text, seconds, replayed):
            how = "from the journal" if replayed else f"{seconds:.1f} s"
            return f"sample {sample}: {reason.value} ({how}) {one_line(text)}".rstrip()
        case Noticed(text):
            return f"note: {text}"
        case SampleBegan() | SampleTurned():
            return ""


def one_line(text: str, width: int = 100) -> str:
    """Return the first line of a text, shortened to a width."""
    lines = text.strip().splitlines()
    first = lines[0] if lines else ""
    return first if len(first) <= width else first[: width - 3] + "..."
