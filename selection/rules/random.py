"""The baseline: any candidate, by nothing but the hash of its content."""

from __future__ import annotations

from selection.evidence import Evidence
from selection.rules.stages import decide
from selection.rules.tallies import Tallies
from selection.verdict import Selection

NAME = "random"


def choose(evidence: Evidence) -> Selection:
    """Return a candidate that no evidence speaks for; all that can win are tied."""
    return decide(NAME, evidence, Tallies(evidence), ())
