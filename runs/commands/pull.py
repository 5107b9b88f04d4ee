"""`mangabey pull`: the images of instances, fetched beforehand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from runs.commands.options import Platform, Registry, choosing, use_registry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from envs.sources.choice import Choice
    from runs.pulling import Pulled

EXAMPLES = """
Examples:

  mangabey pull verified --slice 0:50

  mangabey pull verified -i 'sympy__*' --registry mirror.example.org/hub --dry-run

Run it again after a failure: images that are here are left alone.

Exit codes: 0 all are here, 1 some could not be pulled, 2 wrong use, 130 interrupted.
"""


@choosing
def pull(
    source: Annotated[str, typer.Argument(help="A source, or SOURCE/GLOB; see `mangabey tasks sources`.")],
    choice: Choice,
    parallel: Annotated[int, typer.Option(min=1, max=32, help="Images at one time.")] = 3,
    registry: Registry = None,
    platform: Platform = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list them, and which are here.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON at the end; progress goes to stderr.")
    ] = False,
) -> None:
    """Fetch the Docker images of instances, a few at a time."""
    import asyncio
    import json

    from envs.sources import chosen_tasks
    from runs.failures import FAILED
    from runs.pulling import images_of
    from sandbox.home import default_home

    use_registry(registry or "", platform or "")
    opened, ids = chosen_tasks(source, choice)
    images = asyncio.run(images_of(opened, ids, default_home()))
    none = len(ids) - sum(map(len, images.values()))
    try:
        found = asyncio.run(_pull(images, parallel, dry=dry_run, quiet=as_json)) if images else []
    except (KeyboardInterrupt, asyncio.CancelledError):
        typer.echo("mangabey: interrupted; run it again to go on", err=True)
        raise typer.Exit(130) from None
    if as_json:
        report = {"images": [one.model_dump() for one in found], "without_image": none}
        typer.echo(json.dumps(report, indent=1))
    else:
        typer.echo(_summary(found, none))
    if any(one.state == "failed" for one in found):
        raise typer.Exit(FAILED)


pull.__doc__ = f"{pull.__doc__}\n{EXAMPLES}"


async def _pull(
    images: Mapping[str, tuple[str, ...]], parallel: int, *, dry: bool, quiet: bool
) -> list[Pulled]:
    import asyncio

    from runs.pulling import pull_all
    from sandbox.docker.images import Registry
    from sandbox.docker.vessel import connect

    engine = await asyncio.to_thread(connect)
    found: list[Pulled] = []

    def tell(line: str) -> None:
        typer.echo(line, err=True)

    try:
        every = pull_all(engine, images, Registry.from_environment(), tell, parallel=parallel, dry=dry)
        async for one in every:
            found.append(one)
            typer.echo(f"{len(found)}/{len(images)} {one.line()}", err=quiet)
    finally:
        engine.close()
    return found


def _summary(found: Sequence[Pulled], none: int) -> str:
    """Return one line: how many images are how."""
    states = [one.state for one in found]
    parts = [
        f"{states.count(state)} {word}"
        for state, word in (
            ("here", "were here"),
            ("pulled", "pulled"),
            ("missing", "missing"),
            ("failed", "failed"),
        )
        if state in states
    ]
    told = f"{len(found)} image{'s' * (len(found) != 1)}: {', '.join(parts) or 'nothing to pull'}"
    return told + (f"; {none} instances need none from a registry" if none else "")
