"""A batch as it goes on: a live picture on a terminal, plain lines elsewhere; both on standard error."""

from __future__ import annotations

import sys
import time
from collections import Counter
from types import TracebackType
from typing import TYPE_CHECKING, Self

from runs.batch.outcome import Outcome, Status
from runs.batch.steps import Bounds, IssueBegan, IssueEnded, IssueLeft, IssueWent, Step
from runs.commons import Commons
from runs.display.watching import Noting
from runs.progress import Noticed, SampleBegan, SampleEnded, SampleTurned, StageBegan

if TYPE_CHECKING:
    from rich.console import RenderableType

_SECONDS = 60.0
"""Between the lines that say how a batch stands, where there is no terminal."""
_SHOWN = 12
"""Issues under way that are shown."""
_LOOK_BACK = 120.0
"""Seconds over which rates are taken."""


def choose(count: int, commons: Commons) -> Noting[Step]:
    """Return the display of so many issues that fits where standard error goes."""
    state = BatchState(count, commons)
    return LivePicture(state) if sys.stderr.isatty() else PlainLines(state)


class BatchState:
    """How a batch stands: counts, what is under way, and rates over the last minutes.

    Attributes:
        count: issues in all.
        ended: issues by status.
        failures: failures of infrastructure by kind, of this command.
        running: the latest of each issue under way.
    """

    def __init__(self, count: int, commons: Commons) -> None:
        self.count = count
        self.commons = commons
        self.ended: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.running: dict[str, str] = {}
        self._samples: dict[str, set[int]] = {}
        self._bounds = ""
        self._failed: dict[str, str] = {}
        self._began = time.monotonic()
        self._fresh = 0
        self._marks: list[tuple[float, int, int]] = []

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._began

    def take(self, step: Step) -> None:
        """Take in what happens."""
        match step:
            case IssueBegan(instance_id):
                self.running[instance_id] = "begins"
            case IssueWent(instance_id, progress):
                if instance_id in self.running:
                    self._went(instance_id, progress)
            case IssueLeft(instance_id, _):
                self.running.pop(instance_id, None)
            case IssueEnded(outcome, kept):
                self._ended(outcome)
                self._fresh += not kept
            case Bounds(words):
                self._bounds = words
            case Noticed():
                pass

    def counts(self) -> str:
        """Return how many issues ended, and how."""
        done = sum(count for status, count in self.ended.items() if status != Status.INFRASTRUCTURE)
        kinds = ", ".join(f"{count} {status}" for status, count in self.ended.items() if count)
        why = ", ".join(f"{count} {kind}" for kind, count in self.failures.items() if count)
        told = f"{done}/{self.count} done" + (f" ({kinds})" if kinds else "")
        return told + (f", failures: {why}" if why else "")

    def rates(self) -> str:
        """Return calls and tokens a second over the last minutes, what is spent, and the time left."""
        now, total = time.monotonic(), self.commons.purse.total
        if not self._marks or now - self._marks[-1][0] >= 1.0:
            self._marks.append((now, total.steps, total.tokens))
        while len(self._marks) > 1 and now - self._marks[0][0] > _LOOK_BACK:
            self._marks.pop(0)
        then, steps, tokens = self._marks[0]
        span = max(now - then, 1.0)
        limit = self.commons.purse.allowance.dollars
        of = f" of ${limit:.2f}" if limit else ""
        return (
            f"{(total.steps - steps) / span:.1f} calls/s, {(total.tokens - tokens) / span:,.0f} tokens/s, "
            f"{total.price()}{of}, {self._left()} left"
        )

    def bounds(self) -> str:
        """Return how full the limits are, as it was told, else those of this process."""
        if self._bounds:
            return self._bounds
        parts = [self.commons.sandboxes.told(), self.commons.tests.told()]
        return "; ".join([*parts, *(pace.told() for pace in self.commons.paces.by_endpoint.values())])

    def _went(self, instance_id: str, progress: object) -> None:
        match progress:
            case StageBegan(stage, _):
                self.running[instance_id] = stage
            case SampleBegan(sample=sample):  # again where its node was lost
                self._samples.setdefault(instance_id, set()).add(sample)
            case SampleEnded(sample=sample):
                self._samples.setdefault(instance_id, set()).discard(sample)
            case SampleTurned(sample, turn, text):
                running = len(self._samples.get(instance_id, ()))
                self.running[instance_id] = f"sample, {running} run; {sample}.{turn}: {text}"

    def _ended(self, outcome: Outcome) -> None:
        """Count an issue by how it ended last."""
        name = outcome.instance_id
        self.running.pop(name, None)
        self._samples.pop(name, None)
        if kind := self._failed.pop(name, ""):
            self.ended[Status.INFRASTRUCTURE.value] -= 1
            self.failures[kind] -= 1
        if outcome.failure is not None:
            self._failed[name] = outcome.failure.value
            self.failures[outcome.failure.value] += 1
        self.ended[outcome.status.value] += 1

    def _left(self) -> str:
        """Return the time that the rest takes at the pace so far."""
        left = self.count - sum(self.ended.values())
        if left and not self._fresh:
            return "unknown time"
        minutes = self.seconds / max(1, self._fresh) * left / 60
        return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"


