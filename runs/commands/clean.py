"""`mangabey clean`: what killed runs have left on this machine."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def clean(
    image_budget: Annotated[
        float | None,
        typer.Option(
            min=0, max=1e6, metavar="GB", help="Also remove built images, oldest first, beyond this size."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was removed as JSON.")] = False,
) -> None:
    """Remove containers, images, folders and control groups of runs that were killed.

    Only what is Mangabey's own and whose process is dead; a run that goes on is not disturbed.

    Example: mangabey clean --image-budget 20
    """
    from sandbox.cleaning import clean_up

    found = clean_up(None if image_budget is None else int(image_budget * 1e9))
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=1))
        return
    for line in found.lines():
        typer.echo(line)
