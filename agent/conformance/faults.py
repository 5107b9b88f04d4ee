"""Checks of how failures are told."""

from __future__ import annotations

from dataclasses import replace

from agent.conformance.subject import Fault
from agent.conformance.trial import FailedError, NotOfferedError, Trial, is_answer
from agent.models.closing import closing
from agent.models.errors import (
    AuthenticationError,
    BadRequestError,
    DeadlineError,
    ModelError,
    ModelUnavailableError,
)


async def wrong_key(trial: Trial) -> str:
    """A key that the server refuses is an AuthenticationError."""
    error = await _failure(trial, "wrong_key")
    if not isinstance(error, AuthenticationError):
        raise FailedError(f"{_told(error)}; expected AuthenticationError")
    return _told(error)


async def wrong_name(trial: Trial) -> str:
    """A model that the server does not have is a ModelUnavailableError or a BadRequestError."""
    error = await _failure(trial, "wrong_name")
    if error.passing:
        raise FailedError(f"{_told(error)}; that would be tried again")
    if not isinstance(error, ModelUnavailableError | BadRequestError | LookupError):
        raise FailedError(f"{_told(error)}; expected ModelUnavailableError or BadRequestError")
    return _told(error)


async def unreachable(trial: Trial) -> str:
    """An address at which nobody answers is an error that passes."""
    error = await _failure(trial, "unreachable")
    if not isinstance(error, ModelUnavailableError | DeadlineError):
        raise FailedError(f"{_told(error)}; expected ConnectionLostError")
    return _told(error)


async def keys_stay_inside(trial: Trial) -> str:
    """No error and no reply shows a key."""
    secrets = [secret for secret in trial.subject.secrets if len(secret) >= 6]
    if not secrets:
        raise NotOfferedError("there is no key")
    told: list[str] = []
    for fault in trial.subject.faulty:
        try:
            error: BaseException | None = await _failure(trial, fault)
        except NotOfferedError:
            continue
        while error is not None:
            told.append(f"{error} {error!r}")
            error = error.__cause__
    told.append((await trial.ask(trial.asking("Reply with exactly: banana"))).model_dump_json())
    for text in told:
        if any(secret in text for secret in secrets):
            raise FailedError("a key stands in an error or a reply")  # and is not repeated here
    return f"{len(told)} texts looked through"


async def _failure(trial: Trial, fault: Fault) -> ModelError:
    """Return what a backend with a fault raises.

    Raises:
        NotOfferedError: the backend has no such notion.
    """
    if fault not in trial.subject.faulty:
        raise NotOfferedError("not known how to provoke it here")
    try:
        async with closing(trial.subject.faulty[fault]()) as model:
            broken = replace(trial, subject=replace(trial.subject, model=model))
            is_answer(await broken.ask(broken.asking("Reply with exactly: banana")))
    except ModelError as error:
        return error
    raise NotOfferedError("the backend answers all the same")


def _told(error: ModelError) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
