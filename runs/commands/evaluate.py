"""`mangabey evaluate`: predictions graded by the hidden tests of their tasks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runs.commands.options import (
    Image,
    Instances,
    Platform,
    Registry,
    Sandbox,
    Seed,
    Shard,
    Shuffle,
    Slice,
    Suite,
    absolute_image,
    require_alone,
    use_registry,
)

if TYPE_CHECKING:
    from runs.evaluation_order import Order, Plan
    from runs.graded import Graded

EXAMPLES = """
Examples:

  mangabey evaluate preds.jsonl --tasks verified --parallel 4

  mangabey evaluate preds.json --tasks rows.jsonl --image build -i 'sympy__*'

  mangabey evaluate gold --tasks pypi/funcy__2.0-1

  mangabey evaluate --resume mangabey-out/evaluate-preds-20260101-120000-77

Exit codes: 0 every graded instance has a verdict, resolved or not, 1 a sandbox, an image or an environment
failed or reruns disagree, 2 wrong use, 130 interrupted.
"""


def evaluate(
    context: typer.Context,
    predictions: Annotated[
        str | None,
        typer.Argument(
            help="SWE-bench .jsonl or .json, preds.json of SWE-agent or mini-swe-agent, the folder of a run, "
            "or gold or empty: each task's own fix, or no change."
        ),
    ] = None,
    tasks: Annotated[
        str | None, typer.Option(help="The task set: a source, or SOURCE/GLOB; see `mangabey tasks sources`.")
    ] = None,
    instances: Instances = None,
    cut: Slice = "",
    shuffle: Shuffle = False,
    seed: Seed = 0,
    shard: Shard = "",
    suite: Suite = None,
    image: Image = None,
    registry: Registry = None,
    platform: Platform = None,
    sandbox: Sandbox = "auto",
    parallel: Annotated[int, typer.Option(min=1, max=256, help="Instances at one time.")] = 2,
    reruns: Annotated[
        int, typer.Option(min=1, max=100, help="Runs of each instance; flaky where they disagree.")
    ] = 1,
    timeout: Annotated[
        float, typer.Option(min=1.0, max=1e9, help="Seconds for one run of the tests.")
    ] = 1800.0,
    memory_mb: Annotated[int, typer.Option(min=64, help="Memory of one sandbox.")] = 4096,
    set_aside: Annotated[
        Path | None,
        typer.Option(help="JSON of tests not to count by instance; `mangabey tasks validate --write`."),
    ] = None,
    check_environment: Annotated[
        bool,
        typer.Option(
            "--check-environment", help="Where a patch fails, run the reference fix too; it must pass."
        ),
    ] = False,
    name: Annotated[str, typer.Option(help="What the report calls this evaluation.")] = "",
    out: Annotated[
        Path | None,
        typer.Option(help="Its folder; one that holds grades is gone on with. By default in mangabey-out."),
    ] = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with the evaluation in this folder.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the report as JSON; progress goes to stderr.")
    ] = False,
) -> None:
    """Grade predictions with the hidden tests of their tasks, and report as the official harness does."""
    from runs.evaluation_order import Order, plan, read_order
    from runs.failures import UsageError

    if resume is not None:
        require_alone(context, frozenset({"resume", "as_json"}))
        order = read_order(resume)
    else:
        if predictions is None or tasks is None:
            raise UsageError("say what to evaluate: mangabey evaluate PREDICTIONS --tasks SOURCE")
        order = Order(
            predictions=_absolute_predictions(predictions),
            tasks=absolute_source(tasks),
            instances=tuple(absolute_list(one) for one in instances or ()),
            shuffle=shuffle,
            seed=seed,
            slice=cut,
            shard=shard,
            suite=suite.absolute() if suite else None,
            image=absolute_image(image) or "",
            sandbox=sandbox,
            parallel=parallel,
            reruns=reruns,
            timeout=timeout,
            memory_mb=memory_mb,
            set_aside=set_aside.absolute() if set_aside else None,
            check_environment=check_environment,
            registry=registry or "",
            platform=platform or "",
            name=name,
        )
    use_registry(order.registry, order.platform)
    found = plan(order)
    _run(found, resume or _folder(out, order), as_json=as_json)


evaluate.__doc__ = f"{evaluate.__doc__}\n{EXAMPLES}"


def _run(plan: Plan, folder: Path, *, as_json: bool) -> None:
    import asyncio
    import json

    from runs.display.evaluation import choose
    from runs.evaluation import evaluate as run_evaluation
    from runs.evaluation import opened
    from runs.evaluation_report import FILE, render, report_of, undecided
    from runs.failures import FAILED
    from runs.folder import write_json
    from sandbox.home import default_home

    display = choose(len(plan.predictions))

    async def work() -> list[Graded]:
        try:
            return await run_evaluation(plan, folder, default_home(), display.listen)
        except asyncio.CancelledError:
            display.note("interrupted; what cannot be cut short, such as a clone or a build, ends first")
            raise

    try:
        with opened(folder, plan), display:
            for notice in (*plan.notices, f"this evaluation lies in {folder}"):
                display.note(notice)
            found = asyncio.run(work())
            report = report_of(plan, found, folder)
            write_json(folder / FILE, report)
    except (KeyboardInterrupt, asyncio.CancelledError):
        typer.echo(f"mangabey: interrupted; go on with: mangabey evaluate --resume {folder}", err=True)
        raise typer.Exit(130) from None
    if as_json:
        typer.echo(json.dumps(report, indent=1))
    else:
        render(plan, found, folder)
    if undecided(found):
        raise typer.Exit(FAILED)


def _folder(out: Path | None, order: Order) -> Path:
    from runs.folder import new_folder

    file = Path(order.predictions).name.removesuffix(".jsonl").removesuffix(".json")
    return new_folder(out, f"evaluate-{order.name or file}".replace("/", "-"))


def _absolute_predictions(name: str) -> str:
    from runs.predictions import WORDS

    return name if name in WORDS else str(Path(name).absolute())


def absolute_source(name: str) -> str:
    """Return a source's name, absolute where it is a file's, so that a run can be resumed from anywhere."""
    from envs.sources.registry import ROW_FILES, source_name

    head = source_name(name)
    path, colon, attribute = head.rpartition(":")
    is_code = bool(colon) and path.endswith(".py")
    if head.endswith(ROW_FILES) or is_code:
        place = f"{Path(path).absolute()}:{attribute}" if is_code else str(Path(head).absolute())
        return place + name[len(head) :]
    return name


def absolute_list(entry: str) -> str:
    """Return an entry of `--instances`, absolute where it names a file."""
    return f"@{Path(entry[1:]).absolute()}" if entry.startswith("@") else entry
