"""Checks of what a reply says about itself."""

from __future__ import annotations

import time

from agent.conformance.tools import WEATHER
from agent.conformance.trial import FailedError, NotOfferedError, Trial
from agent.messages import Message, Sampling


async def usage(trial: Trial) -> str:
    """Tokens are counted, and a longer prompt counts more."""
    talk = trial.asking("Reply with exactly: banana")
    short = (await trial.ask(talk)).usage
    long = (await trial.ask([Message(role="system", content="word " * 300), *talk[-1:]], sample=1)).usage
    if not (short.input or short.output or long.input):
        raise NotOfferedError("no tokens are counted")
    if short.estimated or long.estimated:
        raise NotOfferedError("the server does not tell all tokens, and they are counted here")
    if not short.input or not short.output:
        raise FailedError(f"half of the tokens are not counted: {short!r}")
    if long.input <= short.input:
        raise FailedError(f"300 words more count {long.input} tokens instead of {short.input}")
    return f"{short.input} in, {short.output} out"


async def identity(trial: Trial) -> str:
    """A reply names the model that gave it, and its times fit the clock."""
    began = time.monotonic()
    reply = await trial.ask(trial.asking("Reply with exactly: banana"))
    took = time.monotonic() - began
    if not reply.model:
        raise FailedError("`Reply.model` is empty: fill in which model answered")
    if reply.seconds < 0 or (reply.first_token or 0) < 0:
        raise FailedError(f"a time is negative: {reply.seconds} s, first token {reply.first_token} s")
    if reply.first_token is not None and reply.first_token > max(reply.seconds, took):
        raise FailedError(f"the first token came after {reply.first_token} s of {reply.seconds} s")
    return reply.model


async def frozen(trial: Trial) -> str:
    """What was given to the backend is as it was, and one conversation leaves nothing for the next."""
    talk = trial.asking("Call the tool `weather` once, for the city Paris.")
    offered = (WEATHER,) if trial.can.tools else ()
    sampling = Sampling(sample=trial.first, max_tokens=64)
    given = (*talk, *offered, sampling)
    before = [value.model_dump_json() for value in given]
    first = await trial.model.generate(talk, offered, sampling)
    dumped = first.model_dump_json()
    await trial.ask(trial.asking("Reply with exactly: banana"), sample=1)
    if [value.model_dump_json() for value in given] != before:
        raise FailedError("the backend changed the messages, tools or sampling that it was given")
    if first.model_dump_json() != dumped:
        raise FailedError("a reply changed after it was given")
    return ""
