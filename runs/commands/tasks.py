"""`mangabey tasks`: where tasks come from, which there are, one of them, and whether they are sound."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runs.commands.options import Image, Sandbox, choosing

if TYPE_CHECKING:
    from envs.sources.choice import Choice
    from runs.validation import Soundness

tasks = typer.Typer(help="List, show and validate tasks, of any source.", no_args_is_help=True)

Suite = Annotated[
    Path | None, typer.Option("--suite", help="A manifest of your own instead of the shipped one.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Name = Annotated[str, typer.Argument(help="A source, or SOURCE/GLOB; see `mangabey tasks sources`.")]


@tasks.command("sources")
def list_sources(as_json: AsJson = False) -> None:
    """List the sources of tasks by name.

    Also taken: a file of rows (.jsonl, .json, .parquet), module:Class, file.py:Class, and for `solve` the
    address of a GitHub issue.

    Example: mangabey tasks sources
    """
    from envs.sources.registry import known_sources

    known = known_sources()
    if as_json:
        typer.echo(json.dumps(dict(known), indent=1))
        return
    for name, what in known.items():
        typer.echo(f"{name:<13} {what}")


@tasks.command("list")
@choosing
def list_tasks(
    choice: Choice,
    name: Name = "pypi",
    suite: Suite = None,
    as_json: AsJson = False,
) -> None:
    """List tasks by the names that `mangabey solve --task` takes.

    Examples: mangabey tasks list · mangabey tasks list verified/sympy__* --slice 0:10
    """
    from envs.sources import chosen_tasks
    from envs.sources.registry import source_name

    source, ids = chosen_tasks(name, choice, suite)
    rows = []
    for instance_id in ids:
        facts = source.describe(instance_id)
        title = facts.get("issue", "").strip().partition("\n")[0]
        rows.append(
            {"task": f"{source_name(name)}/{instance_id}", "tier": facts.get("tier", ""), "title": title}
        )
    if as_json:
        typer.echo(json.dumps(rows))
        return
    for row in rows:
        tier = f"tier {row['tier']}  " if row["tier"] else ""
        typer.echo(f"{row['task']:<31} {tier}{row['title']}")


@tasks.command("show")
def show_task(
    task: Annotated[str, typer.Argument(help="As `mangabey tasks list` names it.")],
    suite: Suite = None,
    as_json: AsJson = False,
) -> None:
    """Show what an agent is told of a task; the hidden tests and the fix are not shown.

    Example: mangabey tasks show pypi/funcy__2.0-1
    """
    from envs.sources.registry import describe_task

    row = describe_task(task, suite)
    if as_json:
        typer.echo(json.dumps(dict(row), indent=1))
        return
    for name, value in row.items():
        typer.echo(f"{name + ':':<14}{value}" if name != "issue" else f"\n{value}")


@tasks.command("validate")
@choosing
def validate_tasks(
    choice: Choice,
    name: Name = "pypi",
    suite: Suite = None,
    image: Image = None,
    sandbox: Sandbox = "auto",
    parallel: Annotated[int, typer.Option(min=1, max=64, help="Tasks at one time.")] = 1,
    memory_mb: Annotated[int, typer.Option(min=64, help="Memory of one sandbox.")] = 4096,
    write: Annotated[
        Path | None,
        typer.Option(help="Write the tests to set aside as JSON, for `mangabey evaluate --set-aside`."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Prove for each task that its hidden tests fail before the fix and pass after it.

    Tests that fail here with the fix too, in two runs, are named and can be set aside.

    Example: mangabey tasks validate pypi/funcy__2.0-1
    """
    import asyncio

    from envs.sources import chosen_tasks
    from runs.folder import write_json
    from runs.recipe import Recipe
    from runs.validation import validate_all
    from sandbox.home import default_home

    source, ids = chosen_tasks(name, choice, suite, image or "")
    recipe = Recipe(sandbox=sandbox, parallel=parallel, memory_mb=memory_mb)

    async def work() -> list[Soundness]:
        found = []
        async for one in validate_all(source, ids, recipe, default_home()):
            found.append(one)
            if not as_json:
                typer.echo(one.line())
        return found

    found = asyncio.run(work())
    if write is not None:
        write_json(write, {one.task: list(one.set_aside) for one in found if one.set_aside})
    if as_json:
        typer.echo(json.dumps([one.model_dump() for one in found], indent=1))
    if not all(one.sound for one in found):
        raise typer.Exit(1)
