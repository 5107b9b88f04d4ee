"""`mangabey solve`: one issue, end to end."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

EXAMPLES = """
Examples:

  mangabey solve --task pypi/funcy__2.0-1

  mangabey solve --repo . --issue issue.md --samples 8

  mangabey solve --repo ~/code/thing --issue "f('') raises IndexError; expected ''" --json

  mangabey solve --resume mangabey-out/funcy__2.0-1-20260101-120000-77

Exit codes: 0 a patch was selected (and, where it could be graded, resolves the issue), 1 no patch or not
resolved, 2 wrong use, 130 interrupted.
"""


def solve(
    task: Annotated[str | None, typer.Option(help="An instance, as `mangabey tasks list` names it.")] = None,
    repo: Annotated[Path | None, typer.Option(help="A local git checkout; it is never changed.")] = None,
    issue: Annotated[
        str | None, typer.Option(help="The issue: a file, or its text; - reads standard input.")
    ] = None,
    python: Annotated[
        Path | None, typer.Option(help="Interpreter or virtual environment that runs the checkout's tests.")
    ] = None,
    model: Annotated[
        str, typer.Option(help="Backend as provider/model; see `mangabey models`.")
    ] = "builtin/repair",
    samples: Annotated[int, typer.Option(min=1, max=1000, help="Trajectories.")] = 4,
    parallel: Annotated[int, typer.Option(min=1, max=256, help="Trajectories at one time.")] = 4,
    temperature: Annotated[float, typer.Option(min=0.0, max=2.0, help="Of all samples but the first.")] = 0.8,
    seed: Annotated[int, typer.Option(help="Makes samples reproducible.")] = 0,
    steps: Annotated[int, typer.Option(min=1, help="Model calls per trajectory.")] = 80,
    seconds: Annotated[float, typer.Option(min=1.0, help="Wall time per trajectory.")] = 300.0,
    dollars: Annotated[float | None, typer.Option(min=0.0001, help="Money per trajectory.")] = None,
    sandbox: Annotated[
        Literal["auto", "daemonless", "docker"], typer.Option(help="Where untrusted code runs.")
    ] = "auto",
    memory_mb: Annotated[int, typer.Option(min=64, help="Memory of one sandbox.")] = 2048,
    test_seconds: Annotated[float, typer.Option(min=1.0, help="Time one run of a test file may take.")] = 120.0,
    image: Annotated[str | None, typer.Option(help="Docker image, for --sandbox docker.")] = None,
    candidates: Annotated[
        list[Path] | None,
        typer.Option(help="Patches from elsewhere that join the pool: diffs or SWE-bench predictions."),
    ] = None,
    plant_cheater: Annotated[
        bool, typer.Option("--plant-cheater", help="Add a candidate that cheats, to see it rejected.")
    ] = False,
    grade: Annotated[
        bool, typer.Option(help="Run the hidden tests at the end, where the task has any.")
    ] = True,
    suite: Annotated[Path | None, typer.Option(help="A task manifest of your own.")] = None,
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
    from runs.failures import FAILED, UsageError
    from runs.folder import new_folder, read_order, write_order
    from runs.job import Job
    from runs.recipe import Recipe, default_home
    from runs.solve import solve as run_solve

    home = default_home()
    if resume is not None:
        if task or repo or issue:
            raise UsageError(
                "--resume takes what to solve from the run's folder; leave out --task, --repo and --issue"
            )
        job, folder = read_order(resume, home), resume
    else:
        recipe = Recipe(
            model=model,
            samples=samples,
            parallel=parallel,
            temperature=temperature,
            seed=seed,
            steps=steps,
            seconds=seconds,
            dollars=dollars,
            sandbox=sandbox,
            image=image,
            memory_mb=memory_mb,
            test_seconds=test_seconds,
            grade=grade,
        )
        job = Job(
            recipe=recipe,
            home=home,
            task=task,
            suite=suite.absolute() if suite else None,
            repo=repo.absolute() if repo else None,
            issue=_issue_text(issue),
            python=python.absolute() if python else None,
            candidates=tuple(path.absolute() for path in candidates or ()),
            plant_cheater=plant_cheater,
        )
        job.check()
        folder = new_folder(out, (task or str(job.repo)).rstrip("/").rsplit("/", 1)[-1])
        write_order(folder, job)
    display = choose(as_json=as_json)
    try:
        with display:
            report = asyncio.run(run_solve(job, folder, display.listen))
    except (KeyboardInterrupt, asyncio.CancelledError):
        typer.echo(f"mangabey: interrupted; go on with: mangabey solve --resume {folder}", err=True)
        raise typer.Exit(130) from None
    display.show(report, folder)
    if not report.succeeded:
        raise typer.Exit(FAILED)


solve.__doc__ = f"{solve.__doc__}\n{EXAMPLES}"


def _issue_text(issue: str | None) -> str | None:
    """Return an issue's text: what standard input or the named file holds, else the argument itself."""
    import sys

    from runs.failures import UsageError

    if issue is None:
        return None
    if issue == "-":
        return sys.stdin.read()
    if "\n" in issue or len(issue) > 4000:
        return issue
    path = Path(issue)
    if path.is_file():
        try:
            return path.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"the issue file {issue} cannot be read as text: {error}") from error
    if path.suffix in {".md", ".txt", ".rst"} and " " not in issue:
        raise UsageError(f"there is no issue file {issue}")
    return issue
