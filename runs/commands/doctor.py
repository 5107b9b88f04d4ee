"""`mangabey doctor`: what works on this machine, and what to do about the rest."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check what this machine offers: Python, git, sandboxes, free space, optional packages.

    Example: mangabey doctor
    """
    import asyncio

    from runs.checks import examine

    findings = asyncio.run(examine())
    if as_json:
        typer.echo(json.dumps([finding.to_json() for finding in findings], indent=1))
    else:
        for finding in findings:
            mark = {"ok": "ok  ", "optional": "-   ", "missing": "MISS"}[finding.state]
            typer.echo(f"{mark} {finding.subject:<22} {finding.detail}")
    if any(finding.state == "missing" for finding in findings):
        raise typer.Exit(1)
