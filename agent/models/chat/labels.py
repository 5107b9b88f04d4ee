"""The log-probability of each label where a reply begins."""

from __future__ import annotations

from collections.abc import Sequence

from agent.models.chat.logprobs import log_add

_BLANK = " \t\r\n\u2581\u0120\u010a"
"""Blanks before a word, as text and as two families of tokenizers write them."""


def label_logprobs(labels: Sequence[str], positions: Sequence[dict[str, float]]) -> dict[str, float | None]:
    """Return the log-probability of each label at the first of the positions.

    A token counts for the label that it spells, blanks before it aside, or whose beginning it is, if no other
    label begins so; tokens of one label count together. None where none was among those told.
    """
    found: dict[str, float | None] = dict.fromkeys(labels)
    for token, logprob in positions[0].items() if positions else ():
        label = _label(token.lstrip(_BLANK), labels)
        if label is not None:
            before = found[label]
            found[label] = logprob if before is None else log_add(before, logprob)
    return found


def _label(token: str, labels: Sequence[str]) -> str | None:
    if token in labels:
        return token
    begun = {label for label in labels if token and label.startswith(token)}
    return begun.pop() if len(begun) == 1 else None
