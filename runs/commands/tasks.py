"""`mangabey tasks`: the instances of a suite, one of them, and whether they are sound."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

tasks = typer.Typer(help="List, show and validate the tasks of a suite.", no_args_is_help=True)

Suite = Annotated[
    Path | None, typer.Option("--suite", help="A manifest of your own instead of the shipped one.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


@tasks.command("list")
def list_tasks(suite: Suite = None, as_json: AsJson = False) -> None:
    """List the tasks by the names that `mangabey solve --task` takes.

    Example: mangabey tasks list
    """
    from envs.pypi import PypiSuite

    rows = PypiSuite(suite).rows()
    if as_json:
        typer.echo(
            json.dumps([{"task": f"pypi/{row.id}", "tier": row.tier, "title": row.title} for row in rows])
        )
        return
    for row in rows:
        typer.echo(f"pypi/{row.id:<26} tier {row.tier}  {row.title}")


@tasks.command("show")
def show_task(
    task: Annotated[str, typer.Argument(help="As `mangabey tasks list` names it.")],
    suite: Suite = None,
    as_json: AsJson = False,
) -> None:
    """Show what an agent is told of a task; the hidden tests and the fix are not shown.

    Example: mangabey tasks show pypi/funcy__2.0-1
    """
    from envs.sources import public_row

    row = public_row(task, suite)
    if as_json:
        typer.echo(json.dumps(dict(row), indent=1))
        return
    for name, value in row.items():
        typer.echo(f"{name + ':':<14}{value}" if name != "issue" else f"\n{value}")


@tasks.command("validate")
def validate_tasks(
    names: Annotated[list[str] | None, typer.Argument(help="Tasks; all when none is given.")] = None,
    suite: Suite = None,
    as_json: AsJson = False,
    sandbox: Annotated[
        Literal["auto", "daemonless", "docker"], typer.Option(help="Where the tests run.")
    ] = "auto",
) -> None:
    """Prove for each task that its hidden tests fail before the fix and pass after it.

    Example: mangabey tasks validate pypi/funcy__2.0-1
    """
    import asyncio

    from runs.validation import validate_all

    reports = asyncio.run(validate_all(names or [], suite, sandbox, show=None if as_json else typer.echo))
    if as_json:
        typer.echo(json.dumps([report.model_dump() for report in reports], indent=1))
    if not all(report.sound for report in reports):
        raise typer.Exit(1)
