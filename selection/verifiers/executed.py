"""What tests did with a candidate, in words for a reader who can see no matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.excerpts import cut_middle
from envs.outcomes import Outcome
from selection.evidence import Evidence
from selection.matrix import BASE, TestCase, TestMatrix
from selection.unfit import unfit
from selection.votes import guarding

NAMED = 12
"""Tests of one sort that are named."""
CODE = 3_000
"""Characters of one generated test file that are shown."""


@dataclass(frozen=True, slots=True)
class Executed:
    """What tests did, and the text of the generated ones; either is empty where there is nothing to tell."""

    results: str = ""
    tests: str = ""


def executed(evidence: Evidence, candidate: str) -> Executed:
    """Return what the matrix holds of a candidate; who wrote a test is not told."""
    row = evidence.clusters.key_of(candidate)
    matrix = evidence.matrix
    if not row or row not in matrix.rows:
        one, clusters = evidence.candidate(candidate), evidence.clusters
        known = candidate in {*clusters.failed, *clusters.idle}
        return Executed(f"The patch {unfit(one, clusters)}" if known else "")
    generated = [test for test in matrix.generated if test.id not in matrix.quarantined]
    lines = [_line(test, row, matrix) for test in sorted(generated, key=lambda test: test.id)]
    parts = []
    if lines:
        parts += ["Tests that attempts wrote for this issue (they may be wrong):", *_some(lines)]
    return Executed("\n".join([*parts, *_guards(evidence, row)]), _texts(generated, row, matrix))


def _line(test: TestCase, row: str, matrix: TestMatrix) -> str:
    before, after = matrix.outcome(test.id, BASE), matrix.outcome(test.id, row)
    why = matrix.message(test.id, row) if after is not Outcome.PASSED else ""
    return f"- {test.target}: {before} before the patch, {after} with it{f' ({why})' if why else ''}"


def _guards(evidence: Evidence, row: str) -> list[str]:
    """Return what became of the existing tests that pass on the base."""
    matrix = evidence.matrix
    guards = [test for test in guarding(matrix) if test.id not in evidence.excused]
    if not guards:
        return []
    broken = [_line(test, row, matrix) for test in guards if not matrix.passes(test.id, row)]
    if not broken:
        return [f"All {len(guards)} existing tests near the change that passed before still pass."]
    return [
        f"{len(broken)} of {len(guards)} existing tests that passed before do not pass now:",
        *_some(broken),
    ]


def _texts(generated: Sequence[TestCase], row: str, matrix: TestMatrix) -> str:
    """Return the files of tests that tell this patch from the base, each once."""
    files = {
        test.file.content: test.file.path
        for test in generated
        if test.file is not None and matrix.outcome(test.id, BASE) is not matrix.outcome(test.id, row)
    }
    return "\n".join(
        f'<test path="{path}">\n{cut_middle(content, CODE)}\n</test>'
        for content, path in sorted(files.items())
    )


def _some(lines: Sequence[str]) -> list[str]:
    more = [f"- and {len(lines) - NAMED} more"] if len(lines) > NAMED else []
    return [*lines[:NAMED], *more]
