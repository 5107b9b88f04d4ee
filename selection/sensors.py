"""Tests as noisy sensors of whether a program is right, and how far each is to be trusted.

The model is Dawid and Skene's (1979): a test passes a right program with one rate and a wrong one with
another. Both rates start from what tests of its kind do (fitted), and are moved by what this issue's programs
suggest: a test that fails the programs that all else speaks for loses its voice.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from selection.clusters import Clusters
from selection.matrix import TestCase, TestMatrix
from selection.votes import guarding, speaking

REPRODUCTION, REGRESSION = "reproduction", "regression"


@dataclass(frozen=True, slots=True)
class Rates:
    """How often tests of a kind pass right and wrong programs, and how many programs that knowledge is worth.

    `own` is how often a test passes a wrong program of its own author.
    """

    right: float
    wrong: float
    own: float
    worth: float


@dataclass(frozen=True, slots=True)
class Sensor:
    """Tests of one kind that tell the programs apart in the same way, which are one piece of evidence.

    `passes` are the rows that they pass, `own` the rows whose members alone wrote them.
    """

    kind: str
    tests: tuple[str, ...]
    passes: frozenset[str]
    own: frozenset[str]


def sensors_of(clusters: Clusters, matrix: TestMatrix) -> tuple[Sensor, ...]:
    """Return the sensors of a matrix: tests that do the same in every row tell nothing and are none."""
    kinds = {REPRODUCTION: speaking(matrix), REGRESSION: guarding(matrix)}
    found = []
    for kind, tests in kinds.items():
        alike: dict[frozenset[str], list[TestCase]] = {}
        for test in tests:
            passes = frozenset(row for row in matrix.rows if matrix.passes(test.id, row))
            if 0 < len(passes) < len(matrix.rows):
                alike.setdefault(passes, []).append(test)
        for passes, group in alike.items():
            authors = frozenset(author for test in group for author in test.authors)
            own = frozenset(
                row for row in matrix.rows if authors and authors <= {*clusters.members.get(row, ())}
            )
            found.append(Sensor(kind, tuple(sorted(test.id for test in group)), passes, own))
    return tuple(sorted(found, key=lambda sensor: (sensor.kind, sensor.tests)))


def learned(sensor: Sensor, rates: Rates, belief: Mapping[str, float]) -> Rates:
    """Return the rates of a sensor, given how far each row is believed right.

    A row whose own author wrote the tests teaches nothing about them.
    """
    others = {row: p for row, p in belief.items() if row not in sensor.own}
    right = math.fsum(others.values())
    wrong = math.fsum(1 - p for p in others.values())
    passed_right = math.fsum(p for row, p in others.items() if row in sensor.passes)
    passed_wrong = math.fsum(1 - p for row, p in others.items() if row in sensor.passes)
    return Rates(
        right=(rates.worth * rates.right + passed_right) / (rates.worth + right),
        wrong=(rates.worth * rates.wrong + passed_wrong) / (rates.worth + wrong),
        own=rates.own,
        worth=rates.worth,
    )


def log_odds(sensor: Sensor, rates: Rates, row: str) -> float:
    """Return what a sensor adds to the log-odds that a row is right.

    A sensor that seems to pass wrong programs more than right ones is broken and says nothing, instead of the
    contrary.
    """
    wrong = max(rates.wrong, rates.own) if row in sensor.own else rates.wrong
    if rates.right <= wrong:
        return 0.0
    return (
        math.log(rates.right / wrong) if row in sensor.passes else math.log((1 - rates.right) / (1 - wrong))
    )


def evidence_of(
    sensors: Sequence[Sensor], rates: Mapping[str, Rates], belief: Mapping[str, float], kind: str
) -> Mapping[str, float]:
    """Return what all sensors of a kind say of each row, in log-odds.

    They are not independent: n of them speak as loud as the root of n.
    """
    heard = [(sensor, learned(sensor, rates[kind], belief)) for sensor in sensors if sensor.kind == kind]
    loudness = 1 / math.sqrt(len(heard)) if heard else 0.0
    return {
        row: loudness * math.fsum(log_odds(sensor, rate, row) for sensor, rate in heard) for row in belief
    }
