"""The laboratory's report: tables of at most 80 columns for people, and everything as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from runs.words import counted
from selection.lab.abstaining import Cautious
from selection.lab.costs import Control, Spent
from selection.lab.figures import EVERYTHING, Figures, Lines, Plan
from selection.lab.intervals import Estimate
from selection.lab.measured import Measured
from selection.lab.sources import Source

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

SCHEMA = "lab 1"


@dataclass(frozen=True, slots=True)
class Report:
    """All that was measured, and how."""

    plan: Plan
    figures: Figures
    sources: tuple[Source, ...]
    features: tuple[Measured, ...] = ()
    abstaining: tuple[Cautious, ...] = ()
    spent: tuple[Spent, ...] = ()
    control: Control | None = None
    notices: tuple[str, ...] = ()


def as_json(report: Report) -> dict[str, Any]:
    """Return the report as plain data; the k that is all candidates is `all`."""
    data = {"schema_version": SCHEMA} | asdict(report)
    return dict(_named(data))


def render(report: Report, console: Console | None = None) -> None:
    """Print the report."""
    from rich.console import Console

    out = console or Console(highlight=False)
    found = report.figures
    repositories = f"{len(found.repositories)} repositor{'y' if len(found.repositories) == 1 else 'ies'}"
    where = f"{counted(found.issues, 'issue')} of {repositories}"
    out.print(
        f"{where}, {found.candidates:.1f} candidates each; on {found.mixed} they disagree.", soft_wrap=True
    )
    out.print("\n[bold]best@k[/], % of all issues")
    out.print(_best(found, found.lines, mixed=False))
    if found.mixed:
        out.print("\n[bold]best@k[/], % of issues whose candidates disagree")
        out.print(_best(found, found.lines_mixed, mixed=True))
    if found.mixed and any(k != 1 for k in found.lines.ks):
        out.print("\n[bold]Efficiency[/] where candidates disagree, (best@k - pass@1) / (pass@k - pass@1)")
        out.print(_efficiency(found))
    most = _k(found.lines.ks[-1])
    told = f"[bold]With {most} candidate{'s' * (most != '1')}[/], % of all issues"
    out.print(f"\n{told}; harm and help against the largest cluster")
    out.print(_ends(found))
    if report.sources:
        out.print("\n[bold]Sources of verdicts[/], all candidates")
        out.print(_sources(report))
    if report.features:
        out.print(
            "\n[bold]Features[/] of candidates, means; apart: issues in which right and wrong ones differ"
        )
        out.print(_features(report))
    if report.abstaining:
        out.print("\n[bold]Abstaining below a probability[/], all candidates, % of all issues")
        out.print(_abstaining(report))
    _print_costs(report, out)
    for notice in report.notices:
        out.print(f"note: {notice}", style="yellow", soft_wrap=True, markup=False)


def _best(found: Figures, lines: Lines, *, mixed: bool) -> Table:
    table = _table("rule", *map(_k, lines.ks), "95%")
    last = len(lines.ks) - 1
    for name, line in (("oracle (pass@k)", lines.oracle), ("random (pass@1)", lines.any)):
        table.add_row(name, *map(_percent, line), "", style="dim")
    table.add_row("largest cluster", *map(_percent, lines.default), "", style="dim")
    for rule in found.rules:
        values = [at.best_mixed if mixed else at.best for at in rule.at]
        table.add_row(
            escape(rule.name), *(_percent(one.value) for one in values), _range(values[last], 100, 0)
        )
    return table


def _efficiency(found: Figures) -> Table:
    places = [at for at, k in enumerate(found.lines.ks) if k != 1]
    table = _table("rule", *(_k(found.lines.ks[at]) for at in places), "95%")
    for rule in found.rules:
        values = [rule.at[at].efficiency_mixed for at in places]
        table.add_row(escape(rule.name), *(_number(one.value) for one in values), _range(values[-1], 1, 2))
    return table


def _ends(found: Figures) -> Table:
    table = _table("rule", "right", "wrong", "abstains", "harm", "95%", "help")
    for rule in found.rules:
        at = rule.at[-1]
        table.add_row(
            escape(rule.name),
            _percent(at.best.value),
            _percent(at.wrong),
            _percent(at.abstained),
            _percent(at.harm.value),
            _range(at.harm, 100, 0),
            _percent(at.help),
        )
    return table


def _sources(report: Report) -> Table:
    most = _k(report.plan.ks[-1])
    table = _table("source", "said", "AUC", "within", "error", "Brier", f"best@{most}")
    for source in report.sources:
        worth = source.reliability
        table.add_row(
            escape(source.name),
            str(worth.count),
            _number(worth.auc),
            _number(worth.within),
            f"{worth.error:.3f}",
            f"{worth.brier:.3f}",
            _percent(source.best[-1]) if source.best else "",
        )
    return table


def _features(report: Report) -> Table:
    table = _table("feature", "right", "mean", "wrong", "mean", "apart", "within")
    for one in report.features:
        table.add_row(
            one.name,
            str(one.right),
            _number(one.mean_right),
            str(one.wrong),
            _number(one.mean_wrong),
            str(one.apart),
            _number(one.within),
        )
    return table


def _abstaining(report: Report) -> Table:
    table = _table("rule", "below", "picks", "right", "harm", "right of picks")
    for one in report.abstaining:
        table.add_row(
            escape(one.rule),
            f"{one.min_probability:.1f}",
            _percent(one.answered),
            _percent(one.right),
            _percent(one.harm),
            _percent(one.precision),
        )
    return table


def _spent(report: Report) -> Table:
    table = _table("rule", "k", "an issue", "a resolved", "a point")
    for one in report.spent:
        table.add_row(
            escape(one.rule), _k(one.k), f"{one.dollars:.4f}", _money(one.a_resolved), _money(one.a_point)
        )
    return table


def _print_costs(report: Report, out: Console) -> None:
    if any(one.dollars for one in report.spent):
        out.print("\n[bold]Cost[/], dollars")
        out.print(_spent(report))
    elif report.spent:
        alone = report.control is not None and not report.control.dollars
        who = "candidates, judges and single trajectories" if alone else "candidates and judges"
        out.print(f"\n[bold]Cost[/]: {who} cost nothing.")
    if report.control and report.control.dollars:
        _print_control(report.control, out)


def _print_control(control: Control, out: Console) -> None:
    out.print(
        f"\n[bold]At equal cost[/] (${control.dollars:.4f} an issue) one trajectory resolves "
        f"{_percent(control.resolved)}%:"
    )
    for name, value in control.rules.items():
        told = f"{_percent(value)}%" if value is not None else "not that cheap or dear at any k"
        out.print(f"  {name}: {told}", markup=False)


def _table(first: str, *columns: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column(first, overflow="fold", min_width=15)
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _k(k: int) -> str:
    return "all" if k == EVERYTHING else str(k)


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{round(value, 2) + 0.0:.2f}"


def _money(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _range(one: Estimate, scale: float, digits: int) -> str:
    if one.low is None or one.high is None:
        return "-"
    return f"{scale * one.low:.{digits}f}..{scale * one.high:.{digits}f}"


def _named(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _named(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_named(item) for item in value]
    return "all" if value == EVERYTHING and isinstance(value, int) else value
