"""`mangabey solve`: one issue, end to end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runs.commands.options import (
    At,
    Changes,
    Issue,
    Python,
    Repo,
    Suite,
    TaskName,
    TestSeconds,
    issue_text,
    require_alone,
)

if TYPE_CHECKING:
    from runs.report import Report

EXAMPLES = """
Examples:

  mangabey solve --task pypi/funcy__2.0-1

  mangabey solve --repo . --issue issue.md --samples 8

  mangabey solve --repo . --issue issue.md --recipe adaptive -c crews.0.samples=8 -c budget.dollars=2

  mangabey solve --repo ~/code/thing --issue "f('') raises IndexError; expected ''" --json

  mangabey solve --task verified/sympy__sympy-20590 --model litellm/openai/gpt-5

  mangabey solve --task rows.jsonl/my__bug-1 --image build

  mangabey solve --task https://github.com/pallets/flask/issues/4992 --at 2.2.2

  mangabey solve --resume mangabey-out/funcy__2.0-1-20260101-120000-77

Exit codes: 0 a patch was selected (and, where it could be graded, resolves the issue), 1 no patch or not
resolved, 2 wrong use, 130 interrupted.
"""


def solve(
    context: typer.Context,
    task: TaskName = None,
    at: At = None,
    comments: Annotated[
        bool, typer.Option("--comments", help="Show the agents a GitHub issue's comments too.")
    ] = False,
    repo: Repo = None,
    issue: Issue = None,
    python: Python = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="Backend as provider/model (see `mangabey models`), a mixture 0.7*A + 0.3*B, and models of "
            "roles: NAME,edit=NAME,verify=NAME."
        ),
    ] = None,
    recipe: Annotated[
        str,
        typer.Option("--recipe", help="Who works on it: a name (see `mangabey recipes`), or FILE.yaml."),
    ] = "best-of-n",
    changes: Changes = None,
    samples: Annotated[
        int | None, typer.Option(min=1, max=1000, help="How many trajectories to draw.")
    ] = None,
    parallel: Annotated[
        int | None, typer.Option(min=1, max=256, help="How many of them at one time.")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(min=0.0, max=2.0, help="How much samples stray; the first does not.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Makes samples reproducible.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Model calls one trajectory may make.")] = None,
    seconds: Annotated[
        float | None,
        typer.Option(
            min=1.0, max=1e9, help="Wall time one trajectory may take, its tests and the model included."
        ),
    ] = None,
    dollars: Annotated[
        float | None,
        typer.Option(
            min=0.0001, max=1e9, help="Dollars one trajectory may spend, by the prices that are known."
        ),
    ] = None,
    tokens: Annotated[
        int | None, typer.Option(min=1, help="Tokens one trajectory may use, prompts and replies together.")
    ] = None,
    call_seconds: Annotated[
        float | None,
        typer.Option(min=1.0, max=1e9, help="Wall time one model call may take until it is sent again."),
    ] = None,
    attempts: Annotated[
        int | None, typer.Option(min=1, max=100, help="Times a call is sent while only the server fails.")
    ] = None,
    sandbox: Annotated[
        str | None,
        typer.Option(help="Where untrusted code runs: auto, daemonless, docker, a plug-in, or module:Class."),
    ] = None,
    memory_mb: Annotated[int | None, typer.Option(min=64, help="Memory of one sandbox.")] = None,
    test_seconds: TestSeconds = None,
    image: Annotated[
        str | None,
        typer.Option(
            help="Docker image to run in; `build` makes it of a row's pins; for the daemonless sandbox a "
            "folder or archive of one."
        ),
    ] = None,
    candidates: Annotated[
        list[Path] | None,
        typer.Option(help="Patches from elsewhere that join the pool; see `mangabey select --help`."),
    ] = None,
    plant_cheater: Annotated[
        bool, typer.Option("--plant-cheater", help="Add a candidate that cheats, to see it rejected.")
    ] = False,
    grade: Annotated[
        bool | None,
        typer.Option("--grade/--no-grade", help="Run the hidden tests at the end, where the task has any."),
    ] = None,
    suite: Suite = None,
    out: Annotated[
        Path | None, typer.Option(help="The run's folder; made under mangabey-out by default.")
    ] = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with the run in this folder.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the report as JSON; progress goes to stderr.")
    ] = False,
) -> None:
    """Solve one issue: an instance of a suite, or a local repository and a text."""
    import asyncio

    from runs.display import choose
    from runs.failures import FAILED
    from runs.folder import new_folder, read_order, write_order
    from runs.job import Job
    from runs.progress import Noticed
    from runs.recipe_files import ordered_recipe
    from runs.solve import find
    from runs.solve import solve as run_solve
    from sandbox.home import default_home

    home = default_home()
    display = choose(as_json=as_json)
    if resume is not None:
        require_alone(context, frozenset({"resume", "as_json"}))
        job, found = read_order(resume, home)
    else:
        options = {
            "call_seconds": call_seconds,
            "attempts": attempts,
            "samples": samples,
            "parallel": parallel,
            "temperature": temperature,
            "seed": seed,
            "steps": steps,
            "seconds": seconds,
            "tokens": tokens,
            "dollars": dollars,
            "sandbox": sandbox,
            "image": image,
            "memory_mb": memory_mb,
            "test_seconds": test_seconds,
            "grade": grade,
        }
        job = Job(
            recipe=ordered_recipe(recipe, changes or (), options, model),
            home=home,
            task=task,
            suite=suite.absolute() if suite else None,
            repo=repo.absolute() if repo else None,
            issue=issue_text(issue),
            python=python.absolute() if python else None,
            candidates=tuple(path.absolute() for path in candidates or ()),
            plant_cheater=plant_cheater,
            at=at,
            comments=comments,
        )
        job.check()
        found = None
    folder = resume or new_folder(out, job.name)

    async def work() -> Report:
        issue, repository = found or await find(job, display.listen)
        if resume is None:
            write_order(folder, job, issue, repository)
        display.listen(Noticed(f"this run lies in {folder}"))
        return await run_solve(job, issue, repository, folder, display.listen)

    try:
        with display:
            report = asyncio.run(work())
    except (KeyboardInterrupt, asyncio.CancelledError):
        hint = f"; go on with: mangabey solve --resume {folder}" if (folder / "run.json").exists() else ""
        typer.echo(f"mangabey: interrupted{hint}", err=True)
        raise typer.Exit(130) from None
    display.show(report, folder)
    if not report.succeeded:
        raise typer.Exit(FAILED)


solve.__doc__ = f"{solve.__doc__}\n{EXAMPLES}"
