"""One issue on the page: a line that opens to the decision, the diff, the matrix and the trajectories."""

from __future__ import annotations

from collections.abc import Iterator

from runs.batch.outcome import Outcome
from runs.decision import Decision, origins_by_cluster
from runs.display.decision import LEGEND, MARKS
from runs.page.html import Html, diff, fold, joined, table, tag, text
from runs.page.reading import IssueShown, TurnShown, short


def issue_row(shown: IssueShown) -> Html:
    """Return an issue's line and what it opens to."""
    return fold(_head(shown.outcome), *_parts(shown))


def _head(outcome: Outcome) -> Html:
    spent = f" {outcome.seconds:,.0f} s, {outcome.spent.steps} calls, {outcome.spent.price()} "
    status = tag("b", text(outcome.status.value), kind=outcome.status.value)
    name = tag("code", text(outcome.instance_id))
    said = outcome.reason if outcome.is_final else f"{outcome.failure}: {outcome.message}"
    return joined([name, text(" "), status, tag("span", text(spent), kind="dim"), text(said)])


def _parts(shown: IssueShown) -> Iterator[Html]:
    if shown.problem:
        yield fold(text("issue"), tag("pre", text(short(shown.problem))))
    if shown.decision is not None:
        yield from _decided(shown.decision)
    if shown.grade:
        yield fold(text(f"grade: {shown.grade.get('status', '')}"), _grade(shown))
    for sample in sorted({*shown.endings, *shown.turns}):
        turns = shown.turns.get(sample, ())
        head = f"trajectory {sample}, {len(turns)} turns, {shown.endings.get(sample, 'unfinished')}"
        yield fold(text(short(head)), *map(_turn, turns))


def _decided(decision: Decision) -> Iterator[Html]:
    sure = "" if decision.probability is None else f", probability {decision.probability:.2f}"
    yield tag("p", text(f"decision by {decision.rule}: {decision.reason}{sure}"))
    if decision.patch:
        yield diff(decision.patch)
    rows = [
        (
            line.origin,
            "".join(MARKS[outcome][0] for outcome in line.outcomes),
            line.votes,
            line.changed_lines,
            line.rejected or ("wins" if line.candidate == decision.winner else ""),
            "; ".join(line.dropped),
        )
        for line in decision.lines
    ]
    head = ("candidate", "tests", "votes", "lines", "fate", "dropped edits")
    columns = enumerate(decision.columns, 1)
    tests = [(number, one.target, one.base.value, "yes" if one.speaks else "no") for number, one in columns]
    yield fold(
        text(f"matrix: {len(decision.lines)} candidates, {len(decision.columns)} generated tests"),
        table(head, rows),
        tag("p", text(LEGEND), kind="dim"),
        table(("", "test", "on the base", "votes"), tests),
    )
    if decision.differences:
        yield _differences(decision)


def _differences(decision: Decision) -> Html:
    """Return the inputs on which programs disagree that no test tells apart, a column for each program."""
    rows = tuple(dict.fromkeys(row for one in decision.differences for row in one.values))
    groups = origins_by_cluster(decision.lines)
    head = ("input", "base", *(", ".join(line.origin for line in groups[row]) for row in rows), "from")
    told = [
        (one.input, one.base, *(one.values.get(row, "") for row in rows), one.where)
        for one in decision.differences
    ]
    return fold(text("inputs that part programs which no test tells apart"), table(head, told))


def _grade(shown: IssueShown) -> Html:
    rows = [
        (kind, test, outcome)
        for kind in ("fail_to_pass", "pass_to_pass")
        for test, outcome in dict(shown.grade.get(kind, {})).items()
    ]
    return table(("", "test", "outcome"), rows[:200])


def _turn(turn: TurnShown) -> Html:
    price = "price unknown" if turn.cost is None else f"${turn.cost:.4f}"
    said = tag("pre", text(turn.text)) if turn.text else Html("")
    calls = joined(tag("pre", text(f"> {call}")) for call in turn.calls)
    seen = joined(tag("pre", text(one)) for one in turn.seen)
    return fold(text(f"turn {turn.number}, {turn.seconds:.1f} s, {price}"), said, calls, seen)
