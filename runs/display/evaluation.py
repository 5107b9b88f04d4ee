"""An evaluation as it goes on: a bar on a terminal, and everywhere a line for each instance that is done."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from runs.display.watching import Noting
from runs.evaluation import Began, Ended, Step
from runs.evaluation_report import passed
from runs.progress import Noticed


def choose(count: int) -> Noting[Step]:
    """Return the display of so many instances that fits where standard error goes."""
    return BarDisplay(count) if sys.stderr.isatty() else LineDisplay(count)


class LineDisplay:
    """Plain lines on standard error."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._done = 0
        self._noted: set[str] = set()
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def listen(self, step: Step) -> None:
        """Print a line for an instance that is done."""
        match step:
            case Ended():
                self._done += 1
                self._print(f"{self._done}/{self._count} {line_of(step)}")
            case Noticed(text):
                self.note(text)
            case Began():
                pass

    def note(self, text: str) -> None:
        """Print it, once however many instances say it."""
        if text not in self._noted:
            self._noted.add(text)
            self._print(f"note: {text}")

    def _print(self, line: str) -> None:
        print(f"[{time.monotonic() - self._began:6.1f} s] {line}", file=sys.stderr, flush=True)  # noqa: T201


class BarDisplay:
    """A bar with what is looked at now, below the lines of what is done."""

    def __init__(self, count: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._now: dict[str, None] = {}
        self._noted: set[str] = set()
        self._console = Console(stderr=True, highlight=False)
        self._bar = Progress(
            BarColumn(20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
            console=self._console,
            transient=True,
        )
        self._task = self._bar.add_task("", total=count)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def listen(self, step: Step) -> None:
        """Move the bar on."""
        match step:
            case Began(instance_id):
                self._now[instance_id] = None
            case Ended(graded, _):
                self._now.pop(graded.instance_id, None)
                self._console.print(line_of(step), markup=False)
                self._bar.advance(self._task)
            case Noticed(text):
                self.note(text)
        self._bar.update(self._task, description=", ".join(self._now))

    def note(self, text: str) -> None:
        """Print it above the bar, once however many instances say it."""
        if text not in self._noted:
            self._noted.add(text)
            self._console.print(f"note: {text}", markup=False)


def line_of(step: Ended) -> str:
    """Return one line for an instance that is done."""
    one = step.graded
    parts = [f"{one.instance_id}: {one.status.value}"]
    if one.fail_to_pass:
        parts += [f"FAIL_TO_PASS {passed(one.fail_to_pass)}", f"PASS_TO_PASS {passed(one.pass_to_pass)}"]
    if one.message and not one.fail_to_pass:
        parts.append(one.message)
    how = "as before" if step.kept else f"{one.seconds:.1f} s"
    return f"{', '.join(parts)} ({how})"
