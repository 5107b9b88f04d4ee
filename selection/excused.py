"""Existing tests that an issue legitimately changes, judged by running alone."""

from __future__ import annotations

from collections.abc import Mapping

from selection.clusters import Clusters
from selection.matrix import TestMatrix
from selection.votes import guarding, speaking

FEWEST = 3
"""Programs that must agree: two could share a mistake more easily."""


def excused_tests(clusters: Clusters, matrix: TestMatrix) -> Mapping[str, str]:
    """Return existing tests that guard nothing here, by id, each with the judgement why.

    A test that passes on the base and fails with every program, at least three of them, where some
    program passes a test that shows the issue, asks for what the issue changes. It tells no candidates
    apart either way; counted as a regression it would bar them all.
    """
    rows = [row for row in matrix.rows if row in clusters.members]
    shown = [test.id for test in speaking(matrix)]
    if len(rows) < FEWEST or not any(matrix.passes(test, row) for test in shown for row in rows):
        return {}
    why = f"passes on the base and with none of {len(rows)} programs, some of which pass a test of the issue"
    return {test.id: why for test in guarding(matrix) if not any(matrix.passes(test.id, row) for row in rows)}
