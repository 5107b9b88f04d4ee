"""Agentless 1.5: fewest broken tests, then the reproduction test, then the most frequent normalised patch.

Xia et al. 2024, "Agentless: Demystifying LLM-based Software Engineering Agents", section 3.4. Unlike its
code, a candidate without a report breaks an unknown number of tests, which is more than any.
"""

from __future__ import annotations

from selection.evidence import Evidence
from selection.rules.stages import Stage, decide
from selection.rules.tallies import Tallies
from selection.verdict import Selection

NAME = "agentless"


def choose(evidence: Evidence) -> Selection:
    """Return the choice of Agentless' rerank step; a reproduction test that nobody passes decides nothing."""
    tallies = Tallies(evidence)
    stages = (
        Stage("fewest", "broken existing tests", tallies.broken),
        Stage("most", "passed reproduction tests", tallies.reproduces),
        Stage("most", "candidates of the same program", tallies.size),
    )
    return decide(NAME, evidence, tallies, stages)
