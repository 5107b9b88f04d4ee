"""What `mangabey select` has chosen, for a person: table, reasons, how far it can be believed."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from runs.decision import Decision
from runs.display.decision import rejections, show_patch, show_table
from runs.display.inputs import show_inputs
from runs.purse import Spending
from runs.selecting import Choice
from runs.words import counted

_MOST = 3
_BESIDE_VOTE = (
    "--rule posterior, the default, goes by existing tests and the patches too, and says how sure it is"
)


def render_choice(choice: Choice, folder: Path, console: Console | None = None) -> None:
    """Print the choice."""
    out = console or Console(highlight=False)
    decision = choice.decision
    out.print()
    out.rule(f"[bold]{escape(choice.instance_id)}[/]", align="left")
    show_patch(decision.patch, out)
    out.print()
    show_table(decision, out, "decision.json")
    for line in rejections(decision):
        out.print(line)
    show_inputs(decision, out)
    out.print()
    for name, words in _words(choice):
        out.print(Text.assemble((f"{name:<10}", "bold"), words))
    out.print(Text.assemble((f"{'files':<10}", "bold"), str(folder)), soft_wrap=True)


def _words(choice: Choice) -> list[tuple[str, str]]:
    """Return what is to be said under the table, each with its name."""
    decision = choice.decision
    said = [("rule", decision.rule), ("decision", decision.reason)]
    if decision.winner:
        origin = next(line.origin for line in decision.lines if line.candidate == decision.winner)
        said.insert(1, ("chosen", origin))
    tied = {line.cluster or line.candidate for line in decision.lines if line.candidate in decision.tied}
    if decision.winner and len(tied) > 1:
        said.append(("tied", f"{len(tied)} programs are equal in all; a hash of their content decides"))
    said.append(("sure", _how_sure(decision)))
    if decision.rule == "vote" and not decision.winner and any(line.cluster for line in decision.lines):
        said.append(("hint", _BESIDE_VOTE))
    said += [("excused", f"{test}: {why}") for test, why in list(decision.excused.items())[:_MOST]]
    said += [("trouble", one) for one in decision.trouble[:_MOST]]
    return [*said, *_spent(choice.spent)]


def _spent(spent: Spending) -> list[tuple[str, str]]:
    """Return what readers have cost, nothing where nobody was asked."""
    if spent == Spending():
        return []
    return [("spent", f"{counted(spent.steps, 'model call')}, {spent.tokens:,} tokens, {spent.price()}")]


def _how_sure(decision: Decision) -> str:
    sure = decision.probability
    if sure is None and decision.probabilities:
        sure = max(decision.probabilities.values())
    if sure is None and decision.fitted:
        return "no program was there to be sure of"
    if sure is None:
        return "this rule was not fitted: it gives no probability, and its harm rate is not known"
    words = f"{sure:.0%} that "
    words += "the chosen one is right" if decision.winner else "the best one, which is not chosen, is right"
    if decision.none_right is not None:
        words += f", {decision.none_right:.0%} that none is"
    return f"{words}; fitted on {decision.fitted}" if decision.fitted else words
