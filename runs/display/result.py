"""The report of one issue for a person: issue, winning diff, votes, verdict, where everything lies."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from envs.outcomes import Outcome
from runs.decision import Column, Decision, Line, origins_by_cluster
from runs.report import Report

MOST_COLUMNS = 8
MARKS = {
    Outcome.PASSED: ("✓", "+", "green"),
    Outcome.FAILED: ("✗", "x", "red"),
    Outcome.ERROR: ("E", "E", "red"),
    Outcome.SKIPPED: ("s", "s", "yellow"),
    Outcome.TIMED_OUT: ("t", "t", "red"),
    Outcome.MISSING: ("·", ".", "dim"),
    Outcome.NOT_APPLIED: ("n", "n", "dim"),
}
LEGEND = "✓ passes, ✗ fails, E breaks, s skipped, t timed out, · not run; tests alike are one vote"


def render(report: Report, folder: Path, console: Console | None = None) -> None:
    """Print the report."""
    out = console or Console(highlight=False)
    out.print()
    out.rule(f"[bold]{escape(report.instance_id)}[/]", align="left")
    out.print(Text(report.title, style="bold"))
    decision = report.decision
    if decision.patch:
        out.print()
        shown = "\n".join(line for line in decision.patch.splitlines() if not line.startswith("index "))
        out.print(Syntax(shown, "diff", theme="ansi_dark", background_color="default", word_wrap=True))
    out.print()
    _votes(decision, out)
    for line in _rejections(decision):
        out.print(line)
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


def _votes(decision: Decision, out: Console) -> None:
    """Print candidates against tests; candidates that make the same program share a row."""
    shown = _shown(decision)
    fancy = _unicode(out)
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="bold", title_justify="left")
    table.add_column("candidates")
    for number, _ in enumerate(shown, 1):
        table.add_column(f"T{number}", justify="center")
    table.add_column("votes", justify="right")
    table.add_column("breaks", justify="right")
    table.add_column("lines", justify="right")
    base = [_mark(column.base, fancy) for _, column in shown]
    table.add_row(Text("(untouched base)", style="dim"), *base, "", "", "")
    for group in origins_by_cluster(decision.lines).values():
        table.add_row(*_row(group, decision, [index for index, _ in shown], fancy))
    out.print(table)
    for number, (_, column) in enumerate(shown, 1):
        why = "" if column.speaks else "; no vote: it does not fail on the base"
        name = column.target.rpartition("/")[2]
        line = Text(f"T{number}  by {_few(column.authors)}{why}: {name}", style="dim")
        line.truncate(out.width, overflow="ellipsis" if fancy else "crop")
        out.print(line)
    hidden = len(decision.columns) - len(shown)
    more = f"; {hidden} more tests in report.json" if hidden else ""
    out.print(Text((LEGEND if fancy else _ascii(LEGEND)) + more, style="dim"))


def _row(group: Sequence[Line], decision: Decision, indexes: Sequence[int], fancy: bool) -> list[Text]:
    best = group[0]
    won = decision.winner in {line.candidate for line in group}
    style = "bold green" if won else ""
    name = Text(("→ " if fancy else "> ") * won + _few([line.origin for line in group]), style=style)
    cells = [_mark(best.outcomes[index], fancy) if best.outcomes else Text("") for index in indexes]
    votes = Text(f"{best.votes:g}" if best.outcomes else "-", style=style)
    return [name, *cells, votes, Text(str(len(best.regressions) or "")), Text(str(best.changed_lines))]


def _rejections(decision: Decision) -> list[Text]:
    lines = []
    for group in origins_by_cluster(decision.lines).values():
        if group[0].rejected:
            who = _few([line.origin for line in group])
            lines.append(Text.assemble((f"{who}: ", "yellow"), group[0].rejected))
    return lines


def _grade(report: Report, out: Console) -> None:
    if report.grade is None:
        out.print(Text.assemble(("grade     ", "bold"), "not graded (no hidden tests)"))
        return
    grade = report.grade
    style = "bold green" if grade.resolved else "bold red"
    out.print(Text.assemble(("grade     ", "bold"), (grade.status.value, style), f"  {grade.summary}"))


def _shown(decision: Decision) -> list[tuple[int, Column]]:
    """Return the columns that fit a narrow terminal with their index: those that vote come first."""
    order = sorted(enumerate(decision.columns), key=lambda pair: (not pair[1].speaks, pair[0]))
    return order[:MOST_COLUMNS]


def _mark(outcome: Outcome, fancy: bool) -> Text:
    sign, plain, style = MARKS[outcome]
    return Text(sign if fancy else plain, style=style)


def _few(names: Sequence[str], most: int = 4) -> str:
    """Return names as one phrase; samples are gathered: `samples 0, 2, 3`."""
    numbered = {name: re.fullmatch(r"sample (\d+)", name) for name in names}
    samples = sorted(int(match[1]) for match in numbered.values() if match)
    others = [name for name, match in numbered.items() if not match]
    phrases = []
    if samples:
        shown = ", ".join(map(str, samples[:most])) + (
            f" +{len(samples) - most}" if len(samples) > most else ""
        )
        phrases.append(f"sample{'s' if len(samples) > 1 else ''} {shown}")
    phrases += others[:most]
    return ", ".join(phrases) or "nobody"


def _unicode(out: Console) -> bool:
    return (out.encoding or "").lower().startswith("utf")


def _ascii(text: str) -> str:
    for sign, plain, _ in MARKS.values():
        text = text.replace(sign, plain)
    return text
