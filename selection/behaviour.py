"""Programs that no executed test tells apart, gathered: the second level of clusters."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

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
