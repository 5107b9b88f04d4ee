"""One cell of the test matrix: what one run of tests did in one row, and the store that pays for it once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from pydantic import Field

from agent.messages import Value
from envs.outcomes import Outcome, TestRun
from sandbox.base import Status
from selection.candidate import TestFile

ORDERLY_EXITS = frozenset({0, 1, 5})
"""Exit codes of pytest that say it ran every test it found: all passed, some failed, none collected."""


class Cell(Value):
    """What one run of tests reported: outcomes and messages by test id, and how the run itself ended.

    `trouble` says what went wrong with the sandbox or in placing the test file, and then nothing ran.
    """

    outcomes: dict[str, Outcome] = Field(default_factory=dict)
    messages: dict[str, str] = Field(default_factory=dict)
    status: Status = Status.EXITED
    exit_code: int = 0
    seconds: float = 0.0
    trouble: str = ""
    applied: bool = True

    @property
    def orderly(self) -> bool:
        """Whether the run came to its end and every test it found had its turn."""
        return not self.trouble and self.status is Status.EXITED and self.exit_code in ORDERLY_EXITS

    def outcome(self, test: str) -> tuple[Outcome, str]:
        """Return what a test did, and why where it is known.

        A test the run does not report takes the fate of its file or of the run: broken, out of time,
        crashed; when all of those went well it is missing. It is never a pass.
        """
        if not self.applied:
            return Outcome.NOT_APPLIED, self.trouble
        if self.trouble:
            return Outcome.MISSING, self.trouble
        for name in (test, test.split("::", 1)[0]):
            found = self.outcomes.get(name, Outcome.MISSING)
            if found is not Outcome.MISSING and (name == test or found is not Outcome.PASSED):
                return found, self.messages.get(name, "")
        if self.status is Status.TIMED_OUT:
            return Outcome.TIMED_OUT, "the run was ended when its time was up"
        if not self.orderly:
            return Outcome.ERROR, f"the test run {self.status.value}, exit code {self.exit_code}"
        return Outcome.MISSING, "the run did not report it"


class CellStore(Protocol):
    """Keeps finished cells, so that a run that was interrupted repeats none.

    A value is plain JSON data. `put` returns when the value is safe.
    """

    def get(self, key: str) -> Mapping[str, Any] | None:
        """Return a finished cell, None when it was never run."""

    async def put(self, key: str, value: Mapping[str, Any]) -> None:
        """Keep a finished cell."""


class MemoryCells:
    """A store that forgets with the process."""

    def __init__(self) -> None:
        self._cells: dict[str, Mapping[str, Any]] = {}

    def __len__(self) -> int:
        return len(self._cells)

    def get(self, key: str) -> Mapping[str, Any] | None:
        """See `CellStore.get`."""
        return self._cells.get(key)

    async def put(self, key: str, value: Mapping[str, Any]) -> None:
        """See `CellStore.put`."""
        self._cells[key] = value


def cell_key(
    base_commit: str,
    patch: str,
    file: TestFile | None,
    targets: Sequence[str],
    runner: str,
    timeout: float,
    turn: int,
    place: str = "",
) -> str:
    """Return the key of a cell: a hash of everything that decides what it holds.

    Args:
        base_commit: what the patch applies to.
        patch: the row's patch, empty for the base.
        file: the test file put in place, None for tests of the repository.
        targets: what was given to the runner.
        runner: the test command.
        timeout: seconds the run may take.
        turn: which of several equal runs it is (the base is run twice).
        place: names the image, tree and limits of the sandbox it runs in.
    """
    placed = (file.path, file.content) if file else None
    facts = ("cell 2", base_commit, place, patch, placed, list(targets), runner, timeout, turn)
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def cell_of(run: TestRun) -> Cell:
    """Return the cell that a test run fills."""
    return Cell(
        outcomes=dict(run.outcomes),
        messages=dict(run.messages),
        status=run.status,
        exit_code=run.exit_code,
        seconds=run.seconds,
    )
