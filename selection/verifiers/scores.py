"""From what a model says to a score: label log-probabilities, shares of samples, means of logits."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from agent.messages import Reply
from agent.models.chat.labels import BLANK, label_logprobs, label_of
from agent.models.chat.logprobs import is_told, log_add

YES, NO = "YES", "NO"
SPELLINGS = {YES: ("YES", "Yes", "yes"), NO: ("NO", "No", "no")}
"""How the label tokens may be written; a model's mass is spread over them."""
LABELS = (*SPELLINGS[YES], *SPELLINGS[NO])
MOST = 12.0
"""Bound of a logit: what a model is surer of than one in 160,000 says nothing more."""


@dataclass(frozen=True, slots=True)
class Score:
    """The mean of several readings' logits, how far they are apart (standard deviation), and how many."""

    logit: float
    spread: float
    readings: int

    @property
    def probability(self) -> float:
        """The score in [0, 1]."""
        return logistic(self.logit)


def mean_score(logits: Sequence[float]) -> Score | None:
    """Return the score of several readings, None where there is none."""
    if not logits:
        return None
    spread = statistics.stdev(logits) if len(logits) > 1 else 0.0
    return Score(statistics.fmean(logits), spread, len(logits))


def label_logit(reply: Reply, tag: str = "") -> float | None:
    """Return the logit of YES against NO where the reply says which, None where neither label was told.

    All spellings of a label count together (log-sum-exp). A label that was not told is bounded by the other
    label, by the smallest token that is neither's, and by what the other leaves.

    Args:
        reply: with the log-probabilities of `LABELS`.
        tag: behind which the label stands where the reply repeats it; else the label comes first.
    """
    told = reply.labels
    position = reply.logprobs[0] if reply.logprobs else {}
    if tag and (behind := _behind(tag, reply.logprobs)) is not None:
        position = reply.logprobs[behind]
        told = label_logprobs(LABELS, [position])
    yes, no = (_sum(told.get(one) for one in SPELLINGS[label]) for label in (YES, NO))
    if yes is None and no is None:
        return None
    if yes is None:
        yes = _bound(no, position)
    if no is None:
        no = _bound(yes, position)
    assert yes is not None
    assert no is not None
    return _bounded(yes - no)


def share_logit(yes: int, no: int) -> float | None:
    """Return the logit of the share of YES among readable samples, None where there is none.

    The prior is half a sample of each (Jeffreys), so that one YES of one is 3/4 and not certainty.
    """
    return math.log((yes + 0.5) / (no + 0.5)) if yes + no else None


def logistic(logit: float) -> float:
    """Return the probability of a logit."""
    if logit >= 0:
        return 1 / (1 + math.exp(-logit))
    return math.exp(logit) / (1 + math.exp(logit))


def _sum(logprobs: Iterable[float | None]) -> float | None:
    known = [one for one in logprobs if one is not None and is_told(one)]
    if not known:
        return None
    total = known[0]
    for one in known[1:]:
        total = log_add(total, one)
    return total


def _bound(other: float | None, position: Mapping[str, float]) -> float:
    """Return the most that a label which was not told can have."""
    assert other is not None
    left = math.log1p(-math.exp(other)) if other < -1e-9 else -2 * MOST
    # a spelling of the other label is no bound of its own: it grows with what speaks against this one
    strange = [logprob for token, logprob in position.items() if label_of(token, LABELS) is None]
    return min([other, left, *filter(is_told, strange)])


def _bounded(logit: float) -> float:
    return max(-MOST, min(MOST, logit))


def _behind(tag: str, positions: Sequence[Mapping[str, float]]) -> int | None:
    """Return the first position behind a tag that is no blank, None where the likely tokens have none."""
    text = ""
    for number, position in enumerate(positions):
        if not position:
            return None
        token = max(position, key=lambda one: position[one])
        if tag in text and token.strip(BLANK):
            return number
        text += token
    return None
