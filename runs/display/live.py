"""A live table on a terminal: the stage, and a line per trajectory."""

from __future__ import annotations

import time
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
from runs.progress import Noticed, Progress, SampleEnded, SampleTurned, StageBegan
from runs.report import Report


@dataclass(frozen=True, slots=True)
class _Line:
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
        head = Spinner("dots", Text(f" {self._stage.stage}  {seconds:.0f} s"))
        if self._stage.stage != "sample" or not self._samples:
            return head
        table = Table.grid(padding=(0, 1))
        for column in ({"width": 9}, {"width": 4, "justify": "right"}, {"ratio": 1, "no_wrap": True}):
            table.add_column(**column)
        table.expand = True
        for sample, line in sorted(self._samples.items()):
            style = "green" if line.ended.startswith("submitted") else "dim" if line.ended else ""
            said = f"{line.ended}: {line.text}" if line.ended else line.text
            table.add_row(
                f"sample {sample}", str(line.turns), Text(one_line(said), style=style, overflow="ellipsis")
            )
        return Group(head, table)
