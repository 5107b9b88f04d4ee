"""Fits the feature verifier and the posterior on labelled issues; nothing here is used to choose.

Each issue weighs the same, however many candidates it has.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, pstdev
from typing import Protocol

from selection.evidence import Evidence
from selection.feature_verifier import Weights, scored, standardised
from selection.features import measure
from selection.logistic import fit_logistic
from selection.posterior import SOURCES, KindRates, Model, believe
from selection.rules import Choose
from selection.rules.posterior import EXECUTION, chooser, programs_of
from selection.rules.tallies import Tallies
from selection.sensors import sensors_of

FITTED = ("agreement", "places", "comments", "issue_function", "issue_module", "demonstration", "faulty")
"""The features that help in repositories they were not fitted on; more of them only fit noise."""
EXPECTED = {"demonstration": 1.0, "faulty": -1.0}
"""What a feature is taken to be worth before anything is fitted, in log-odds for a spread of it; others 0.

Repositories whose issues show no programs say nothing of the one, and few candidates are faulty.
"""
UNSCALED = {"demonstration"}
"""What too few issues tell, and those alike, to take its typical value and spread from them."""
UNMEASURED = 0.5
"""Typical value and spread of such a one, and of what no candidate has: a share, or yes or no."""
RIDGE = 6.0
SIZES = (2, 4, 8)
"""How many candidates the drawn subsets have, on which weights are fitted beside the whole."""
PULL = {"features": 1e6, "readers": 1e6, "comparisons": 1e6}
"""How hard a source's weight is held where it is.

Features are calibrated already; how far to trust readers depends on the model, which is known of one only.
"""
HARDNESS = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0)


PRIORS = {
    "features": 1.0,
    "reproduction": 1.0,
    "regression": 0.5,
    "behaviour": 1.0,
    "readers": 1.4,
    "comparisons": 1.5,
}
"""What each source is taken to be worth before anything is fitted.

A broken test can be one that the issue asks to change, which nobody has recorded: half. A reader says YES or
NO once, which is 1.1 in log-odds; published verifiers are right in 72% (0.9 in log-odds), the most capable
reader measured in 91% (2.3).
"""


class Issue(Protocol):
    """One issue's evidence, and which candidates are right (see `selection.lab`)."""

    @property
    def evidence(self) -> Evidence:
        """What rules see."""

    @property
    def resolved(self) -> Mapping[str, bool]:
        """Whether each candidate is right, by id."""


def subsets(issue: Issue, times: int = 4) -> list[Evidence]:
    """Return the issue whole and parts of it, drawn by a seed of its own, in which there is a choice."""
    dice = random.Random(issue.evidence.task)
    ids = sorted(issue.resolved)
    drawn = [dice.sample(ids, size) for size in SIZES if size < len(ids) for _ in range(times)]
    return [
        issue.evidence.only(frozenset(part))
        for part in (ids, *drawn)
        if len({issue.resolved[id_] for id_ in part}) == 2
    ]


def fit_features(issues: Sequence[Issue], ridge: float = RIDGE, names: Sequence[str] = FITTED) -> Weights:
    """Return the verifier fitted on pairs of a right and a wrong candidate; each issue weighs the same."""
    measured = [features for issue in issues for features in measure(issue.evidence).values()]
    columns = {name: [one[name] for one in measured if name in one] for name in names if name not in UNSCALED}
    unit = Weights(
        weights=dict.fromkeys(names, 1.0),
        typical={name: fmean(columns[name]) if columns.get(name) else UNMEASURED for name in names},
        spread={name: pstdev(columns[name]) or 1.0 if columns.get(name) else UNMEASURED for name in names},
    )
    rows, shares = [], []
    for issue in issues:
        parts = subsets(issue)
        for part in parts:
            table = {id_: standardised(one, unit) for id_, one in measure(part).items()}
            pairs = [
                [table[a][name] - table[b][name] for name in names]
                for a in table
                for b in table
                if issue.resolved[a] and not issue.resolved[b]
            ]
            rows += pairs
            shares += [1 / max(len(pairs), 1) / len(parts)] * len(pairs)
    expected = [EXPECTED.get(name, 0.0) for name in names]
    found = fit_logistic(rows, [1.0] * len(rows), shares, ridge=[ridge] * len(names), prior=expected)
    return calibrated(issues, unit.model_copy(update={"weights": dict(zip(names, found, strict=True))}))


def calibrated(issues: Sequence[Issue], weights: Weights) -> Weights:
    """Return the weights with the slopes that bring their sum to probabilities."""
    plain = weights.model_copy(update={"level": 0.0, "within": 1.0, "between": 1.0})
    rows, labels, shares = [], [], []
    for issue in issues:
        sums = {id_: one.log_odds for id_, one in scored(issue.evidence, plain).items()}
        mean = fmean(sums.values()) if sums else 0.0
        for id_, value in sums.items():
            rows.append((1.0, value - mean, mean))
            labels.append(float(issue.resolved[id_]))
            shares.append(1 / len(sums))
    level, within, between = fit_logistic(rows, labels, shares, ridge=(0.5,) * 3, prior=(0.0, 1.0, 0.0))
    return weights.model_copy(update={"level": level, "within": within, "between": between})


def priors(name: str) -> Model:
    """Return the posterior before anything is fitted."""
    weights = PRIORS | ({"features": 0.0} if name == EXECUTION else {})
    rates = {
        "reproduction": {"right": 0.8, "wrong": 0.4, "own": 0.85, "worth": 4.0},
        "regression": {"right": 0.97, "wrong": 0.85, "own": 0.85, "worth": 10.0},
    }
    return Model.model_validate({"level": 0.0, "weights": weights, "rates": rates, "hardness": 1.5})


