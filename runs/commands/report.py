"""`mangabey report`: one page of a batch, or of several beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """
Examples:

  mangabey report out/run1

  mangabey report out/run1 out/run2 --out compared.html
"""


def report(
    runs: Annotated[list[Path], typer.Argument(help="Folders of `mangabey batch`.")],
    out: Annotated[
        Path | None, typer.Option(help="The page; by default report.html in the first folder.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print counts and comparisons as JSON, and write no page.")
    ] = False,
) -> None:
    """Write one page that opens without a server: results, cost, time, and every issue's decision.

    Several runs are compared on the issues they share, with intervals.
    """
    import json
    from dataclasses import asdict
    from itertools import combinations

    from runs.page.reading import read_run
    from runs.page.report import compare, share, write_page

    found = {folder: read_run(folder) for folder in dict.fromkeys(runs)}
    if as_json:
        data = {
            "runs": {
                run.name: [one.model_dump(mode="json") for one in run.outcomes] for run in found.values()
            },
            "compared": [
                {"first": a.name, "second": b.name, **asdict(compare(a, b))}
                for a, b in combinations(found.values(), 2)
            ],
        }
        typer.echo(json.dumps(data, indent=1))
        return
    target = out or runs[0] / "report.html"
    write_page(found, target)
    for run in found.values():
        typer.echo(f"{run.name}: {len(run.outcomes)} issues. {share(run.outcomes)}")
    for a, b in combinations(found.values(), 2):
        pair = compare(a, b)
        typer.echo(
            f"{b.name} against {a.name} on {pair.issues} issues: {pair.difference:+.1%} "
            f"(95% {pair.low:+.1%} to {pair.high:+.1%}, p = {pair.p:.3f})"
        )
    typer.echo(f"the page is {target}")


report.__doc__ = f"{report.__doc__}\n{EXAMPLES}"
