"""The order of files that the model of the role `context` gives, merged with the lexical one.

CodeMonkeys (2025), section 3.1, asks three times and merges; there a reply without readable JSON, or an issue
without any relevant file, ends the stage.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from agent.context.answers import last_object
from agent.context.asking import Asker, UnreadableError
from agent.context.fusion import fused
from agent.context.prompts import RANK_SCHEMA, rank_messages
from agent.context.scan import Reading
from agent.context.tokens import Count
from agent.messages import Sampling

LISTED = 40_000
"""Tokens of the list of files that is shown; what is behind keeps its lexical place."""
REPLY = 4096
TEMPERATURE = 0.7
"""Of all completions but the first, which is greedy."""


async def rank_by_model(
    asker: Asker,
    issue: str,
    sources: Mapping[str, str],
    readings: Sequence[Reading],
    rankings: int,
    count: Count,
) -> list[str]:
    """Return all files, best first.

    Files that are relevant, or could not be read, come in the order merged from the lexical ranking and the
    model's; the others follow in lexical order. Paths that the model invents are dropped.

    Args:
        asker: the model.
        issue: the issue's text.
        sources: the files' texts.
        readings: of all files, in lexical order.
        rankings: how often the model is asked.
        count: counts the model's tokens.
    """
    lexical = [reading.path for reading in readings if reading.status != "not relevant"]
    rest = [reading.path for reading in readings if reading.status == "not relevant"]
    relevant = [reading for reading in readings if reading.status == "relevant"]
    listed = await asyncio.to_thread(_listed, relevant, sources, count)
    orders: list[list[str]] = []
    if len(listed) > 1:
        messages = rank_messages(issue, listed)
        known = frozenset(path for path, _, _ in listed)
        answers = await asyncio.gather(
            *(
                asker.ask(messages, _sampling(n), lambda reply: read_order(reply, known))
                for n in range(rankings)
            )
        )
        orders = [answer for answer in answers if answer is not None]
    # without any ranking, what was found relevant comes before what could not be read
    by_model = orders or [[reading.path for reading in relevant]]
    return [*fused([*by_model, lexical]), *rest]


def read_order(reply: str, known: frozenset[str]) -> list[str]:
    """Return the known paths that a reply lists, in its order.

    Raises:
        UnreadableError: there is no list, or none of its paths is known.
    """
    files = last_object(reply, "files")["files"]
    if not isinstance(files, list):
        raise UnreadableError("`files` is no list")
    order = [path for path in files if isinstance(path, str) and path in known]
    if not order:
        raise UnreadableError("none of the paths is one of those listed")
    return list(dict.fromkeys(order))


def _listed(
    relevant: Sequence[Reading], sources: Mapping[str, str], count: Count
) -> list[tuple[str, int, str]]:
    """Return the files to rank, as many as fit."""
    listed: list[tuple[str, int, str]] = []
    room = LISTED
    for reading in relevant:
        line = (reading.path, count(sources[reading.path]), reading.summary)
        room -= count(f"{line[0]} ({line[1]} tokens): {line[2]}\n")
        if room < 0:
            break
        listed.append(line)
    return listed


def _sampling(number: int) -> Sampling:
    return Sampling(
        temperature=TEMPERATURE if number else 0.0,
        max_tokens=REPLY,
        sample=number,
        response_schema=RANK_SCHEMA,
    )
