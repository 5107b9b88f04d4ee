"""`mangabey lab`: what rules and judges are worth, measured on issues whose right candidates are known."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from runs.lab_evidence import Gathered
    from runs.lab_report import Report
    from selection.lab import Entrant, Labelled, Plan
    from selection.lab.fits import Fits

    Playing = tuple[list[Entrant], Fits]

EXAMPLES = """
Examples:

  mangabey lab evidence/ --labels labels.json

  mangabey lab evidence/ --labels labels.json --rules r2e-hybrid+none,swe-gym --plots plots

  mangabey lab mangabey-out/solve-1 mangabey-out/evaluate-1 --json lab.json

Exit codes: 0 measured, 2 wrong use, 130 interrupted.
"""


EVERY = 5.0
"""Seconds between lines that say how far it is, where there is no terminal."""


def lab(
    evidence: Annotated[
        list[Path],
        typer.Argument(help="Evidence (.jsonl, .jsonl.gz), folders of it, of runs and of evaluations."),
    ],
    labels: Annotated[
        Path | None,
        typer.Option(help="JSON by candidate id: true, false or an object with `resolved`. Measures only."),
    ] = None,
    rules: Annotated[
        str, typer.Option(help="Rules, by commas; RULE+JUDGE hears that judge alone, RULE+none nobody.")
    ] = "",
    k: Annotated[
        str, typer.Option(help="Numbers of candidates, by commas; all is an issue's.")
    ] = "1,2,4,8,all",
    samples: Annotated[int, typer.Option(min=1, help="Subsets of an issue at most, for each k.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of the subsets and the intervals.")] = 0,
    drop: Annotated[
        str, typer.Option(help="Marks of labels whose candidates are left out, by commas; none keeps all.")
    ] = "equals_gold,chosen_with_hindsight",
    quality: Annotated[str, typer.Option(help="Verdict qualities that count, by commas; all if empty.")] = "",
    control: Annotated[
        list[Path] | None,
        typer.Option(help="Runs of single trajectories, told beside the rules at the same cost."),
    ] = None,
    refit: Annotated[
        bool,
        typer.Option("--refit", help="Fit what is fitted anew for each repository, on the others."),
    ] = False,
    json: Annotated[Path | None, typer.Option("--json", help="Write all figures into this file.")] = None,
    plots: Annotated[Path | None, typer.Option(help="Write plots (SVG) into this folder.")] = None,
) -> None:
    """Measure selection rules: best@k, efficiency, harm, calibration, cost; by formulas or seeded subsets."""
    from runs.folder import write_json
    from runs.lab_evidence import gather
    from runs.lab_report import as_json, render

    _require_room(json, plots)
    found, beside = gather(evidence), gather(control) if control else None
    issues = _labelled(found, labels, drop, quality)
    singles = _labelled(beside, labels, drop, quality) if beside else []
    notices = [*found.notes(), *_left_out(found, issues), *(beside.notes() if beside else ())]
    plan = _plan(k, samples, seed)
    playing = _playing(_listed(rules), issues, refit=refit)
    report = _measure(issues, singles, playing, plan, notices)
    render(report)
    if json is not None:
        write_json(json, as_json(report))
    if plots is not None:
        from selection.lab.plots import write_plots

        written = write_plots(plots, report.figures, report.sources, issues)
        typer.echo(f"{len(written)} plots lie in {plots}", err=True)


lab.__doc__ = f"{lab.__doc__}\n{EXAMPLES}"


def _measure(
    issues: list[Labelled], singles: list[Labelled], playing: Playing, plan: Plan, notices: list[str]
) -> Report:
    from runs.lab_report import Report
    from selection.lab import figures_of, play
    from selection.lab import sources as all_sources
    from selection.lab.abstaining import abstaining
    from selection.lab.costs import control, priced, spent
    from selection.lab.measured import measured

    entrants, fits = playing
    with _told(len(issues)) as told:
        played = play(issues, entrants, plan, told)
    found = figures_of(played, entrants, plan)
    return Report(
        plan=plan,
        figures=found,
        sources=(*all_sources.judges(issues, fits, plan.ks), *all_sources.rules(issues, entrants)),
        features=measured(issues),
        abstaining=tuple(abstaining(issues, entrants)),
        spent=tuple(spent(issues, found, entrants)),
        control=control(singles, issues, found, entrants) if priced(singles) and priced(issues) else None,
        notices=(*notices, *_unpriced(issues, singles), *_other_issues(issues, singles)),
    )


def _unpriced(issues: list[Labelled], singles: list[Labelled]) -> list[str]:
    """Return why no cost is told where some is known, or asked for."""
    from selection.lab.costs import priced

    known = sum(bool(issue.costs) for issue in issues)
    found = []
    if known and not priced(issues):
        found.append(f"what candidates cost is known of {known} of {len(issues)} issues, so no cost is told")
    if singles and not (priced(singles) and priced(issues)):
        found.append("--control tells nothing, as it is not known what all of both runs' candidates cost")
    return found


def _other_issues(issues: list[Labelled], singles: list[Labelled]) -> list[str]:
    """Return how far single trajectories and the rules beside them are of different issues."""
    ours, theirs = ({one.evidence.task for one in group} for group in (issues, singles))
    if not theirs or ours == theirs:
        return []
    shared = f"{len(ours & theirs)} are the same: what they resolve is no comparison"
    return [f"--control is of {len(theirs)} issues and the rules of {len(ours)}, of which {shared}"]


def _playing(names: list[str], issues: list[Labelled], *, refit: bool) -> Playing:
    """Return who takes part, and what they are fitted with."""
    from selection.lab.entrants import entrants
    from selection.lab.fits import Refitted, Shipped

    fits = Refitted(issues) if refit else Shipped()
    return entrants(names, issues, fits), fits


@contextmanager
def _told(issues: int) -> Iterator[Callable[[int], None]]:
    """Show how many issues are done: by a bar on a terminal, elsewhere by a line now and then."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _in_lines(issues)
        return
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("issues", total=issues)
        yield lambda done: progress.update(bar, completed=done)


