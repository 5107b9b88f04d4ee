"""`mangabey select`: choose among patches from anywhere."""

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
    from runs.selecting import Choice

EXAMPLES = """
Examples:

  mangabey select --task verified/sympy__sympy-20590 --candidates one/preds.json

  mangabey select --task pypi/funcy__2.0-1 --candidates mangabey-out/RUN --rule agentless

  mangabey select --repo . --issue issue.md --candidates a.diff b.diff trajectories/

  mangabey select --task rows.jsonl/my__bug-1 --candidates preds/ --model litellm/PROVIDER/MODEL --rule trae

  mangabey select --resume mangabey-out/sympy__sympy-20590-20260101-120000-77

Exit codes: 0 a patch was chosen, 1 none (it abstains, and says why), 2 wrong use, 130 interrupted.
"""


def select(
    context: typer.Context,
    task: TaskName = None,
    candidates: Annotated[
        list[Path] | None,
        typer.Option(
            help="Patches: run folders, SWE-bench predictions, trajectories of mini-swe-agent and SWE-agent, "
            "diffs, folders of these; may be repeated."
        ),
    ] = None,
    further: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE_OR_FOLDER]...", help="More of them.")
    ] = None,
    at: At = None,
    repo: Repo = None,
    issue: Issue = None,
    python: Python = None,
    rule: Annotated[
        str | None, typer.Option(help="Who is chosen; the recipe's by default; see docs/selection.md.")
    ] = None,
    min_probability: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Choose nothing that is less sure than this.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Backend that reads where the rule asks for it; without one only tests speak."),
    ] = None,
    recipe: Annotated[
        str, typer.Option("--recipe", help="Whose rule and settings are taken: a name, or FILE.yaml.")
    ] = "posterior",
    changes: Changes = None,
    sandbox: Annotated[
        str | None, typer.Option(help="Where untrusted code runs: auto, daemonless, docker, or a plug-in.")
    ] = None,
    image: Annotated[
        str | None, typer.Option(help="Docker image to run in; `build` makes it of a row's pins.")
    ] = None,
    test_seconds: TestSeconds = None,
    suite: Suite = None,
    out: Annotated[
        Path | None, typer.Option(help="The folder of what is found; made under mangabey-out by default.")
    ] = None,
    resume: Annotated[Path | None, typer.Option(help="Go on in this folder.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the decision as JSON; progress goes to stderr.")
    ] = False,
) -> None:
    """Choose among patches from anywhere: by running tests, and by reading where there is a model."""
    import asyncio

    from runs.display import choose as choose_display
    from runs.display.choice import render_choice
    from runs.failures import FAILED, UsageError
    from runs.folder import new_folder, read_order, write_order
    from runs.job import Job
    from runs.progress import Noticed
    from runs.recipe_files import ordered_recipe
    from runs.selecting import choose, find
    from sandbox.home import default_home

    home = default_home()
    display = choose_display(as_json=as_json)
    if resume is not None:
        require_alone(context, frozenset({"resume", "as_json"}))
        job, found = read_order(resume, home)
    else:
        options = {
            "rule": rule,
            "min_probability": min_probability,
            "sandbox": sandbox,
            "image": image,
            "test_seconds": test_seconds,
        }
        job = Job(
            recipe=ordered_recipe(recipe, changes or (), options, model),
            home=home,
            task=task,
            suite=suite.absolute() if suite else None,
            repo=repo.absolute() if repo else None,
            issue=issue_text(issue),
            python=python.absolute() if python else None,
            candidates=tuple(path.absolute() for path in (*(candidates or ()), *(further or ()))),
            at=at,
        )
        job.check()
        if not job.candidates:
            raise UsageError("say what to choose from: --candidates FILE_OR_FOLDER...")
        found = None
    folder = resume or new_folder(out, job.name, "select")

    async def work() -> Choice:
        where, repository = found or await find(job, display.listen)
        if resume is None:
            write_order(folder, job, where, repository)
        display.listen(Noticed(f"what is found lies in {folder}"))
        return await choose(job, where, repository, folder, display.listen)

    try:
        with display:
            choice = asyncio.run(work())
    except (KeyboardInterrupt, asyncio.CancelledError):
        hint = f"; go on with: mangabey select --resume {folder}" if (folder / "run.json").exists() else ""
        typer.echo(f"mangabey: interrupted{hint}", err=True)
        raise typer.Exit(130) from None
    if as_json:
        typer.echo(choice.to_json_text())
    else:
        render_choice(choice, folder)
    if not choice.succeeded:
        raise typer.Exit(FAILED)


select.__doc__ = f"{select.__doc__}\n{EXAMPLES}"
