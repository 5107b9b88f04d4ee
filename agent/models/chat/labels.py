"""The log-probability of each label where a reply begins."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from agent.models.chat.logprobs import log_add

BLANK = " \t\r\n\u2581\u0120\u010a"
"""Blanks before a word, as text and as two families of tokenizers write them."""


def label_logprobs(labels: Sequence[str], positions: Sequence[dict[str, float]]) -> dict[str, float | None]:
    """Return the log-probability of each label at the first of the positions.

    A token counts for the label that it spells, blanks before either aside, or whose beginning it is, if no
    other label begins so; tokens of one label count together. None where none was among those told.
    """
    words = {label: label.lstrip(BLANK) for label in labels}
    found: dict[str, float | None] = dict.fromkeys(labels)
    for token, logprob in positions[0].items() if positions else ():
        word = _word(token.lstrip(BLANK), set(words.values()))
        for label in (label for label in labels if words[label] == word):
            before = found[label]
            found[label] = logprob if before is None else log_add(before, logprob)
    return found


def _word(token: str, words: Collection[str]) -> str | None:
    if token in words:
        return token
    begun = {word for word in words if token and word.startswith(token)}
    return begun.pop() if len(begun) == 1 else None
