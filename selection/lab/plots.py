"""The laboratory's plots: best@k with its lines, reliability of probabilities, and an issue's test matrix."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from envs.outcomes import Outcome
from selection.lab.figures import EVERYTHING, Figures, Lines
from selection.lab.labelled import Labelled
from selection.lab.sources import Source
from selection.lab.svg import COLOURS, INK, Drawing, Plane
from selection.matrix import BASE

_CELLS = {
    Outcome.PASSED: "#4caf50",
    Outcome.FAILED: "#d9534f",
    Outcome.ERROR: "#8e44ad",
    Outcome.TIMED_OUT: "#f0ad4e",
    Outcome.SKIPPED: "#bdbdbd",
    Outcome.MISSING: "#eeeeee",
    Outcome.NOT_APPLIED: "#555555",
}
_MOST_COLUMNS = 120
_CELL = 12.0


def write_plots(
    folder: Path, figures: Figures, sources: Sequence[Source], issues: Sequence[Labelled]
) -> list[Path]:
    """Write all plots into a folder, made where it is missing, and return their paths.

    Raises:
        OSError: they cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in _plots(figures, sources, issues):
        path = folder / f"{re.sub(r'[^A-Za-z0-9._+-]+', '-', name)}.svg"
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


def _plots(
    figures: Figures, sources: Sequence[Source], issues: Sequence[Labelled]
) -> Iterator[tuple[str, str]]:
    yield "best-at-k", best_at_k(figures, figures.lines, mixed=False)
    if figures.mixed:
        yield "best-at-k-mixed", best_at_k(figures, figures.lines_mixed, mixed=True)
    if sources:
        yield "reliability", reliability_diagram(sources)
    for issue in issues:
        if issue.evidence.matrix.tests:
            yield f"matrix-{issue.evidence.task}", matrix_map(issue)


def best_at_k(figures: Figures, lines: Lines, *, mixed: bool) -> str:
    """Return the curve of every rule over k, between a perfect choice and any choice.

    Args:
        figures: of the rules.
        lines: around them, of the same issues.
        mixed: whether they are those whose candidates disagree.
    """
    names = ["all" if k == EVERYTHING else str(k) for k in lines.ks]
    where = "issues whose candidates disagree" if mixed else "all issues"
    drawing = Drawing(760, 420, f"best@k over {where}")
    curves = [
        (rule.name, [(at.best_mixed if mixed else at.best).value or 0.0 for at in rule.at])
        for rule in figures.rules
    ]
    values = [*lines.oracle, *lines.any, *(value for _, curve in curves for value in curve)]
    low, high = max(0.0, min(values) - 0.05), min(1.0, max(values) + 0.05)
    low, high = int(low * 10) / 10, min(1.0, (int(high * 10) + 1) / 10)
    plane = Plane(drawing, (50, 30, 470, 330), (0, max(1, len(names) - 1)), (low, high))
    levels = [low + step / 10 for step in range(round((high - low) * 10) + 1)]
    plane.axes(list(enumerate(names)), levels, "candidates", f"resolved, % of {where}")
    around = [("oracle (pass@k)", list(lines.oracle), "6 3"), ("random (pass@1)", list(lines.any), "2 3")]
    for row, (name, curve, dash) in enumerate(around):
        drawing.line([plane.place(x, y) for x, y in enumerate(curve)], INK, dash)
        _legend(drawing, row, name, INK, dash)
    for row, (name, curve) in enumerate(curves):
        colour = COLOURS[row % len(COLOURS)]
        drawing.line([plane.place(x, y) for x, y in enumerate(curve)], colour)
        for x, y in enumerate(curve):
            drawing.dot(*plane.place(x, y), 3, colour, f"{name}, {names[x]}: {100 * y:.1f}%")
        _legend(drawing, row + len(around), name, colour, "")
    return drawing.render()


def reliability_diagram(sources: Sequence[Source]) -> str:
    """Return what was right of what each source said, bin by bin; the diagonal is what it should be."""
    drawing = Drawing(760, 420, "reliability")
    plane = Plane(drawing, (50, 30, 330, 330), (0, 1), (0, 1))
    levels = [step / 5 for step in range(6)]
    plane.axes([(level, f"{100 * level:.0f}") for level in levels], levels, "said, %", "right, %")
    drawing.line([plane.place(0, 0), plane.place(1, 1)], INK, "6 3")
    for row, source in enumerate(sources):
        colour, worth = COLOURS[row % len(COLOURS)], source.reliability
        drawing.line([plane.place(one.said, one.right) for one in worth.bins], colour)
        for one in worth.bins:
            told = f"{source.name}: said {one.said:.2f}, right {one.right:.2f} of {one.count}"
            drawing.dot(
                *plane.place(one.said, one.right), 2 + (one.count / worth.count) ** 0.5 * 6, colour, told
            )
        _legend(drawing, row, f"{source.name} (error {worth.error:.3f})", colour, "", left=410)
    return drawing.render()


def matrix_map(issue: Labelled) -> str:
    """Return an issue's test matrix: a row for the base and each cluster, a column for each test that tells.

    A test that did the same everywhere is left out, and so is what is beyond 120 columns, which is said. The
    verdicts at the right are labels: for people, never for rules.
    """
    matrix, members = issue.evidence.matrix, issue.evidence.clusters.members
    rows = (BASE, *matrix.rows)
    telling = [test for test in matrix.tests if len({matrix.outcome(test.id, row) for row in rows}) > 1]
    shown = telling[:_MOST_COLUMNS]
    height = 110 + _CELL * len(rows)
    drawing = Drawing(max(620.0, 320 + _CELL * len(shown)), height, f"test matrix of {issue.evidence.task}")
    same = len(matrix.tests) - len(telling)
    more = f", {len(telling) - len(shown)} more not shown" if len(telling) > len(shown) else ""
    drawing.text(
        10, 20, f"{issue.evidence.task}: {len(telling)} tests that tell{more}, {same} the same everywhere"
    )
    for at, row in enumerate(rows):
        y = 40 + _CELL * at
        ids = members.get(row, ())
        drawing.text(10, y + 10, row[:8] if row != BASE else "base")
        for place, test in enumerate(shown):
            outcome = matrix.outcome(test.id, row)
            kind = "generated" if test.file else "existing"
            drawing.cell(
                70 + _CELL * place,
                y,
                _CELL - 1,
                _CELL - 1,
                _CELLS[outcome],
                f"{kind} {test.target}: {outcome}",
            )
        if ids:
            told = f"{len(ids)} made it, {100 * issue.share(ids):.0f}% right"
            drawing.text(80 + _CELL * len(shown), y + 10, told)
    for place, (outcome, colour) in enumerate(_CELLS.items()):
        drawing.cell(10 + 85 * place, height - 30, _CELL, _CELL, colour)
        drawing.text(26 + 85 * place, height - 20, str(outcome).replace("_", " "))
    return drawing.render()


def _legend(drawing: Drawing, row: int, name: str, colour: str, dash: str, left: float = 540) -> None:
    y = 40 + 18 * row
    drawing.line([(left, y), (left + 22, y)], colour, dash)
    drawing.text(left + 28, y + 4, name)
