"""`mangabey query`: SQL over the journals of runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """
Tables: events (run, issue, seq, time, kind, data), replies, trajectories, decisions, grades.

Examples:

  mangabey query "SELECT issue, sum(dollars), sum(input + output) FROM replies GROUP BY issue" out/run1

  mangabey query "SELECT exit_reason, count(*) FROM trajectories GROUP BY ALL" out/run1 out/run2
"""


def query(
    sql: Annotated[str, typer.Argument(help="A query of DuckDB.")],
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs, or of issues.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, a list of objects.")] = False,
) -> None:
    """Ask the journals of runs with SQL."""
    import json

    from runs.querying import query as ask

    answer = ask(sql, runs)
    if as_json:
        rows = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
        typer.echo(json.dumps(rows, indent=1, default=str))
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(*map(escape, answer.columns))
    for row in answer.rows:
        table.add_row(*("" if value is None else escape(str(value)) for value in row))
    Console().print(table)


query.__doc__ = f"{query.__doc__}\n{EXAMPLES}"
