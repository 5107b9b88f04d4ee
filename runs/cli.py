"""The command line: one file per command in `runs/commands`, imported when its command runs."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from runs.commands.batch import batch
from runs.commands.clean import clean
from runs.commands.doctor import doctor
from runs.commands.evaluate import evaluate
from runs.commands.journal import journal
from runs.commands.lab import lab
from runs.commands.models import models
from runs.commands.pull import pull
from runs.commands.query import query
from runs.commands.recipes import recipes
from runs.commands.report import report
from runs.commands.select import select
from runs.commands.serve import serve
from runs.commands.solve import solve
from runs.commands.tasks import tasks

app = typer.Typer(
    name="mangabey",
    help="Solve issues in code repositories: parallel agents in sealed sandboxes, one selected patch.",
    epilog="Example: mangabey solve --repo . --issue issue.md",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(solve)
app.command()(batch)
app.command()(select)
app.add_typer(tasks, name="tasks")
app.command()(evaluate)
app.command()(report)
app.add_typer(journal, name="journal")
app.command()(query)
app.command()(lab)
app.command()(pull)
app.add_typer(models, name="models")
app.add_typer(recipes, name="recipes")
app.command()(serve)
app.command()(doctor)
app.command()(clean)


def _version(wanted: bool) -> None:
    if wanted:
        from mangabey import __version__

        typer.echo(f"mangabey {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True)] = False,
) -> None:
    """Solve issues in code repositories: parallel agents in sealed sandboxes, one selected patch."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 1 failed, 2 wrong use, 130 interrupted."""
    from agent.models.keys import redacted
    from runs.failures import FAILED, describe

    try:
        code = typer.main.get_command(app).main(args=arguments, prog_name="mangabey", standalone_mode=False)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else FAILED
    except Exception as error:  # the outermost boundary: every error becomes one line
        told = describe(error)
        if told is None:
            print(redacted(traceback.format_exc()), file=sys.stderr)  # noqa: T201
            _complain(f"a defect of Mangabey ({type(error).__name__}); please report the lines above")
            return FAILED
        if told[0]:
            _complain(told[0])
        return told[1]
    return code if isinstance(code, int) else 0


def _complain(line: str) -> None:
    from agent.models.keys import redacted

    print(f"mangabey: {redacted(line)}", file=sys.stderr)  # noqa: T201
