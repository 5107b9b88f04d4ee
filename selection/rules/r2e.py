"""R2E-Gym's three rules, which DeepSWE uses too: by execution, free of execution, and the hybrid of both.

Jain et al. 2025, "R2E-Gym: Procedural Environment Generation and Hybrid Verifiers for Scaling Open-Weights
SWE Agents", section 4; ties, which the paper leaves open, are averaged as in its notebook.
"""

from __future__ import annotations

from selection.candidate import Candidate
from selection.evidence import Evidence
from selection.rules.readings import NEEDS, Readings
from selection.rules.stages import Stage, decide, standing
from selection.rules.tallies import Tallies
from selection.verdict import Selection

EXECUTION = "r2e-execution"
EXECUTION_FREE = "r2e-execution-free"
HYBRID = "r2e-hybrid"

__all__ = ["NEEDS", "choose_by_execution", "choose_by_reading", "choose_hybrid", "top"]


def choose_by_execution(evidence: Evidence) -> Selection:
    """Return the choice by most kept existing tests, then most passed generated tests."""
    tallies = Tallies(evidence)
    return decide(EXECUTION, evidence, tallies, _execution(tallies))


def choose_by_reading(evidence: Evidence) -> Selection:
    """Return the choice by the verifier's score alone."""
    tallies, readings = Tallies(evidence), Readings(evidence)
    return decide(EXECUTION_FREE, evidence, tallies, (readings.stage,), readings.note)


def choose_hybrid(evidence: Evidence) -> Selection:
    """Return the choice by execution among the n best of the verifier, and by the verifier among equals.

    Only candidates that were both tested and read can be among the n best, so long as there are any.
    """
    tallies, readings = Tallies(evidence), Readings(evidence)
    able = list(standing(evidence).values())
    tested = [one for one in able if tallies.tested(one)] or able
    read = {one.id: score for one in tested if (score := readings.score(one)) is not None}
    bar = _bar(list(read.values()), top(len(able)))

    def among_the_best(one: Candidate) -> int | None:
        if read:
            return int(read[one.id] >= bar) if one.id in read else None
        return 1 if one in tested else None

    first = Stage("most", "places among the best of the verifier", among_the_best)
    return decide(HYBRID, evidence, tallies, (first, *_execution(tallies), readings.stage), readings.note)


def top(candidates: int) -> int:
    """Return how many the verifier lets through: half, but three at the least and never none.

    The notebook takes `max(3, K // 2)`; DeepSWE's script takes `K // 2`, which is none of one.
    """
    return min(candidates, max(3, -(-candidates // 2)))


def _bar(scores: list[float], n: int) -> float:
    """Return the n-th best score; who equals it is let through too."""
    return sorted(scores, reverse=True)[:n][-1] if scores else 0.0


def _execution(tallies: Tallies) -> tuple[Stage, Stage]:
    return (
        Stage("most", "existing tests that still pass", tallies.kept),
        Stage("most", "passed generated tests", tallies.passed_tests),
    )