def fitted_rule(name: str) -> Callable[[Sequence[Issue]], Choose]:
    """Return what fits `posterior` or `posterior-execution` from priors, its feature verifier with it."""

    def fit(issues: Sequence[Issue]) -> Choose:
        features = fit_features(issues)
        return chooser(name, fit_posterior(issues, priors(name), features), features)

    return fit


def fit_posterior(
    issues: Sequence[Issue], start: Model, features: Weights | None = None, ridge: float = 2.0
) -> Model:
    """Return the posterior fitted on issues: rates of tests, weights of sources, level, hardness.

    What the issues have no evidence of stays as it was at the start.
    """
    model = start.model_copy(update={"rates": fit_rates(issues, start)})
    for _ in range(2):
        model = _weighed(issues, model, start, features, ridge)
    return model.model_copy(update={"hardness": _hardness(issues, model, features)})


def fit_rates(issues: Sequence[Issue], start: Model) -> dict[str, KindRates]:
    """Return how often tests of each kind that tell programs apart pass right and wrong ones."""
    found = {}
    for kind, prior in start.rates.items():
        counts = {
            "right": [prior.right * 4, 4.0],
            "wrong": [prior.wrong * 4, 4.0],
            "own": [prior.own * 4, 4.0],
        }
        for issue in issues:
            matrix = Tallies(issue.evidence).matrix
            members = issue.evidence.clusters.members
            sensors = [
                sensor for sensor in sensors_of(issue.evidence.clusters, matrix) if sensor.kind == kind
            ]
            for sensor in sensors:
                for row in matrix.rows:
                    right = _right(issue, members.get(row, ()))
                    name = "right" if right > 0.5 else "own" if row in sensor.own else "wrong"
                    if not (right > 0.5 and row in sensor.own):
                        share = 1 / len(sensors) / len(matrix.rows)
                        counts[name][0] += share * 4 * (row in sensor.passes)
                        counts[name][1] += share * 4
        rates = {name: passed / whole for name, (passed, whole) in counts.items()}
        found[kind] = KindRates(**rates, worth=prior.worth)
    return found


def _weighed(
    issues: Sequence[Issue], model: Model, start: Model, features: Weights | None, ridge: float
) -> Model:
    """Return the model with the weights of its sources, and its level, fitted anew."""
    rows, labels, shares = [], [], []
    for issue in issues:
        table, right = _table(issue, model, features)
        pairs = [
            [table[a][name] - table[b][name] for name in SOURCES]
            for a in table
            for b in table
            if right[a] > 0.5 > right[b]
        ]
        rows += pairs
        labels += [1.0] * len(pairs)
        shares += [1 / max(len(pairs), 1)] * len(pairs)
    pull = [PULL.get(name, ridge) for name in SOURCES]
    prior = [start.weights[name] for name in SOURCES]
    fitted = fit_logistic(rows, labels, shares, ridge=pull, prior=prior)
    weights = {name: max(value, 0.0) for name, value in zip(SOURCES, fitted, strict=True)}
    return _levelled(issues, model.model_copy(update={"weights": weights}), features)


def _levelled(issues: Sequence[Issue], model: Model, features: Weights | None) -> Model:
    """Return the model with level and common slope that make its log-odds probabilities."""
    rows, labels, shares = [], [], []
    for issue in issues:
        table, right = _table(issue, model, features)
        for program, said in table.items():
            rows.append((1.0, math.fsum(model.weights[name] * said[name] for name in SOURCES)))
            labels.append(right[program])
            shares.append(1 / len(table))
    level, slope = fit_logistic(rows, labels, shares, ridge=(0.5, 0.5), prior=(0.0, 1.0))
    weights = {name: value * max(slope, 0.1) for name, value in model.weights.items()}
    return model.model_copy(update={"level": level, "weights": weights})


def _table(
    issue: Issue, model: Model, features: Weights | None
) -> tuple[Mapping[str, Mapping[str, float]], Mapping[str, float]]:
    """Return what each source says of each program, and the share of its candidates that is right."""
    tallies = Tallies(issue.evidence)
    programs = programs_of(issue.evidence, tallies)
    said = believe(issue.evidence, tallies.matrix, programs, model, features).said
    return said, {program: _right(issue, ids) for program, ids in programs.items()}


def _right(issue: Issue, ids: Sequence[str]) -> float:
    known = [issue.resolved[id_] for id_ in ids if id_ in issue.resolved]
    return fmean(known) if known else 0.0


def _hardness(issues: Sequence[Issue], model: Model, features: Weights | None) -> float:
    """Return the spread of hardness under which it is likeliest that no program is right where none is."""
    heard = []
    for issue in issues:
        tallies = Tallies(issue.evidence)
        programs = programs_of(issue.evidence, tallies)
        if programs:
            heard.append((issue, tallies.matrix, programs))

    def likelihood(hardness: float) -> float:
        tried = model.model_copy(update={"hardness": hardness})
        logs = []
        for issue, matrix, programs in heard:
            none = believe(issue.evidence, matrix, programs, tried, features).none
            p = none if not any(issue.resolved.values()) else 1 - none
            logs.append(math.log(max(p, 1e-6)))
        return math.fsum(logs)

    return max(HARDNESS, key=likelihood)
