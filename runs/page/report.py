"""The page: one batch in full, or several beside each other."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path

from runs.batch.outcome import Outcome, Status
from runs.batch.summary import spent_of
from runs.page.best import Curves
from runs.page.html import Html, joined, page, table, tag, text
from runs.page.intervals import Paired, paired, wilson
from runs.page.issues import issue_row
from runs.page.reading import RunShown, read_issue

_WIDTH, _HEIGHT = 560, 160


def write_page(runs: Sequence[RunShown], target: Path) -> None:
    """Write the page of one or several batches; an issue's journal is open only while its row is made.

    Raises:
        OSError: it cannot be written.
    """
    from runs.folder import write_text

    parts = [tag("h1", text("Mangabey: " + ", ".join(run.name for run in runs)))]
    if len(runs) > 1:
        parts.append(_compared(runs))
    for run in runs:
        curves, rows = Curves(), []
        for outcome in run.outcomes:
            shown = read_issue(run.folders[outcome.instance_id], outcome)
            curves.add(shown.decision, outcome)
            rows.append(issue_row(shown))
        parts += [tag("h2", text(run.name)), *_summary(run), curves.shown()]
        parts += [tag("h3", text("Issues")), *rows, *_unfinished(run)]
    write_text(target, page("Mangabey report", *parts))


def _summary(run: RunShown) -> Iterator[Html]:
    outcomes, spent = run.outcomes, run.spent
    yield tag("p", text(f"{issues_of(run)}. {share(outcomes)}"))
    yield tag(
        "p", text(f"{spent.steps:,} calls, {spent.input:,} tokens in, {spent.output:,} out, {spent.price()}")
    )
    for title, key in (("Repository", lambda one: one.repo), ("Difficulty", lambda one: one.difficulty)):
        if any(map(key, outcomes)):
            yield _grouped(title, outcomes, key)
    yield tag("h3", text("Time by stage"))
    yield _bars(_stages(outcomes), "s")
    yield tag("h3", text("Trajectories by ending"))
    yield table(("ending", "trajectories"), sorted(_endings(outcomes).items()))
    if failures := Counter(one.failure.value for one in outcomes if one.failure):
        yield tag("h3", text("Failures of infrastructure by kind"))
        yield table(("kind", "issues"), failures.most_common())
    if any(_graded(one) for one in outcomes) and spent.dollars:
        yield tag("h3", text("Resolved by money spent, the cheapest issues first"))
        yield _curve(outcomes)


def _unfinished(run: RunShown) -> Iterator[Html]:
    """Yield the issues without an outcome; what they have spent is in the sum."""
    if run.unfinished:
        rows = [(one, spent.steps, spent.tokens, spent.price()) for one, spent in run.unfinished.items()]
        yield tag("h3", text("Unfinished"))
        yield table(("issue", "calls", "tokens", "spent"), rows)


def issues_of(run: RunShown) -> str:
    """Return how many issues a run has, and how they ended."""
    counts = Counter(one.status.value for one in run.outcomes)
    if run.unfinished:
        counts["unfinished"] = len(run.unfinished)
    return f"{counts.total()} issues: {_words(counts)}"


def share(outcomes: Sequence[Outcome]) -> str:
    """Return the share of resolved issues with its interval, of those that were graded."""
    graded = [one for one in outcomes if _graded(one)]
    if not graded:
        return "None was graded."
    good = sum(one.status is Status.RESOLVED for one in graded)
    low, high = wilson(good, len(graded))
    return f"Resolved {good} of {len(graded)} graded: {good / len(graded):.1%} (95% {low:.1%} to {high:.1%})."


def _grouped(title: str, outcomes: Sequence[Outcome], key: Callable[[Outcome], str]) -> Html:
    groups: dict[str, list[Outcome]] = defaultdict(list)
    for one in outcomes:
        groups[key(one) or "unknown"].append(one)
    rows = []
    for name, members in sorted(groups.items()):
        graded = [one for one in members if _graded(one)]
        good = sum(one.status is Status.RESOLVED for one in members)
        low, high = wilson(good, len(graded))
        sure = f"{low:.0%} to {high:.0%}" if graded else "not graded"
        spent = spent_of(members)
        rows.append((name, len(members), good, sure, spent.price(), sum(one.seconds for one in members)))
    head = (title.lower(), "issues", "resolved", "95%", "spent", "seconds")
    return joined([tag("h3", text(f"By {title.lower()}")), table(head, rows)])


def _bars(values: Mapping[str, float], unit: str) -> Html:
    most = max(values.values(), default=0.0) or 1.0
    rows = []
    for number, (name, value) in enumerate(values.items()):
        y, width = 18 * number, max(1.0, value / most * (_WIDTH - 220))
        rows += [
            tag("text", text(name), x="0", y=str(y + 13), fill="currentColor"),
            tag("rect", x="100", y=str(y + 3), width=f"{width:.1f}", height="12", kind="bar"),
            tag(
                "text",
                text(f"{value:,.1f} {unit}"),
                x=f"{106 + width:.1f}",
                y=str(y + 13),
                fill="currentColor",
            ),
        ]
    height = 18 * len(values) + 4
    return tag("svg", *rows, viewBox=f"0 0 {_WIDTH} {height}", width=str(_WIDTH))


def _curve(outcomes: Sequence[Outcome]) -> Html:
    """Return how many issues are resolved as money is spent."""
    graded = sorted((one for one in outcomes if _graded(one)), key=lambda one: one.spent.dollars)
    total = sum(one.spent.dollars for one in graded) or 1.0
    most = sum(one.status is Status.RESOLVED for one in graded) or 1
    spent, good, points = 0.0, 0, [f"0,{_HEIGHT}"]
    for one in graded:
        spent += one.spent.dollars
        good += one.status is Status.RESOLVED
        points.append(f"{spent / total * _WIDTH:.1f},{_HEIGHT - good / most * (_HEIGHT - 20):.1f}")
    line = tag("polyline", points=" ".join(points), kind="line")
    axis = tag("line", x1="0", y1=str(_HEIGHT), x2=str(_WIDTH), y2=str(_HEIGHT), kind="axis")
    svg = tag("svg", line, axis, viewBox=f"0 0 {_WIDTH} {_HEIGHT + 4}", width=str(_WIDTH))
    return joined([svg, tag("p", text(f"{good} resolved for ${spent:.2f}"), kind="dim")])


def _compared(runs: Sequence[RunShown]) -> Html:
    rows = [
        (run.name, issues_of(run), share(run.outcomes), run.spent.price(), run.spent.tokens) for run in runs
    ]
    parts = [tag("h2", text("Compared")), table(("run", "issues", "resolved", "spent", "tokens"), rows)]
    pairs = [(a.name, b.name, compare(a, b)) for a, b in combinations(runs, 2)]
    lines = [(a, b, *_pair(found)) for a, b, found in pairs]
    head = ("first", "second", "issues of both", "both", "only first", "only second", "difference (95%)", "p")
    return joined([*parts, table(head, lines)])


def compare(first: RunShown, second: RunShown) -> Paired:
    """Compare two runs on the issues that both have graded."""
    found = [{one.instance_id: one for one in run.outcomes if _graded(one)} for run in (first, second)]
    common = sorted(found[0].keys() & found[1].keys())
    good = [[one[name].status is Status.RESOLVED for name in common] for one in found]
    return paired(good[0], good[1])


def _pair(found: Paired) -> tuple[object, ...]:
    words = (
        f"{found.difference:+.1%} ({found.low:+.1%} to {found.high:+.1%})"
        if found.issues
        else "none in common"
    )
    return found.issues, found.both, found.only_first, found.only_second, words, f"{found.p:.3f}"


def _graded(outcome: Outcome) -> bool:
    """Whether an outcome says whether the issue is resolved; an abstention that was graded is not."""
    return outcome.graded


def _stages(outcomes: Sequence[Outcome]) -> dict[str, float]:
    found: Counter[str] = Counter()
    for one in outcomes:
        found.update(one.stages)
    return dict(found)


def _endings(outcomes: Sequence[Outcome]) -> Counter[str]:
    found: Counter[str] = Counter()
    for one in outcomes:
        found.update(one.endings)
    return found


def _words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {status}" for status, count in counts.items())
