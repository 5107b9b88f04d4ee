"""SWE-Gym: the best score of an outcome-supervised verifier, nothing else.

Pan et al. 2024, "Training Software Engineering Agents and Verifiers with SWE-Gym", section 5. Unlike its
code, a candidate that could not be scored stands behind every one that was.
"""

from __future__ import annotations

from selection.evidence import Evidence
from selection.rules.readings import Readings
from selection.rules.stages import decide
from selection.rules.tallies import Tallies
from selection.verdict import Selection

NAME = "swe-gym"


def choose(evidence: Evidence) -> Selection:
    """Return the choice by the verifier's score."""
    readings = Readings(evidence)
    return decide(NAME, evidence, Tallies(evidence), (readings.stage,), readings.note)
