"""Our first rule: votes of tests that fail on the base, none for who breaks an existing test; or abstains."""

from __future__ import annotations

from dataclasses import replace

from selection.evidence import Evidence
from selection.rules.tallies import heard
from selection.select import select
from selection.verdict import Selection


def choose(evidence: Evidence) -> Selection:
    """Return what `selection.select` decides on the same candidates, clusters and tests."""
    found = select(evidence.candidates, evidence.clusters, heard(evidence))
    return replace(found, verdicts=(*found.verdicts, *evidence.verdicts))
