"""Checks of long conversations."""

from __future__ import annotations

from agent.conformance.trial import FailedError, NotOfferedError, Trial, is_answer
from agent.messages import Message
from agent.models.errors import ContextOverflowError

WORDS = 20_000
"""Words of a long conversation where the model's context length is not known."""
NEAR = 40_000
"""Tokens of the largest context that is filled; beyond, that costs money and shows nothing else."""
BEYOND = 400_000
"""Tokens of the largest context that is exceeded."""
GUESS = 1.3
"""Tokens of a word where the backend counts none."""


async def long_input(trial: Trial) -> str:
    """A conversation close to the context length is answered."""
    length = trial.can.context_length
    if length is None or length > NEAR:
        try:
            is_answer(await trial.ask(_filled(trial, WORDS), max_tokens=16))
        except ContextOverflowError as error:
            if length is not None:
                raise FailedError(f"{WORDS} words do not fit into {length} tokens: {error}") from error
            return f"refused as too long: {WORDS} words"
        return f"{WORDS} words"
    words = int((length - 80) * 0.85 / await _tokens_of_a_word(trial))
    is_answer(await trial.ask(_filled(trial, words), sample=1, max_tokens=16))
    return f"{words} words into {length} tokens"


async def overflow(trial: Trial) -> str:
    """A conversation beyond the context length is a ContextOverflowError and nothing else."""
    length = trial.can.context_length
    if length is None:
        raise NotOfferedError("the context length is not known")
    if length > BEYOND:
        raise NotOfferedError(f"{length} tokens are more than is sent for a check")
    words = int(length * 1.3 / await _tokens_of_a_word(trial)) + 100
    try:
        await trial.ask(_filled(trial, words), sample=1, max_tokens=16)
    except ContextOverflowError:
        return f"{words} words refused"
    raise FailedError(f"{words} words were answered by a model of {length} tokens")


def _filled(trial: Trial, words: int) -> tuple[Message, ...]:
    """Return a conversation behind a system message of so many words."""
    filler = Message(role="system", content=" ".join(["word"] * words))
    talk = trial.asking("Reply with exactly: banana")
    return (filler, *(message for message in talk if message.role != "system"))


async def _tokens_of_a_word(trial: Trial) -> float:
    """Return how many tokens a word of the filler is: those of 400 words less those of 100."""
    few, more = [
        (await trial.ask(_filled(trial, words), sample=words, max_tokens=16)).usage.input
        for words in (100, 400)
    ]
    return (more - few) / 300 if more > few else GUESS
