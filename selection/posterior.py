"""How likely each program is right, from all the evidence at once; `docs/selection.md` explains the model.

Tests, kept tests, agreement, features, readers and comparisons each add to a program's log-odds, with weights
fitted on labelled issues (`selection/weights/posterior.json`). What tests say depends on how far they are to
be trusted, which depends on which programs are right: the two are estimated in turns
(expectation-maximisation).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from statistics import NormalDist, fmean

from pydantic import TypeAdapter

from agent.messages import Value
from selection import sensors
from selection.behaviour import agreement, behaviours, weights_of
from selection.evidence import Evidence
from selection.feature_verifier import Weights, scored
from selection.logistic import logit, sigmoid
from selection.matrix import TestMatrix
from selection.sensors import REGRESSION, REPRODUCTION, Rates

TURNS = 12
LUCK = tuple(NormalDist().inv_cdf((step + 0.5) / 25) for step in range(25))
"""How hard an issue may be, in units of its spread: equally likely values."""
LARGEST = 20.0
"""Log-odds beyond which all are alike."""
NEWTON = 6
"""Steps, of which each doubles the right digits."""

NOTHING = 1e-9
"""Shares that differ by no more are equal; sums in another order do."""

SOURCES = ("features", REPRODUCTION, REGRESSION, "behaviour", "readers", "comparisons")
"""Where evidence comes from; each has a weight."""


class KindRates(Value):
    """See `selection.sensors.Rates`."""

    right: float
    wrong: float
    own: float
    worth: float


class Model(Value):
    """The fitted model: `level` and a weight for every source, in log-odds.

    `rates` are those of tests by kind. `hardness` is the spread of what all programs of an issue share.
    """

    schema_version: str = "posterior 1"
    fitted_on: str = ""
    level: float
    weights: dict[str, float]
    rates: dict[str, KindRates]
    hardness: float


MODELS = TypeAdapter(dict[str, Model])


@dataclass(frozen=True, slots=True)
class Posterior:
    """What is believed of an issue's programs.

    `log_odds` are of being right, `said` what each source says before it is weighed, both by program (a
    cluster's key, or the id of a candidate without one). Several programs can be right; `none` is how likely
    no program is.
    """

    log_odds: Mapping[str, float]
    said: Mapping[str, Mapping[str, float]]
    none: float

    def probability(self, program: str) -> float:
        """Return how likely a program is right."""
        return sigmoid(self.log_odds[program])


@cache
def shipped(name: str) -> Model:
    """Return a model that comes with the package: `posterior`, or `posterior-execution` without features."""
    text = resources.files("selection").joinpath("weights/posterior.json").read_text(encoding="utf-8")
    return MODELS.validate_json(text)[name]


def believe(
    evidence: Evidence,
    matrix: TestMatrix,
    programs: Mapping[str, tuple[str, ...]],
    model: Model,
    features: Weights | None = None,
) -> Posterior:
    """Return how likely each program is right.

    Args:
        evidence: all that is known.
        matrix: its tests without those that decide nothing.
        programs: who made each program, the slimmest patch first; those that cannot win are left out.
        model: the weights.
        features: the feature verifier's weights; those shipped where not given.
    """
    fixed = {
        "features": _features(evidence, programs, features) if model.weights["features"] else {},
        "behaviour": _behaviour(evidence, matrix, programs),
        "readers": _readers(evidence, programs),
        "comparisons": _comparisons(evidence, programs),
    }
    rows = [row for row in matrix.rows if row in programs]
    heard = sensors.sensors_of(evidence.clusters, matrix)
    rates = {kind: Rates(one.right, one.wrong, one.own, one.worth) for kind, one in model.rates.items()}
    said: dict[str, Mapping[str, float]] = {REPRODUCTION: {}, REGRESSION: {}}
    for _ in range(TURNS):
        found = _combined(programs, fixed | said, model)
        belief = {row: sigmoid(found[row]) for row in rows}
        said = {kind: sensors.evidence_of(heard, rates, belief, kind) for kind in rates}
    found = _combined(programs, fixed | said, model)
    sources = fixed | said
    table = {program: {name: sources[name].get(program, 0.0) for name in SOURCES} for program in programs}
    return Posterior(found, table, _none(found, matrix, model.hardness))


def _combined(
    programs: Mapping[str, tuple[str, ...]], sources: Mapping[str, Mapping[str, float]], model: Model
) -> dict[str, float]:
    return {
        program: math.fsum(
            (model.level, *(model.weights[name] * sources[name].get(program, 0.0) for name in SOURCES))
        )
        for program in programs
    }


def _features(
    evidence: Evidence, programs: Mapping[str, tuple[str, ...]], weights: Weights | None
) -> Mapping[str, float]:
    """Return the feature verifier's log-odds of each program's slimmest patch."""
    found = scored(evidence, weights)
    return {program: found[ids[0]].log_odds for program, ids in programs.items() if ids[0] in found}


def _behaviour(
    evidence: Evidence, matrix: TestMatrix, programs: Mapping[str, tuple[str, ...]]
) -> Mapping[str, float]:
    """Return how much more than usual behaves like each program, on tests and on inputs.

    Both say who agrees with whom, so two speak as loud as the root of two.
    """
    sources = (_on_tests(matrix, programs), _on_inputs(evidence, programs))
    heard = [said for said in sources if any(abs(value) > NOTHING for value in said.values())]
    return {
        program: math.fsum(said.get(program, 0.0) for said in heard) / math.sqrt(len(heard))
        for program in {name: None for said in heard for name in said}
    }


def _on_tests(matrix: TestMatrix, programs: Mapping[str, tuple[str, ...]]) -> Mapping[str, float]:
    """Return how much more than an equal share of the tested programs behaves like each."""
    groups = behaviours(matrix)
    weight = {row: math.sqrt(len(programs.get(row, ()))) for row in matrix.rows}
    whole = math.fsum(weight.values())
    if not whole or all(len(rows) == 1 for rows in groups.values()):
        return {}
    shares = {row: math.fsum(weight[one] for one in rows) / whole for rows in groups.values() for row in rows}
    return _above_mean(shares)


def _on_inputs(evidence: Evidence, programs: Mapping[str, tuple[str, ...]]) -> Mapping[str, float]:
    """Return how much more than an equal share of the programs comes to what each does.

    Who came to nothing on any input has the lowest share there is: to hang is no advantage.
    """
    shares = agreement(evidence.results, weights_of(programs))
    return _above_mean(dict.fromkeys(programs, min(shares.values())) | {**shares}) if shares else {}


def _above_mean(shares: Mapping[str, float]) -> Mapping[str, float]:
    mean = fmean(sorted(shares.values())) if shares else 0.0
    return {program: share - mean for program, share in shares.items()}


def _readers(evidence: Evidence, programs: Mapping[str, tuple[str, ...]]) -> Mapping[str, float]:
    """Return what verifiers that read say: n of them speak as loud as the root of n.

    A program that one could not score has the lowest score it gave: not being read is no advantage.
    """
    judges = sorted({one.judge for one in evidence.verdicts if one.judge.startswith("verifier:")})
    heard: list[dict[str, float]] = []
    for judge in judges:
        scores = evidence.scores(judge)
        means = {
            program: fmean(sorted(read))
            for program, ids in programs.items()
            if (read := [logit(scores[id_], 0.02) for id_ in ids if id_ in scores])
        }
        if means:
            heard.append(dict.fromkeys(programs, min(means.values())) | means)
    return {
        program: math.fsum(one[program] for one in heard) / math.sqrt(len(heard))
        for program in programs
        if heard
    }


def _comparisons(evidence: Evidence, programs: Mapping[str, tuple[str, ...]]) -> Mapping[str, float]:
    """Return how much more often than by chance each program was picked among those shown with it."""
    place = {id_: program for program, ids in programs.items() for id_ in ids}
    groups: dict[frozenset[str], Counter[str]] = {}
    for one in evidence.comparisons:
        shown = frozenset(place[id_] for id_ in one.shown if id_ in place)
        if len(shown) > 1 and one.picked in place:
            groups.setdefault(shown, Counter())[place[one.picked]] += 1
    gained: dict[str, list[float]] = {}
    for shown, picks in groups.items():
        for program in shown:
            gained.setdefault(program, []).append(picks[program] / picks.total() - 1 / len(shown))
    return {program: math.fsum(shares) / math.sqrt(len(shares)) for program, shares in gained.items()}


def _none(found: Mapping[str, float], matrix: TestMatrix, hardness: float) -> float:
    """Return how likely no program is right; programs of one behaviour are right or wrong together.

    Programs share how hard the issue is: given that, they are independent.
    """
    group = {row: key for key, rows in behaviours(matrix).items() for row in rows}
    best: dict[str, float] = {}
    for program, value in found.items():
        key = group.get(program, program)
        best[key] = max(value, best.get(key, value))
    typical = sorted(_at_mean_luck(value, hardness) for value in best.values())
    return fmean(math.prod(sigmoid(-(value + hardness * luck)) for value in typical) for luck in LUCK)


def _at_mean_luck(log_odds: float, hardness: float) -> float:
    """Return the log-odds at average hardness of what has these over all hardness.

    With them a single program and "none" come to 1, and no program is likelier than "none" allows.
    """
    wanted = max(-LARGEST, min(LARGEST, log_odds))
    found = wanted
    for _ in range(NEWTON):
        chances = [sigmoid(found + hardness * luck) for luck in LUCK]
        mean = fmean(chances)
        slope = fmean(one * (1 - one) for one in chances) / (mean * (1 - mean))
        found += (wanted - math.log(mean / (1 - mean))) / slope
    return found
