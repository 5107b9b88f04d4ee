"""`mangabey batch`: many issues, side by side, resumable."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runs.commands.options import Changes, Platform, Registry, Suite, choosing, use_registry

if TYPE_CHECKING:
    from envs.sources.choice import Choice
    from runs.batch.order import Order
    from runs.batch.plan import Plan

EXAMPLES = """
Examples:

  mangabey batch --tasks verified --recipe r2e-hybrid --model vllm/NAME@URL --out out/run1

  mangabey batch --tasks pypi -i "funcy*" --out out/small --limit-cost 5 --dry-run

  mangabey batch --tasks rows.jsonl --shard 1/4 --model litellm/PROVIDER/MODEL --out out/part1

The same command goes on where the last one stopped. Ctrl-C once lets the issues under way end, twice stops.

Exit codes: 0 all issues have an outcome, 1 some failed by infrastructure or were not begun, 2 wrong use,
130 interrupted.
"""


@choosing
def batch(
    tasks: Annotated[str, typer.Option(help="The task set: a source, or SOURCE/GLOB; see `mangabey tasks`.")],
    out: Annotated[Path, typer.Option(help="The run's folder; one that was begun is gone on with.")],
    choice: Choice,
    recipe: Annotated[
        str, typer.Option(help="Who works on an issue: a name (see `mangabey recipes`), or FILE.yaml.")
    ] = "best-of-n",
    model: Annotated[str | None, typer.Option(help="As for `mangabey solve`.")] = None,
    changes: Changes = None,
    suite: Suite = None,
    registry: Registry = None,
    platform: Platform = None,
    parallel: Annotated[
        int | None, typer.Option(min=1, help="Issues at one time; by default what the sandboxes carry.")
    ] = None,
    sandboxes: Annotated[
        int | None,
        typer.Option(min=1, help="Trajectories at one time, over all issues; by cores and memory."),
    ] = None,
    tests: Annotated[int | None, typer.Option(min=1, help="Test commands at one time; by cores.")] = None,
    calls: Annotated[
        int, typer.Option(min=1, help="Most model calls at one time at one endpoint; it adapts below.")
    ] = 512,
    pulls: Annotated[int, typer.Option(min=1, help="Images fetched at one time, by each machine.")] = 2,
    limit_cost: Annotated[
        float | None, typer.Option(min=0.0001, max=1e9, help="Dollars of the whole run, by the prices known.")
    ] = None,
    limit_tokens: Annotated[int | None, typer.Option(min=1, help="Tokens of the whole run.")] = None,
    limit_steps: Annotated[int | None, typer.Option(min=1, help="Model calls of the whole run.")] = None,
    limit_time: Annotated[
        float | None, typer.Option(min=0.0001, max=1e6, metavar="HOURS", help="Hours this command may take.")
    ] = None,
    issue_seconds: Annotated[
        float,
        typer.Option(
            min=1.0, max=1e9, help="Wall time of one issue; then it is a failure of infrastructure."
        ),
    ] = 14400.0,
    quiet_seconds: Annotated[
        float,
        typer.Option(min=1.0, max=1e9, help="Time in which nothing happens until an issue counts as stuck."),
    ] = 3600.0,
    disk_budget: Annotated[
        float | None,
        typer.Option(
            min=0.1, max=1e6, metavar="GB", help="What images of the data set may take; None keeps all."
        ),
    ] = None,
    fail_on: Annotated[
        str,
        typer.Option(metavar="N|N%", help="Exit code 1 where more issues fail by infrastructure than this."),
    ] = "0",
    executor: Annotated[str, typer.Option(help="`local`, or `ray` for a cluster.")] = "local",
    address: Annotated[
        str,
        typer.Option(help="The Ray cluster's address; empty takes the one that Ray finds, or starts one."),
    ] = "",
    shared: Annotated[
        bool,
        typer.Option("--shared-out/--local-out", help="Whether all Ray nodes see the folder of --out."),
    ] = True,
    accept_drift: Annotated[
        bool,
        typer.Option(
            "--accept-drift", help="Go on though recipe, model or code differ from the beginning's."
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done, and what it may need.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the report as JSON; progress goes to stderr.")
    ] = False,
) -> None:
    """Solve many issues side by side, each in a folder of its own."""
    from importlib.util import find_spec

    from runs.batch.order import Order
    from runs.batch.plan import plan
    from runs.batch.summary import read_threshold
    from runs.commands.evaluate import absolute_list, absolute_source
    from runs.failures import UsageError
    from runs.recipe import Allowance
    from runs.recipe_files import ordered_recipe

    if executor not in ("local", "ray"):
        raise UsageError(f"there is no executor {executor!r}; take local or ray")
    if executor == "local" and (address or not shared):
        raise UsageError("--address and --local-out are for a cluster; add --executor ray")
    if executor == "ray" and disk_budget is not None:
        raise UsageError("--disk-budget is for one machine: on a cluster nobody removes images of nodes")
    if executor == "ray" and find_spec("ray") is None:
        raise UsageError('the executor ray needs Ray: pip install "mangabey[ray]"')
    read_threshold(fail_on, 1)
    order = Order(
        tasks=absolute_source(tasks),
        instances=tuple(absolute_list(one) for one in choice.instances),
        shuffle=choice.shuffle,
        seed=choice.seed,
        slice=choice.slice,
        shard=choice.shard,
        suite=suite.absolute() if suite else None,
        recipe=ordered_recipe(recipe, changes or (), {}, model),
        registry=registry or "",
        platform=platform or "",
        limit=Allowance(dollars=limit_cost, tokens=limit_tokens, steps=limit_steps),
        limit_time=limit_time * 3600 if limit_time else None,
        issue_seconds=issue_seconds,
        quiet_seconds=quiet_seconds,
        parallel=parallel,
        sandboxes=sandboxes,
        tests=tests,
        calls=calls,
        pulls=pulls,
        disk_budget=disk_budget,
        executor=executor,
        address=address,
        shared=shared,
    )
    use_registry(order.registry, order.platform)
    found = plan(order, out)
    if dry_run:
        _foretell(found, out, accept_drift=accept_drift, as_json=as_json)
        return
    _run(found, order, out, fail_on, accept_drift=accept_drift, as_json=as_json)


batch.__doc__ = f"{batch.__doc__}\n{EXAMPLES}"


def _run(found: Plan, order: Order, out: Path, fail_on: str, *, accept_drift: bool, as_json: bool) -> None:
    import asyncio
    import json

    from runs.batch.queue import Stop
    from runs.batch.run import opened, run_batch
    from runs.batch.summary import exceeds, verdict
    from runs.display.batch import choose
    from runs.failures import FAILED
    from runs.readers import unheard_notes
    from sandbox.home import default_home

    commons = found.commons()
    display = choose(len(found.chosen), commons)

    async def work() -> dict[str, Any]:
        return await run_batch(found, out, default_home(), commons, display.listen)

    with opened(out, order, accept_drift=accept_drift), display:
        display.note(f"this run lies in {out}: {len(found.waiting)} of {len(found.chosen)} issues to do")
        for line in unheard_notes(order.recipe):
            display.note(line)
        report = asyncio.run(work())
    typer.echo(json.dumps(report, indent=1) if as_json else verdict(report))
    if report["stopped"]:
        typer.echo("mangabey: stopped; the same command goes on", err=True)
    if report["stopped"] == Stop.INTERRUPTED:
        raise typer.Exit(130)
    if report["stopped"] or report["unfinished_ids"] or exceeds(report, fail_on):
        raise typer.Exit(FAILED)


def _foretell(found: Plan, out: Path, *, accept_drift: bool, as_json: bool) -> None:
    import asyncio
    import json

    from runs.batch.foretelling import foretell
    from runs.batch.run import drifted
    from runs.failures import UsageError
    from sandbox.home import default_home

    told = asyncio.run(foretell(found, out, default_home()))
    typer.echo(json.dumps(told.model_dump(), indent=1) if as_json else "\n".join(told.lines()))
    if told.drift and not accept_drift:
        raise UsageError(drifted(out, told.drift))
