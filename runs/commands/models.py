"""`mangabey models`: which model backends there are."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def models(
    as_json: Annotated[bool, typer.Option("--json", help="Print the list as JSON.")] = False,
) -> None:
    """List the model backends that --model takes.

    Example: mangabey models
    """
    from agent.models.registry import known_models

    known = known_models()
    typer.echo(json.dumps(known, indent=1) if as_json else "\n".join(known))
