"""Inputs on which the leading programs disagree, in a few lines for a person."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console

from runs.decision import Decision, origins_by_cluster
from runs.display.decision import note
from runs.display.plain import one_line
from selection.differences.inputs import parting
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
    names = dict(zip(rows, letters(len(rows)), strict=True))
    groups, room = origins_by_cluster(decision.lines), max(10, out.width // len(rows) - 12)
    who = ", ".join(f"{name} ({one_line(groups[row][0].origin, room)})" for row, name in names.items())
    note(f"no test tells {who} apart, but:", out)
    for one in decision.differences[:MOST]:
        for line in _lines(one, names, out.width - 2):
            note(f"  {line}", out)


def _lines(one: Disagreement, names: Mapping[str, str], width: int) -> tuple[str, ...]:
    """Return an input and what each program and the base come to: in one line where they fit, else in two."""
    told = {names[row]: value for row, value in one.values.items()} | {"base": one.base}
    others = {
        value: next((other for other in told.values() if other != value), "") for value in told.values()
    }

    def values(room: int) -> str:
        return ", ".join(f"{name}: {parting(value, others[value], room)}" for name, value in told.items())

    given = one.input if one.where == one.input else f"{one.input} [{one.where}]"
    if len(whole := f"{one.input} -> {values(ROOMS[0])}") <= width:
        return (whole,)
    fitting = (text for room in ROOMS if len(text := values(room)) <= width - 5)
    return given, f"  -> {next(fitting, values(ROOMS[-1]))}"
