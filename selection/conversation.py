"""Conversations that fit: before a turn the oldest replies, and what was answered to them, are cut."""

from __future__ import annotations

from collections.abc import Sequence

from agent.context.tokens import Count
from agent.messages import Message
from selection.verifiers.fitting import Section, fit

OPENING, EXCHANGE = 2, 2
"""Messages that open a conversation, and those of one turn: a reply and the answer to it."""
LEAST = 300
"""Tokens that the turns have, however much the opening takes."""
GONE = "[... {number} of your replies and their results are left out for room ...]"
LEFT_OUT = "[... left out for room ...]"


def bounded(told: Sequence[Message], tokens: int, count: Count) -> list[Message]:
    """Return a conversation of at most `tokens`; one that fits is returned as it is.

    The opening stays whole. Behind it the oldest messages are cut in their middle, then left out; the last
    exchange is touched when all others are gone. What is missing is said in the prompt.

    Args:
        told: instructions and question, then replies and the answers to them in turn.
        tokens: the room of the prompt.
        count: counts the model's tokens.
    """
    if sum(count(one.content) for one in told) <= tokens:
        return list(told)
    opening, turns = told[:OPENING], told[OPENING:]
    said = sum(map(count, (*(one.content for one in opening), GONE.format(number=len(turns)), LEFT_OUT)))
    texts = _fitted([one.content for one in turns], max(LEAST, tokens - said), count)
    first = next((number for number, text in enumerate(texts) if text), len(texts))
    first -= first % EXCHANGE
    kept = [
        one.model_copy(update={"content": text or LEFT_OUT})
        for one, text in zip(turns[first:], texts[first:], strict=True)
    ]
    return [*_with_note(opening, first // EXCHANGE), *kept]


def _fitted(texts: Sequence[str], room: int, count: Count) -> list[str]:
    """Return texts cut to fit, the oldest first; of the last exchange nothing while another has anything."""
    last = len(texts) - EXCHANGE
    sections = [
        Section(str(age), text, age, least=len(text)) if age >= last else Section(str(age), text, age)
        for age, text in enumerate(texts)
    ]
    return list(fit(sections, room, count).texts.values())


def _with_note(opening: Sequence[Message], gone: int) -> Sequence[Message]:
    """Return an opening that says how many exchanges are missing behind it."""
    if not gone:
        return opening
    content = f"{opening[-1].content}\n{GONE.format(number=gone)}"
    return (*opening[:-1], opening[-1].model_copy(update={"content": content}))
