"""Issues whose trajectories the machinery lost: put off once in company, taken up again where none won.

Whether that is done must never hang on a grade: else issues that fail the hidden tests would get further
draws. So it is done before anything is graded, or where there is no patch to be graded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.trajectory import Trajectory
from runs.journal import Journal
from runs.ledger import Ledger
from runs.recorded import INFRASTRUCTURE, recorded

REOPENED = "reopened"
"""Kind of the event from which an issue's decision, grade and end before it no longer count."""
PUT_OFF = "put_off"
"""Kind of the event that says that an issue's lost trajectories had, or will have, one more chance."""


def standing(journal: Journal, kind: str) -> Mapping[str, Any] | None:
    """Return the newest data of a kind since the issue was last taken up again, None where there are none."""
    since = max((event.seq for event in journal.of(REOPENED)), default=-1)
    found = [event.data for event in journal.of(kind) if event.seq > since]
    return found[-1] if found else None


def lost(journal: Journal, ledger: Ledger) -> list[Trajectory]:
    """Return the trajectories that the machinery ended and that may go on; none where nothing may be paid."""
    if ledger.exceeded() is not None:
        return []
    return [one for one in recorded(journal).values() if one.exit_reason in INFRASTRUCTURE]


def told(missing: list[Trajectory], count: int) -> str:
    """Return in one line how many trajectories of so many were lost, and to what."""
    of = "all" if len(missing) == count else f"{len(missing)} of"
    return f"{of} {count} trajectories ended with {missing[0].exit_reason.value}: {missing[0].message}"


def in_vain(journal: Journal, ledger: Ledger) -> bool:
    """Whether an issue was decided against a patch while trajectories that may go on were lost."""
    decision = standing(journal, "decision")
    return decision is not None and not decision["patch"] and bool(lost(journal, ledger))
