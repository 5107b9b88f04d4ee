"""What became of one issue: kept in its folder, so that a batch that goes on opens no journal for it."""

from __future__ import annotations

import enum
import errno
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from agent.messages import Value
from agent.models.errors import ModelError
from agent.trajectory import ExitReason
from envs.git import GitError
from envs.grade import GradeStatus
from envs.task import TaskError
from runs.folder import write_json
from runs.grading import UngradedError
from runs.journal import Journal, JournalError
from runs.journal_reading import NAME, lines_of
from runs.purse import Spending
from runs.recorded import INFRASTRUCTURE
from runs.report import Report
from sandbox.base import ImageError, SandboxError

FILE = "outcome.json"
VERSION = 2
STAGED = "staged"
"""Kind of the event that says how long each stage of one attempt took."""


class Status(enum.StrEnum):
    """How an issue ended."""

    RESOLVED = "resolved"
    UNRESOLVED = "unresolved"
    """It was graded, and the patch does not resolve it."""
    SELECTED = "selected"
    """A patch was selected, and not graded."""
    ABSTAINED = "abstained"
    """No patch was selected, which predicts the empty one."""
    INFRASTRUCTURE = "infrastructure"
    """The machinery failed, which says nothing of the issue."""


class Failure(enum.StrEnum):
    """What of the machinery failed."""

    MODEL = "model"
    SANDBOX = "sandbox"
    IMAGE = "image"
    TASK = "task"
    """The task, its repository or its environment cannot be had."""
    ENVIRONMENT = "environment"
    """The hidden tests do not run there, with the patch or without it."""
    STORAGE = "storage"
    """The record cannot be written or read, such as a damaged file."""
    DISK = "disk"
    """A disk of this machine is full."""
    DEADLINE = "deadline"
    STUCK = "stuck"
    NODE = "node"
    """The machine that worked on it was lost, or cannot work on it."""
    DEFECT = "defect"
    """A defect of Mangabey."""


class NodeError(Exception):
    """A node of a cluster cannot work on issues."""


LOST = {
    ExitReason.MODEL_ERROR: Failure.MODEL,
    ExitReason.SANDBOX_ERROR: Failure.SANDBOX,
    ExitReason.ERROR: Failure.DEFECT,
}
"""What failed, by the ending of a trajectory that the machinery lost."""


class Outcome(Value):
    """How one issue ended, and what it took.

    `seconds` is wall time of all attempts, `stages` the same by stage, `endings` counts the exit reasons of
    its trajectories. `failure` and `message` are of a failure of the machinery. `tried` counts the times
    that it failed.
    """

    version: int = VERSION
    instance_id: str
    repo: str = ""
    difficulty: str = ""
    status: Status
    graded: bool = False
    failure: Failure | None = None
    message: str = ""
    tried: int = 0
    model: str = ""
    patch: str = ""
    reason: str = ""
    seconds: float = 0.0
    stages: Mapping[str, float] = {}
    endings: Mapping[str, int] = {}
    spent: Spending = Spending()

    @property
    def is_final(self) -> bool:
        """Whether it is not done again."""
        return self.status is not Status.INFRASTRUCTURE

    def line(self) -> str:
        """Return it in one line."""
        said = self.reason if self.is_final else f"{self.failure}: {self.message}"
        took = f"{self.seconds:.1f} s, {self.spent.steps} calls, {self.spent.price()}"
        return f"{self.instance_id}: {self.status.value} ({took}) {said}".rstrip()


def status_of(report: Report) -> Status:
    """Return how a finished issue ended."""
    if not report.patch:
        return Status.ABSTAINED
    if report.grade is None:
        return Status.SELECTED
    return Status.RESOLVED if report.grade.resolved else Status.UNRESOLVED


