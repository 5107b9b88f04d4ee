"""The rules that choose among an issue's candidates, by name: pure functions from evidence to a selection.

A rule answers for every number of candidates and every kind of evidence, raises nothing, and never depends on
the order of candidates or tests. Reading and running come before: rules that need a judge's verdicts or
comparisons find them in the evidence, and say in `needs` whose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from selection.evidence import Evidence
from selection.verdict import Selection


class Choose(Protocol):
    """What a rule does."""

    def __call__(self, evidence: Evidence, /) -> Selection:
        """Return the ranking of all candidates, and the winner or why there is none."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: its name, what it does in one line, the published system it is from, and whom it asks.

    `needs` are names of judges; a rule that finds nothing of them in the evidence says so in its reason and
    decides by what is left.
    """

    name: str
    about: str
    source: str
    choose: Choose
    needs: tuple[str, ...] = ()
