"""Programs that behave alike: on executed tests, the second level of clusters, and on inputs."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from statistics import fmean

from envs.outcomes import Outcome
from selection.matrix import BASE, TestMatrix

NO_REPORT = frozenset({Outcome.MISSING, Outcome.NOT_APPLIED})


def behaviours(matrix: TestMatrix) -> Mapping[str, tuple[str, ...]]:
    """Return the rows of the matrix by behaviour.

    Only tests that do not do the same in all rows tell anything. Rows are together when every such test did
    the same in both, and at least one did something else than on the base: programs whose change no test has
    noticed were not shown to behave alike, and each stays by itself. So does a row that lacks a report.
    """
    telling = _telling(matrix)
    found: dict[str, list[str]] = {}
    for row in matrix.rows:
        found.setdefault(_behaviour(matrix, telling, row), []).append(row)
    return {key: tuple(sorted(rows)) for key, rows in sorted(found.items())}


def weights_of(programs: Mapping[str, Sequence[str]]) -> Mapping[str, tuple[str, float]]:
    """Return who stands for each program, and how much it weighs: samples of one are not independent."""
    return {program: (ids[0], math.sqrt(len(ids))) for program, ids in programs.items()}


def agreement(
    results: Mapping[str, Mapping[str, str]], weights: Mapping[str, tuple[str, float]]
) -> Mapping[str, float]:
    """Return what share of the weight comes to what each program does, the mean over inputs that part them.

    Inputs that part the programs in the same way are one. Who was not run on any such input is missing.

    Args:
        results: what inputs come to, by input and candidate id.
        weights: the programs: for each the id of who was run for it, and how much it weighs.
    """
    ways: dict[tuple[tuple[str, int], ...], None] = {}
    for found in results.values():
        seen = {name: found[id_] for name, (id_, _) in sorted(weights.items()) if id_ in found}
        order = {result: number for number, result in enumerate(dict.fromkeys(seen.values()))}
        if len(order) > 1:
            ways[tuple((name, order[result]) for name, result in seen.items())] = None
    shares: dict[str, list[float]] = {}
    for way in ways:
        whole = math.fsum(weights[name][1] for name, _ in way)
        for name, mine in way:
            alike = math.fsum(weights[other][1] for other, its in way if its == mine)
            shares.setdefault(name, []).append(alike / whole)
    return {name: fmean(sorted(found)) for name, found in shares.items()}


def _telling(matrix: TestMatrix) -> tuple[str, ...]:
    quarantined = set(matrix.quarantined)
    return tuple(
        test.id
        for test in matrix.tests
        if test.id not in quarantined and len({matrix.outcome(test.id, row) for row in matrix.rows}) > 1
    )


def _behaviour(matrix: TestMatrix, telling: Sequence[str], row: str) -> str:
    here = {test: matrix.outcome(test, row) for test in telling}
    noticed = any(outcome is not matrix.outcome(test, BASE) for test, outcome in here.items())
    alone = not noticed or any(outcome in NO_REPORT for outcome in here.values())
    facts = [row] if alone else sorted(f"{test}\0{outcome}" for test, outcome in here.items())
    return hashlib.sha256("\n".join(facts).encode("utf-8", "surrogateescape")).hexdigest()[:16]
