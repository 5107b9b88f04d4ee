"""What a batch tells its display, as it happens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from runs.batch.outcome import Outcome
from runs.progress import Noticed, Progress


@dataclass(frozen=True, slots=True)
class IssueBegan:
    """An issue is worked on; `again` where it had failed before in this batch."""

    instance_id: str
    again: bool = False


@dataclass(frozen=True, slots=True)
class IssueWent:
    """Something happened in an issue."""

    instance_id: str
    progress: Progress


@dataclass(frozen=True, slots=True)
class IssueEnded:
    """An issue has its outcome; `kept` when it had it before this batch was begun."""

    outcome: Outcome
    kept: bool = False


@dataclass(frozen=True, slots=True)
class IssueLeft:
    """An issue was left unfinished, and why; it goes on where the batch does."""

    instance_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Bounds:
    """How full the limits are, in one line, where they are not this process's own."""

    words: str


Step = IssueBegan | IssueWent | IssueEnded | IssueLeft | Bounds | Noticed
Listener = Callable[[Step], None]
