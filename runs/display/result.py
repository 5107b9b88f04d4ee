"""The report of one issue for a person: issue, winning diff, votes, verdict, where everything lies."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from runs.display.decision import rejections, show_patch, show_table
from runs.display.inputs import show_inputs
from runs.report import Report


def render(report: Report, folder: Path, console: Console | None = None) -> None:
    """Print the report."""
    out = console or Console(highlight=False)
    out.print()
    out.rule(f"[bold]{escape(report.instance_id)}[/]", align="left")
    out.print(Text(report.title, style="bold"))
    decision = report.decision
    show_patch(decision.patch, out)
    out.print()
    show_table(decision, out, "report.json")
    for line in rejections(decision):
        out.print(line)
    show_inputs(decision, out)
    out.print()
    out.print(Text.assemble(("decision  ", "bold"), decision.reason))
    _grade(report, out)
    spent = f"{report.seconds:.1f} s, {sum(sample.turns for sample in report.samples)} model calls"
    if report.usage.input or report.usage.output:
        spent += f", {report.usage.input + report.usage.output:,} tokens"
    if report.cost:
        spent += f", ${report.cost:.2f}"
    out.print(Text.assemble(("drawn     ", "bold"), _drawn(report)))
    out.print(Text.assemble(("spent     ", "bold"), f"{spent} of {report.model}"))
    out.print(Text.assemble(("files     ", "bold"), str(folder)), soft_wrap=True)


def _drawn(report: Report) -> str:
    """Return how many trajectories there were, in which rounds, and how different what they made is."""
    found = report.diversity
    programs = f"{found.clusters} different program{'' if found.clusters == 1 else 's'}"
    share = "" if found.per_trajectory is None else f" ({found.per_trajectory:.2f} each)"
    made = f"{found.trajectories} trajector{'y' if found.trajectories == 1 else 'ies'}"
    text = f"{programs} of {made}{share}"
    others = len(report.samples) - found.trajectories
    text += f", {others} without a candidate" if others > 0 else ""
    rounds = sum(1 for one in report.rounds if one.samples)
    text += f", {rounds} rounds" if rounds > 1 else ""
    last = report.rounds[-1] if report.rounds else None
    return text + (f"; {last.reason}" if last is not None and not last.samples else "")


def _grade(report: Report, out: Console) -> None:
    if report.grade is None:
        out.print(Text.assemble(("grade     ", "bold"), "not graded (no hidden tests)"))
        return
    grade = report.grade
    style = "bold green" if grade.resolved else "bold red"
    out.print(Text.assemble(("grade     ", "bold"), (grade.status.value, style), f"  {grade.summary}"))