def line_of(step: Step) -> str:
    """Return one line for what happened, empty for what a log need not hold."""
    match step:
        case IssueEnded(outcome, kept):
            return "" if kept else outcome.line()
        case IssueBegan(instance_id, again):
            return f"{instance_id}: begins{' once more' if again else ''}"
        case IssueLeft(instance_id, reason):
            return f"{instance_id}: left unfinished, {reason}"
        case IssueWent(instance_id, Noticed(text)):
            return f"{instance_id}: note: {text}"
        case Noticed(text):
            return f"note: {text}"
        case IssueWent() | Bounds():
            return ""


class PlainLines:
    """A line for each issue, and one a minute on how the batch stands."""

    def __init__(self, state: BatchState) -> None:
        self._state = state
        self._noted: set[str] = set()
        self._last = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._print(f"{self._state.counts()}; {self._state.rates()}")

    def listen(self, step: Step) -> None:
        """Print what a log should hold."""
        self._state.take(step)
        if line := line_of(step):
            if isinstance(step, Noticed | IssueWent) and line in self._noted:
                return
            self._noted.add(line)
            self._print(line)
        if self._state.seconds - self._last >= _SECONDS:
            self._last = self._state.seconds
            self._print(f"{self._state.counts()}; {self._state.rates()}; {self._state.bounds()}")

    def note(self, text: str) -> None:
        """Print it."""
        self.listen(Noticed(text))

    def _print(self, line: str) -> None:
        print(f"[{self._state.seconds:7.1f} s] {line}", file=sys.stderr, flush=True)  # noqa: T201


class LivePicture:
    """Counts, rates, limits and the issues under way, below the lines of those that ended."""

    def __init__(self, state: BatchState) -> None:
        from rich.console import Console
        from rich.live import Live

        self._state = state
        self._noted: set[str] = set()
        self._console = Console(stderr=True, highlight=False)
        self._live = Live(
            console=self._console, refresh_per_second=4, transient=True, get_renderable=self.picture
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def listen(self, step: Step) -> None:
        """Print what ended above the picture, which is redrawn by itself."""
        self._state.take(step)
        line = "" if isinstance(step, IssueBegan) else line_of(step)
        if line and line not in self._noted:
            self._noted.add(line)
            self._console.print(line, markup=False)

    def note(self, text: str) -> None:
        """Print it above the picture."""
        self.listen(Noticed(text))

    def picture(self) -> RenderableType:
        """Return the picture at this moment."""
        from rich.console import Group
        from rich.padding import Padding
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        state, table = self._state, Table.grid(padding=(0, 1), expand=True)
        table.add_column(no_wrap=True, max_width=40)
        table.add_column(ratio=1, no_wrap=True)
        for instance_id, doing in list(state.running.items())[:_SHOWN]:
            table.add_row(Text(instance_id, style="bold"), Text(doing, overflow="ellipsis"))
        more = len(state.running) - _SHOWN
        bar = ProgressBar(total=max(1, state.count), completed=sum(state.ended.values()), width=60)
        head: list[RenderableType] = [
            Padding(bar, 0),  # ends the line, which the bar alone does not
            Text(f"{state.counts()}; {state.seconds:.0f} s"),
            Text(state.rates()),
            Text(state.bounds(), style="dim"),
        ]
        return Group(*head, table, *([Text(f"and {more} more")] if more > 0 else []))
