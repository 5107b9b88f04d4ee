"""Why a candidate makes no program that could be chosen, whatever tests and readers say."""

from __future__ import annotations

from selection.candidate import Candidate
from selection.clusters import Clusters


def unfit(one: Candidate, clusters: Clusters) -> str:
    """Return why a candidate changes nothing or cannot be applied, empty where it makes a program."""
    if not one.patch.strip():
        dropped = ", ".join(f"{edit.path} ({edit.reason})" for edit in one.dropped)
        return f"no source change left: dropped {dropped}" if dropped else "its diff changes nothing"
    if one.id in clusters.failed:
        return f"does not apply: {clusters.failed[one.id]}"
    if one.id in clusters.idle:
        return "changes comments, docstrings or layout only"
    return ""
