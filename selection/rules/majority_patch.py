"""The program that most candidates made."""

from __future__ import annotations

from selection.evidence import Evidence
from selection.rules.stages import Stage, decide
from selection.rules.tallies import Tallies
from selection.verdict import Selection

NAME = "majority-patch"


def choose(evidence: Evidence) -> Selection:
    """Return the choice by frequency alone (self-consistency); needs no test and no model."""
    tallies = Tallies(evidence)
    return decide(NAME, evidence, tallies, (Stage("most", "candidates of the same program", tallies.size),))
