"""What judges say of candidates, and what the selector makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one judge says of one candidate: a score in [0, 1], None when it could not, and its grounds."""

    judge: str
    candidate: str
    score: float | None
    evidence: str


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate's place: `rejected` says why it cannot win, and is empty when it can."""

    candidate: str
    cluster: str
    votes: float
    regressions: tuple[str, ...]
    rejected: str = ""


@dataclass(frozen=True, slots=True)
class Selection:
    """The decision over one task's candidates.

    `winner` is None when the rule abstains; `reason` says in one line why it chose or abstained.
    `probability` that the winner is right is None where the rule is not calibrated. `probabilities` are those
    of the programs, by cluster; several can be right, so they need not come to 1, and `none_right` is how
    likely no program is. `tied` are the candidates that nothing but the hash of their content puts behind the
    winner, the winner with them: the laboratory averages over them.
    """

    rule: str
    ranking: tuple[Ranked, ...]
    winner: str | None
    reason: str
    probability: float | None = None
    verdicts: tuple[Verdict, ...] = ()
    clusters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    probabilities: Mapping[str, float] = field(default_factory=dict)
    tied: tuple[str, ...] = ()
    none_right: float | None = None
