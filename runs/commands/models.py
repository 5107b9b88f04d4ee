"""`mangabey models`: which model backends there are, what one can do, and whether it keeps its promises."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.conformance import Check, Finding
    from agent.models.base import Capabilities, Model

models = typer.Typer(help="List, show and check model backends.", invoke_without_command=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Name = Annotated[str, typer.Argument(help="A backend as --model takes it; see `mangabey models`.")]
WIDTH = 80


@models.callback()
def _models(context: typer.Context, as_json: AsJson = False) -> None:
    """List, show and check the model backends that --model takes.

    Examples: mangabey models · mangabey models check builtin/repair
    """
    if context.invoked_subcommand is None:
        list_models(as_json)


@models.command("list")
def list_models(as_json: AsJson = False) -> None:
    """List the model backends, what each is and what it needs.

    Example: mangabey models list
    """
    from agent.models.registry import described_models

    known = described_models()
    if as_json:
        typer.echo(json.dumps([one.model_dump() for one in known], indent=1))
        return
    for one in known:
        needs = f"; needs {one.needs}" if one.needs else ""
        typer.echo(f"{one.name:<24}{one.about}{needs}")


@models.command("show")
def show_model(name: Name, as_json: AsJson = False) -> None:
    """Show what a backend can do, by asking it where it has to be asked.

    Example: mangabey models show builtin/repair
    """
    import asyncio

    from agent.models.registry import load_model

    can = asyncio.run(_capabilities(load_model(name)))
    if as_json:
        typer.echo(json.dumps({"model": name, "capabilities": can.model_dump()}, indent=1))
        return
    for feature, value in can.model_dump().items():
        shown = {True: "yes", False: "no", None: "not known"}.get(value, value)
        typer.echo(f"{feature.replace('_', ' '):<18}{shown}")


@models.command("check")
def check_model(
    name: Name,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="A check by name; may be repeated.")
    ] = None,
    untrained: Annotated[
        bool, typer.Option("--untrained", help="The weights are random: check what shows all the same.")
    ] = False,
    seconds: Annotated[float, typer.Option(min=1, max=1e9, help="Wall time one check may take.")] = 120.0,
    as_json: AsJson = False,
) -> None:
    """Check that a backend keeps what a backend promises; what it does not offer is no failure.

    A whole check sends some sixty short requests. The exit code is 1 when a check fails.

    Examples: mangabey models check my_backend.py:MyModel · mangabey models check builtin/repair --only tools
    """
    import asyncio

    from agent.conformance import run_checks
    from agent.conformance.named import subject_named
    from agent.models.closing import closing

    chosen = _chosen(only or ())
    subject = subject_named(name, obeys=not untrained)

    async def work() -> list[Finding]:
        findings = []
        async with closing(subject.model):
            async for finding in run_checks(subject, chosen, seconds):
                findings.append(finding)
                if not as_json:
                    typer.echo(_row(finding))
        return findings

    findings = asyncio.run(work())
    if as_json:
        typer.echo(json.dumps({"model": name, "checks": [one.model_dump() for one in findings]}, indent=1))
    else:
        typer.echo(_sum(name, findings))
    if any(finding.outcome == "failed" for finding in findings):
        raise typer.Exit(1)


async def _capabilities(model: Model) -> Capabilities:
    from agent.models.base import Probing
    from agent.models.closing import closing

    async with closing(model):
        return await model.probe() if isinstance(model, Probing) else model.capabilities


def _chosen(names: Sequence[str]) -> tuple[Check, ...]:
    """Return the checks of these names, in their order in the suite; all of them where none is named.

    Raises:
        UsageError: there is no such check.
    """
    import difflib

    from agent.conformance import CHECKS
    from runs.failures import UsageError

    known = [check.name for check in CHECKS]
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UsageError(f"there is no check {name!r}{hint} (known: {', '.join(known)})")
    return tuple(check for check in CHECKS if not names or check.name in names)


def _row(finding: Finding) -> str:
    """Return a finding as lines of at most 80 columns; only a failure takes more than one."""
    import textwrap

    head = f"{finding.check:<17}{finding.outcome:<13}"
    lines = textwrap.wrap(finding.note, WIDTH - len(head)) or [""]
    if finding.outcome != "failed" and len(lines) > 1:
        lines = [lines[0][: WIDTH - len(head) - 4] + " ..."]
    return f"\n{' ' * len(head)}".join([f"{head}{lines[0]}".rstrip(), *lines[1:]])


def _sum(name: str, findings: Sequence[Finding]) -> str:
    outcomes = [finding.outcome for finding in findings]
    counts = [f"{outcomes.count(kind)} {kind}" for kind in ("passed", "failed", "not offered")]
    return f"{name}: {', '.join(counts)} in {sum(finding.seconds for finding in findings):.1f} s"
