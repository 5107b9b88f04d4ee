"""A verifier that needs no model: a weighted sum of measured features, fitted on labelled candidates.

The weights are `selection/weights/features.json`; `scripts/fit_selection.py` makes them. They are fitted on
pairs of a right and a wrong candidate of one issue, which is what choosing needs, and the sum is then brought
to probabilities by two slopes: within an issue, and between issues.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from math import fsum

from pydantic import TypeAdapter

from agent.messages import Value
from selection.evidence import Evidence
from selection.features import ABOUT, Features, measure
from selection.logistic import sigmoid
from selection.verdict import Verdict

JUDGE = "features"


class Weights(Value):
    """The fitted verifier: features are brought to units of their spread around what is typical.

    Log-odds are `level + within * (sum - the issue's mean sum) + between * the issue's mean sum`.
    """

    schema_version: str = "features 1"
    fitted_on: str = ""
    weights: dict[str, float]
    typical: dict[str, float]
    spread: dict[str, float]
    level: float = 0.0
    within: float = 1.0
    between: float = 0.0


WEIGHTS = TypeAdapter(Weights)


@dataclass(frozen=True, slots=True)
class Scored:
    """One candidate's log-odds of being right, and what each feature adds to them."""

    log_odds: float
    parts: Mapping[str, float]


@cache
def shipped() -> Weights:
    """Return the weights that come with the package."""
    text = resources.files("selection").joinpath("weights/features.json").read_text(encoding="utf-8")
    return WEIGHTS.validate_json(text)


def standardised(features: Features, weights: Weights) -> dict[str, float]:
    """Return every feature in units of its spread; a missing one is typical, which is 0."""
    return {
        name: (features[name] - weights.typical[name]) / weights.spread[name] if name in features else 0.0
        for name in weights.weights
    }


def scored(evidence: Evidence, weights: Weights | None = None) -> Mapping[str, Scored]:
    """Return the log-odds of every candidate that changes something, by id."""
    fitted = weights or shipped()
    parts = {
        id_: {name: fitted.weights[name] * value for name, value in standardised(features, fitted).items()}
        for id_, features in measure(evidence).items()
    }
    sums = {id_: fsum(part.values()) for id_, part in parts.items()}
    mean = fsum(sums.values()) / len(sums) if sums else 0.0
    return {
        id_: Scored(fitted.level + fitted.within * (sums[id_] - mean) + fitted.between * mean, parts[id_])
        for id_ in parts
    }


def verdicts(evidence: Evidence, weights: Weights | None = None) -> tuple[Verdict, ...]:
    """Return the verifier's verdict of every candidate; one whose patch is empty has no score.

    Agreement depends on who else is there, so a subset of the candidates has to be judged anew.
    """
    found = scored(evidence, weights)
    return tuple(
        Verdict(JUDGE, one.id, sigmoid(found[one.id].log_odds), _words(found[one.id].parts))
        if one.id in found
        else Verdict(JUDGE, one.id, None, "changes nothing")
        for one in evidence.candidates
    )


def _words(parts: Mapping[str, float]) -> str:
    """Return the three features that count most, each with its sign."""
    most = sorted(parts.items(), key=lambda part: (-abs(part[1]), part[0]))[:3]
    return "; ".join(f"{value:+.2f} {ABOUT[name]}" for name, value in most)