def failure_of(error: BaseException) -> tuple[Failure, str]:
    """Return what failed, and in one line; of several errors at once the first that is known."""
    if isinstance(error, BaseExceptionGroup):
        found = [failure_of(one) for one in error.exceptions]
        return next((one for one in found if one[0] is not Failure.DEFECT), found[0])
    if _is_full(error):
        return Failure.DISK, " ".join(str(error).split())
    kinds: tuple[tuple[type[BaseException], Failure], ...] = (
        (NodeError, Failure.NODE),
        (UngradedError, Failure.ENVIRONMENT),
        (TaskError, Failure.TASK),
        (GitError, Failure.TASK),
        (ImageError, Failure.IMAGE),
        (SandboxError, Failure.SANDBOX),
        (ModelError, Failure.MODEL),
        (JournalError, Failure.STORAGE),
        (OSError, Failure.STORAGE),
    )
    kind = next((failure for one, failure in kinds if isinstance(error, one)), Failure.DEFECT)
    words = " ".join(str(error).split()) or type(error).__name__
    return kind, words if kind is not Failure.DEFECT else f"{type(error).__name__}: {words}"


def _is_full(error: BaseException | None) -> bool:
    """Whether an error says, or comes of one that says, that there is no space left."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
            return True
        error = error.__cause__
    return False


def stages_of(journal: Journal) -> dict[str, float]:
    """Return the seconds of each stage, all attempts together."""
    found: Counter[str] = Counter()
    for event in journal.of(STAGED):
        for stage, seconds in event.data["stages"].items():
            found[stage] += seconds
    return {stage: round(seconds, 3) for stage, seconds in found.items()}


def place_of(folder: Path, instance_id: str) -> Path:
    """Return an issue's folder."""
    return folder / instance_id.replace("/", "__")


def write_outcome(folder: Path, outcome: Outcome) -> None:
    """Write an outcome, whole once it is there.

    Raises:
        OSError: it cannot be written.
    """
    write_json(place_of(folder, outcome.instance_id) / FILE, outcome.model_dump(mode="json"))


def read_outcome(folder: Path, instance_id: str) -> Outcome | None:
    """Return an issue's outcome; None where there is none, or it is damaged."""
    return _read(place_of(folder, instance_id))


def read_outcomes(folder: Path) -> list[Outcome]:
    """Return the outcomes of a batch's folder, by id."""
    found = [_read(path.parent) for path in sorted(folder.glob(f"*/{FILE}"))]
    return [one for one in found if one is not None]


def _read(place: Path) -> Outcome | None:
    try:
        data = {"version": 1} | json.loads((place / FILE).read_bytes())
        return _believed(Outcome.model_validate(data), place)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _believed(outcome: Outcome, place: Path) -> Outcome:
    """Return an outcome as it is taken now.

    Version 1 called a patch wrong whose grade was no verdict, and an issue done that had no patch and had
    lost trajectories.
    """
    if outcome.version > 1:
        return outcome
    if outcome.status is Status.ABSTAINED:
        died = [reason for reason in INFRASTRUCTURE if reason.value in outcome.endings]
        count = sum(outcome.endings[reason.value] for reason in died)
        return failed(outcome, LOST[died[0]], f"{count} trajectories were lost") if died else outcome
    if outcome.status is not Status.UNRESOLVED or not (place / NAME).is_file():
        return outcome
    found = [line.event for line in lines_of(place) if line.event and line.event.kind == "grade"]
    grade = GradeStatus(found[-1].data["status"]) if found else GradeStatus.UNRESOLVED
    if grade.is_verdict:
        return outcome
    words = f"the patch could not be graded: {grade.value}"
    return failed(outcome, Failure.ENVIRONMENT, words)


def failed(outcome: Outcome, failure: Failure, message: str) -> Outcome:
    """Return an outcome as a failure of the machinery, which brings neither a patch nor a grade."""
    fields = {"status": Status.INFRASTRUCTURE, "failure": failure, "message": message}
    return outcome.model_copy(update=fields | {"graded": False, "patch": "", "reason": ""})
