"""All checks in one list, and how they are run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from agent.conformance import accounts, endings, faults, lengths, scores, talking, tools
from agent.conformance.subject import Subject
from agent.conformance.trial import FailedError, NotOfferedError, Trial
from agent.messages import Value
from agent.models.base import Capabilities, Probing
from agent.models.errors import ModelError, ReplayDivergedError

Outcome = Literal["passed", "failed", "not offered"]
SECONDS = 120.0
"""Wall time one check may take."""
APART = 1000
"""Samples a check may use."""


@dataclass(frozen=True, slots=True)
class Check:
    """One promise of a backend; `says` is the promise, `place` its place in the list."""

    name: str
    says: str
    run: Callable[[Trial], Awaitable[str]]
    place: int


class Finding(Value):
    """How a check ended; `note` says why, or what was seen."""

    check: str
    outcome: Outcome
    note: str = ""
    seconds: float = 0.0


CHECKS: tuple[Check, ...] = tuple(
    Check(run.__name__.replace("_", "-"), (run.__doc__ or "").strip(), run, place)
    for place, run in enumerate(
        (
            talking.plain_reply,
            talking.system_message,
            talking.unicode,
            tools.tools,
            tools.parallel_tools,
            tools.tool_results,
            talking.stop,
            talking.seed,
            talking.samples,
            talking.response_schema,
            talking.priority,
            scores.logprobs,
            scores.labels,
            scores.prompt_logprobs,
            lengths.long_input,
            lengths.overflow,
            accounts.usage,
            accounts.identity,
            accounts.frozen,
            endings.cancellation,
            endings.timeout,
            endings.many_at_once,
            faults.wrong_key,
            faults.wrong_name,
            faults.unreachable,
            faults.keys_stay_inside,
        )
    )
)


async def run_checks(
    subject: Subject, checks: Sequence[Check] = CHECKS, seconds: float = SECONDS
) -> AsyncIterator[Finding]:
    """Run checks one after the other and yield how each ended, as soon as it has.

    Raises:
        ModelError: the backend's probe failed.
    """
    can = await capabilities_of(subject)
    for check in checks:
        yield await run_check(check, subject, can, seconds)


async def capabilities_of(subject: Subject) -> Capabilities:
    """Return what a backend can do, by its probe where it has one.

    Raises:
        ModelError: the probe failed.
    """
    model = subject.model
    return await model.probe() if isinstance(model, Probing) else model.capabilities


async def run_check(check: Check, subject: Subject, can: Capabilities, seconds: float = SECONDS) -> Finding:
    """Run one check; whatever the backend does is a finding."""
    clock = asyncio.get_running_loop().time
    began = clock()

    def found(outcome: Outcome, note: str) -> Finding:
        return Finding(check=check.name, outcome=outcome, note=_clean(note, subject), seconds=clock() - began)

    try:
        async with asyncio.timeout(seconds) as limit:
            return found("passed", await check.run(Trial(subject, can, check.place * APART)))
    except Exception as error:
        if limit.expired():
            return found("failed", f"no answer within {seconds:.0f} s")
        # of calls at the same time the first failure is told
        return found(*_told(error.exceptions[0] if isinstance(error, ExceptionGroup) else error))


def _told(error: Exception) -> tuple[Outcome, str]:
    """Return what an error says of a check."""
    match error:
        case ReplayDivergedError():
            return "not offered", "the recording does not hold what the check asks"
        case NotOfferedError():
            return "not offered", str(error)
        case FailedError():
            return "failed", str(error)
        case ModelError():
            return "failed", f"{type(error).__name__}: {error}"
        case _:
            return "failed", f"{type(error).__name__}, which is no ModelError: {error}"


def _clean(note: str, subject: Subject) -> str:
    """Return a note as one line, without the keys that must not show."""
    for secret in filter(None, subject.secrets):
        note = note.replace(secret, "[key]")
    return " ".join(note.split())
