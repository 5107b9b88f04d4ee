"""Inputs on which the leading programs disagree, in a few lines for a person."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.text import Text

from runs.decision import Decision, origins_by_cluster
from runs.display.decision import note, printable
from runs.display.plain import one_line
from runs.display.values import part_of
from selection.differences.leading import Disagreement
from selection.side_by_side import letters

MOST = 3
"""Inputs that are shown; the rest is in the JSON."""
ROOMS = (80, 40, 24, 16, 10)
"""Characters of a value that are shown: the first with which all values fit a line, else the last."""


def show_inputs(decision: Decision, out: Console) -> None:
    """Print inputs on which programs disagree that no test tells apart; nothing where there is none."""
    rows = tuple(dict.fromkeys(row for one in decision.differences for row in one.values))
    if not rows:
        return
    names, groups = dict(zip(rows, letters(len(rows)), strict=True)), origins_by_cluster(decision.lines)
    who = ", ".join(f"{name} ({one_line(groups[row][0].origin)})" for row, name in names.items())
    out.print(Text(printable(f"no test tells {who} apart, but:", out), style="dim"))
    for one in decision.differences[:MOST]:
        for line in _lines(one, names, out.width - 2):
            note(f"  {line}", out)


def _lines(one: Disagreement, names: Mapping[str, str], width: int) -> tuple[str, ...]:
    """Return an input and who comes to what: in one line where they fit, else in two."""
    told: dict[str, list[str]] = {}
    for row, value in one.values.items():
        told.setdefault(value, []).append(names[row])
    told.setdefault(one.base, []).append("base")
    others = {value: next((other for other in told if other != value), "") for value in told}

    def values(room: int) -> str:
        parts = (f"{', '.join(who)}: {part_of(value, others[value], room)}" for value, who in told.items())
        return "; ".join(parts)

    given = one.input if one.where == one.input else f"{one.input} [{one.where}]"
    if len(whole := f"{given} -> {values(ROOMS[0])}") <= width:
        return (whole,)
    fitting = (text for room in ROOMS if len(text := values(room)) <= width - 5)
    return given, f"  -> {next(fitting, values(ROOMS[-1]))}"
