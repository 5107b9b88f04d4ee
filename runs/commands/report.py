"""`mangabey report`: one page of a batch, or of several beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from runs.page.reading import RunShown

EXAMPLES = """
Examples:

  mangabey report out/run1

  mangabey report out/run1 out/run2 --out compared.html

  mangabey report out/part1 out/part2 --merge out/whole
"""


def report(
    runs: Annotated[list[Path], typer.Argument(help="Folders of `mangabey batch`.")],
    out: Annotated[
        Path | None, typer.Option(help="The page; by default report.html in the first folder, or --merge.")
    ] = None,
    merge: Annotated[
        Path | None,
        typer.Option(
            help="Take the runs as parts of one (--shard i/n), and put them together in this folder."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print counts and comparisons as JSON, and write no page.")
    ] = False,
) -> None:
    """Write one page that opens without a server: results, cost, time, and every issue's decision.

    Several runs are compared on the issues they share, with intervals. With --merge they become one, with one
    preds.jsonl, report.json and report.html.
    """
    from runs.page.reading import read_parts, read_runs

    folders = list(dict.fromkeys(runs))
    if merge is not None:
        _merge(folders, merge)
        found = [read_parts(folders, merge.resolve().name)]
    else:
        found = read_runs(folders)
    if as_json:
        _print_json(found)
    else:
        _write(found, out or (merge or runs[0]) / "report.html")


def _merge(folders: list[Path], target: Path) -> None:
    from runs.batch.merging import merge, missing_parts
    from runs.batch.summary import verdict

    told = merge(folders, target)
    typer.echo(f"{target} has {len(folders)} parts: {verdict(told)}", err=True)
    if missing := missing_parts(folders):
        typer.echo(f"mangabey: not among them: --shard {', '.join(missing)}", err=True)


def _print_json(found: list[RunShown]) -> None:
    import json
    from dataclasses import asdict
    from itertools import combinations

    from runs.page.report import compare

    outcomes = {run.name: [one.model_dump(mode="json") for one in run.outcomes] for run in found}
    pairs = [{"first": a.name, "second": b.name, **asdict(compare(a, b))} for a, b in combinations(found, 2)]
    spent = {run.name: run.spent.model_dump() | {"price": run.spent.price()} for run in found}
    left = {run.name: {one: so_far.model_dump() for one, so_far in run.unfinished.items()} for run in found}
    typer.echo(
        json.dumps({"runs": outcomes, "unfinished": left, "spent": spent, "compared": pairs}, indent=1)
    )


def _write(found: list[RunShown], target: Path) -> None:
    from itertools import combinations

    from runs.page.report import compare, issues_of, share, write_page

    write_page(found, target)
    for run in found:
        typer.echo(f"{run.name}: {issues_of(run)}. {share(run.outcomes)}")
    for a, b in combinations(found, 2):
        pair = compare(a, b)
        if not pair.issues:
            typer.echo(f"{b.name} against {a.name}: no issue is graded in both")
            continue
        typer.echo(
            f"{b.name} against {a.name} on {pair.issues} issues: {pair.difference:+.1%} "
            f"(95% {pair.low:+.1%} to {pair.high:+.1%}, p = {pair.p:.3f})"
        )
    typer.echo(f"the page is {target}")


report.__doc__ = f"{report.__doc__}\n{EXAMPLES}"
