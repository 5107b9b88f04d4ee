"""`mangabey journal`: what the record of a run says, whether it is sound, and how to make it smaller."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

journal = typer.Typer(help="Show, verify and compact the journals of runs.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="The folder of a run, or of one issue.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
_WIDTH = 160


@journal.command()
def show(
    folder: Folder,
    kind: Annotated[list[str] | None, typer.Option(help="Only events of this kind; may be repeated.")] = None,
    sample: Annotated[int | None, typer.Option(help="Only events of this trajectory.")] = None,
    last: Annotated[int | None, typer.Option(min=1, help="Only so many, the newest.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the events of an issue, one a line; a run that goes on is not disturbed.

    Example: mangabey journal show out/run1/sympy__sympy-20590 --kind reply --last 5
    """
    from collections import deque

    from runs.journal_reading import events_of, journals_in

    for place in journals_in(folder):
        chosen = deque(
            (
                event
                for event in events_of(place)
                if (not kind or event.kind in kind) and (sample is None or event.data.get("sample") == sample)
            ),
            maxlen=last,
        )
        for event in chosen:
            if as_json:
                record = {"issue": place.name, "seq": event.seq, "at": event.at, "kind": event.kind}
                typer.echo(json.dumps(record | {"data": event.data}))
            else:
                told = json.dumps(event.data)
                told = told if len(told) <= _WIDTH else f"{told[: _WIDTH - 3]}..."
                typer.echo(f"{place.name} {event.seq:>6} {event.at} {event.kind:<12} {told}")


@journal.command()
def verify(folder: Folder, as_json: AsJson = False) -> None:
    """Say whether every line and every blob is whole, and no reply was recorded twice.

    Example: mangabey journal verify out/run1
    """
    from runs.failures import FAILED
    from runs.journal_reading import journals_in
    from runs.journal_reading import verify as look_through

    found = [look_through(place) for place in journals_in(folder)]
    if as_json:
        typer.echo(json.dumps([one.model_dump() for one in found], indent=1))
    else:
        for one in found:
            typer.echo(one.line())
    if any(one.problems for one in found):
        raise typer.Exit(FAILED)


@journal.command()
def compact(folder: Folder) -> None:
    """Store texts that occur more than once only once, and remove what no event names; nothing is lost.

    Example: mangabey journal compact out/run1
    """
    from runs.journal_reading import compact as make_smaller
    from runs.journal_reading import journals_in

    won = sum(make_smaller(place) for place in journals_in(folder))
    typer.echo(f"{won / 1e6:.2f} MB won")
