"""Checks of log-probabilities."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from agent.conformance.trial import FailedError, NotOfferedError, Trial, is_logprob

LABELS = (" yes", " no")


async def logprobs(trial: Trial) -> str:
    """Each token of a reply comes with the log-probabilities of its alternatives."""
    trial.needs("logprobs")
    reply = await trial.ask(trial.asking("Reply with exactly: banana"), logprobs=3)
    _are_logprobs(reply.logprobs, "logprobs")
    return f"{len(reply.logprobs)} tokens"


async def prompt_logprobs(trial: Trial) -> str:
    """Each token of a prompt comes with its log-probabilities."""
    trial.needs("prompt_logprobs")
    reply = await trial.ask(trial.asking("Reply with exactly: banana"), prompt_logprobs=1)
    _are_logprobs(reply.prompt_logprobs, "prompt_logprobs")
    return f"{len(reply.prompt_logprobs)} tokens"


async def labels(trial: Trial) -> str:
    """Continuations that are named come with their log-probability at the reply's first position."""
    trial.needs("labels")
    reply = await trial.ask(trial.asking("Is water wet? Answer yes or no."), labels=LABELS, max_tokens=1)
    if set(reply.labels) != set(LABELS):
        raise FailedError(f"labels {list(LABELS)!r} were asked for, {sorted(reply.labels)!r} came")
    known = [value for value in reply.labels.values() if value is not None]
    if not known and not trial.subject.obeys:
        raise NotOfferedError("no label is among the tokens that this model thinks likely")
    if not known:
        raise FailedError("`labels` is declared, and no label has a log-probability")
    if not all(is_logprob(value) for value in known):
        raise FailedError(f"a label's log-probability is above 0 or no number: {known!r}")
    if sum(math.exp(value) for value in known) > 1.01:
        raise FailedError(f"the labels' probabilities add up to more than 1: {known!r}")
    return f"{len(known)} of {len(LABELS)} known"


def _are_logprobs(positions: Sequence[Mapping[str, float]], feature: str) -> None:
    told = [value for position in positions for value in position.values()]
    if not told:
        raise FailedError(f"`{feature}` is declared, and none came")
    if not all(is_logprob(value) for value in told):
        raise FailedError("a log-probability is above 0 or no number")
