"""A live table on a terminal: the stage, and a line per trajectory."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from runs.display.plain import one_line
from runs.progress import Noticed, Progress, SampleBegan, SampleEnded, SampleTurned, StageBegan
from runs.report import Report


@dataclass(frozen=True, slots=True)
class _Line:
    kind: str = ""
    turns: int = 0
    text: str = ""
    ended: str = ""


class LiveDisplay:
    """Shows the stage with a spinner and each trajectory's latest doing; stages passed scroll up as lines."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._stage = StageBegan("start")
        self._samples: dict[int, _Line] = {}
        self._console = Console(stderr=True)
        self._live = Live(
            console=self._console, refresh_per_second=8, transient=True, get_renderable=self._picture
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def listen(self, progress: Progress) -> None:
        """Take in what happened; the picture is redrawn by itself."""
        match progress:
            case StageBegan(stage, detail):
                seconds = time.monotonic() - self._began
                self._console.print(
                    f"[dim]{seconds:6.1f} s[/]  [bold]{stage:<8}[/] {escape(detail)}", highlight=False
                )
                self._stage = progress
            case SampleBegan(sample, kind):
                self._samples[sample] = replace(self._samples.get(sample, _Line()), kind=kind)
            case SampleTurned(sample, turn, text):
                line = self._samples.get(sample, _Line())
                self._samples[sample] = replace(line, turns=turn + 1, text=text)
            case SampleEnded(sample, reason, text, _, replayed):
                line = self._samples.get(sample, _Line())
                how = f"{reason.value} (from the journal)" if replayed else reason.value
                self._samples[sample] = replace(line, text=text, ended=how)
            case Noticed(text):
                self._console.print(f"[yellow]note[/] {escape(text)}", highlight=False)

    def show(self, report: Report, folder: Path) -> None:
        """Print the report for a person."""
        from runs.display.result import render

        render(report, folder)

    def _picture(self) -> RenderableType:
        seconds = time.monotonic() - self._began
        words = f"{self._stage.stage}  {round_of(self._stage.detail)}".rstrip()
        head = Spinner("dots", Text(f" {words}  {seconds:.0f} s"))
        if self._stage.stage != "sample" or not self._samples:
            return head
        kinds = {line.kind for line in self._samples.values()}
        return Group(head, _table(self._samples, with_kinds=len(kinds) > 1))


def round_of(detail: str) -> str:
    """Return `round 2` of a stage's detail that begins so, nothing of any other."""
    found = re.match(r"round \d+", detail)
    return found[0] if found else ""


def _table(samples: Mapping[int, _Line], *, with_kinds: bool) -> Table:
    """Return a row per trajectory: number, kind where there are several, turns, and what it did last."""
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(width=10)
    if with_kinds:
        table.add_column(width=13, no_wrap=True)
    table.add_column(width=4, justify="right")
    table.add_column(ratio=1, no_wrap=True)
    for sample, line in sorted(samples.items()):
        style = "green" if line.ended.startswith("submitted") else "dim" if line.ended else ""
        said = f"{line.ended}: {line.text}" if line.ended else line.text
        kind = [line.kind] if with_kinds else []
        last = Text(one_line(said), style=style, overflow="ellipsis")
        table.add_row(f"sample {sample}", *kind, str(line.turns), last)
    return table
