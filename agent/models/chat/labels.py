"""The log-probability of each label where a reply begins."""

from __future__ import annotations

from collections.abc import Sequence

from agent.models.chat.logprobs import is_told, log_add

BLANK = " \t\r\n\u2581\u0120\u010a"
"""Blanks before a word, as text and as two families of tokenizers write them."""


def label_logprobs(labels: Sequence[str], positions: Sequence[dict[str, float]]) -> dict[str, float | None]:
    """Return the log-probability of each label at the first of the positions.

    Each token counts once, for the label that `label_of` names; tokens of one label count together. None
    where none was told.
    """
    found: dict[str, float | None] = dict.fromkeys(labels)
    for token, logprob in positions[0].items() if positions else ():
        label = label_of(token, labels)
        if label is not None and is_told(logprob):
            before = found[label]
            found[label] = logprob if before is None else log_add(before, logprob)
    return found


def label_of(token: str, labels: Sequence[str]) -> str | None:
    """Return the label that a token spells, blanks before either aside, or else begins; None for neither.

    Labels that differ in case alone are spellings of one: what begins several of these is taken for the
    first. What begins different labels is none's.
    """
    text = token.lstrip(BLANK)
    words = {label: label.lstrip(BLANK) for label in labels}
    begun = [label for label, word in words.items() if text and word.startswith(text)]
    spelled = [label for label in begun if words[label] == text]
    if not spelled and len({words[label].casefold() for label in begun}) > 1:
        return None
    return next(iter([*spelled, *begun]), None)
