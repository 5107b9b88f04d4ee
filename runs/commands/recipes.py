"""`mangabey recipes`: which recipes there are, and what one comes to with all its values."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from runs.recipe import Recipe

recipes = typer.Typer(help="List and show recipes.", invoke_without_command=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Changes = Annotated[
    list[str] | None,
    typer.Option("-c", metavar="KEY=VALUE", help="A value of the recipe; may be repeated."),
]


@recipes.callback()
def _recipes(context: typer.Context, as_json: AsJson = False) -> None:
    """List and show the recipes that `mangabey solve --recipe` takes.

    Examples: mangabey recipes · mangabey recipes show adaptive
    """
    if context.invoked_subcommand is None:
        list_recipes(as_json)


@recipes.command("list")
def list_recipes(as_json: AsJson = False) -> None:
    """List the packaged recipes: what each is, and how many model calls it may make at most.

    Example: mangabey recipes list
    """
    from runs.recipe_files import packaged, read_recipe

    found = [read_recipe(name) for name in packaged()]
    if as_json:
        rows = [{"name": one.name, "about": one.about, "calls": one.calls_at_most()} for one in found]
        typer.echo(json.dumps(rows, indent=1))
        return
    for one in found:
        typer.echo(row_of(one))


@recipes.command("show")
def show_recipe(
    name: Annotated[str, typer.Argument(help="A packaged recipe, or FILE.yaml.")],
    changes: Changes = None,
    as_json: AsJson = False,
) -> None:
    """Show a recipe with all of its values, those it leaves at their defaults too.

    Examples: mangabey recipes show codemonkeys · mangabey recipes show my.yaml -c crews.0.samples=8
    """
    from runs.recipe_files import read_changes, read_recipe, to_yaml

    found = read_recipe(name, read_changes(changes or ()))
    typer.echo(found.model_dump_json(indent=1) if as_json else to_yaml(found), nl=as_json)


def row_of(recipe: Recipe) -> str:
    """Return a recipe in one line of at most 80 columns."""
    calls = f"{recipe.calls_at_most()} calls"
    room = 80 - 13 - 12
    about = recipe.about if len(recipe.about) <= room else recipe.about[: room - 3] + "..."
    return f"{recipe.name:<13}{about:<{room}}  {calls:>10}"