def _in_lines(issues: int) -> Callable[[int], None]:
    """Return what says on standard error how many issues are done, a line in `EVERY` seconds at most."""
    import time

    from runs.words import counted

    typer.echo(f"playing the rules on {counted(issues, 'issue')}", err=True)
    began = last = time.monotonic()

    def told(done: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= EVERY:
            last = now
            typer.echo(f"[{now - began:6.1f} s] {done} of {counted(issues, 'issue')}", err=True)

    return told


def _labelled(found: Gathered, labels: Path | None, drop: str, quality: str) -> list[Labelled]:
    from runs.failures import UsageError
    from selection.lab import read_labels, with_labels
    from selection.lab.labelled import MARKS

    given = read_labels(labels) if labels else {}
    known = {task: {**found.labels_of(one), **given} for task, one in found.evidence.items()}
    if not any(known.values()):
        raise UsageError("nothing says which candidates are right; name --labels, or graded runs")
    marks = [] if drop == "none" else _listed(drop)
    if strange := sorted(set(marks) - set(MARKS)):
        raise UsageError(f"--drop: labels have no mark {strange[0]!r}; there are {', '.join(MARKS)}, or none")
    issues = [
        issue
        for task, one in found.evidence.items()
        for issue in with_labels([one], known[task], drop=marks, qualities=_listed(quality))
    ]
    if not issues:
        raise UsageError("no candidate of the evidence has a label that counts; check --labels and --quality")
    return found.with_costs(issues)


def _left_out(found: Gathered, issues: list[Labelled]) -> list[str]:
    """Return how many candidates are not measured, as nothing that counts says whether they are right."""
    everyone = sum(len({one.id for one in issue.candidates}) for issue in found.evidence.values())
    lost, gone = everyone - sum(len(issue.resolved) for issue in issues), len(found.evidence) - len(issues)
    told = f"{lost} of {everyone} candidates have no label that counts and are left out"
    return [f"{told}, and with them {gone} of {len(found.evidence)} issues"] if lost else []


def _plan(ks: str, samples: int, seed: int) -> Plan:
    from runs.failures import UsageError
    from selection.lab import EVERYTHING, Plan

    named = _listed(ks)
    if not named or not all(name == "all" or (name.isdecimal() and int(name)) for name in named):
        raise UsageError(f"--k takes numbers from 1 and `all`, by commas; not {ks!r}")
    sizes = {EVERYTHING if name == "all" else int(name) for name in named}
    return Plan(tuple(sorted(sizes)), samples, seed)


def _require_room(json: Path | None, plots: Path | None) -> None:
    """Refuse places that cannot take the results, before anything is measured."""
    from runs.failures import UsageError

    if json is not None and json.is_dir():
        raise UsageError(f"--json: {json} is a folder; name a file")
    if plots is not None and plots.exists() and not plots.is_dir():
        raise UsageError(f"--plots: {plots} is a file; name a folder")


def _listed(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]
