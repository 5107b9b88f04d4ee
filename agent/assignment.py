"""What one trajectory is given, whatever its kind."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

from agent.base_runs import BaseRuns, ForkedBase
from agent.budget import Budget
from agent.messages import Sampling
from agent.models.base import Model
from agent.shelf import EmptyShelf, SharedTest, Shelf
from agent.speech import Dialect
from agent.tape import Tape
from agent.trajectory import ExitReason, Turn
from envs.task import PublicTask
from sandbox.base import Sandbox
from sandbox.forks import forked

WINDOW = 128_000
"""Tokens of prompt and reply together, for a model that does not tell its context's length."""


@dataclass(frozen=True, slots=True)
class EarlierAttempt:
    """What an ended trajectory leaves to one that improves on it.

    `patch` is its source changes, `tests` the test files it wrote, `failures` what tests said of the patch
    (of any author, existing ones included), `summary` its last words or a summary of its way. `against` are
    the test files of others of which it fails something.
    """

    sample: int
    exit_reason: ExitReason
    patch: str
    tests: tuple[SharedTest, ...] = ()
    failures: str = ""
    summary: str = ""
    against: tuple[SharedTest, ...] = ()


@dataclass(frozen=True, slots=True)
class Assignment:
    """The issue, the room and the means of one trajectory.

    Attributes:
        task: what the model may know.
        sandbox: a room of its own with the repository in it; it stays open.
        model: the backend.
        tape: the record to resume from and to write to.
        context: lines for `<context>`, see `agent.context.gather`.
        budget: what may be used, replies on the tape included.
        sampling: how replies are drawn; its `sample` numbers the trajectory.
        dialect: how tools are called; None for what the model's capabilities suggest. A trajectory on the
            tape goes on in the dialect it began in.
        on_turn: called after each turn with its number and the turn.
        base: where tests are tried on the untouched base; None where there is no such room.
        shelf: tests of the other trajectories.
        seed: tests of another trajectory that it is shown at the start.
        first_phase: what a test-and-edit machine begins with.
        earlier: attempts to improve on.
        test_seconds: wall time of one run of written tests, on the base or on a patch.
        window: tokens of prompt and reply together, for a model that does not tell its context's length.
    """

    task: PublicTask
    sandbox: Sandbox
    model: Model
    tape: Tape
    context: str = ""
    budget: Budget = field(default_factory=Budget)
    sampling: Sampling = field(default_factory=Sampling)
    dialect: Dialect | None = None
    on_turn: Callable[[int, Turn], None] | None = None
    base: BaseRuns | None = None
    shelf: Shelf = field(default_factory=EmptyShelf)
    seed: tuple[SharedTest, ...] = ()
    first_phase: Literal["test", "edit"] = "test"
    earlier: tuple[EarlierAttempt, ...] = ()
    test_seconds: float = 120.0
    window: int = WINDOW


@asynccontextmanager
async def base_of(given: Assignment) -> AsyncIterator[BaseRuns]:
    """Yield where tests are tried: the assignment's base, else a fork of the room before anything is done."""
    if given.base is not None:
        yield given.base
        return
    async with forked(given.sandbox) as base:
        yield ForkedBase(base, given.task.test_runner, seconds=given.test_seconds)
