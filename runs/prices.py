"""What calls of a model cost: learnt from its replies, and bounded for those to come."""

from __future__ import annotations

from dataclasses import dataclass

from agent.budget import Call
from agent.messages import Usage

OUTPUT = 8
"""Times that a token of output is dearer than one of input, at most, in the price lists of providers."""
YOUNG = 4
"""Replies of a model until which more than their bound is set aside: they may have been cheap ones."""


@dataclass(frozen=True, slots=True)
class Held:
    """What one call costs, or what is set aside for it."""

    dollars: float = 0.0
    tokens: int = 0

    def __or__(self, other: Held) -> Held:
        """Return the more of both, in dollars and in tokens."""
        return Held(max(self.dollars, other.dollars), max(self.tokens, other.tokens))

    def __and__(self, other: Held) -> Held:
        """Return the less of both, in dollars and in tokens."""
        return Held(min(self.dollars, other.dollars), min(self.tokens, other.tokens))


class Price:
    """What calls of one model have cost.

    A reply's cost says what a token of input costs at most, were output as dear, and what one does where
    output is `OUTPUT` times as dear. One of both rates bounds a call whatever lies between.

    Attributes:
        dearest: the most that one has cost.
    """

    def __init__(self) -> None:
        self.dearest = Held()
        self._replies = 0
        self._longest = 0
        self._stretch = 1.0
        self._even = self._uneven = 0.0

    def learn(self, call: Call, dollars: float, usage: Usage) -> None:
        """Take in what a call has cost."""
        self._replies += 1
        self._longest = max(self._longest, call.prompt)
        self._stretch = max(self._stretch, usage.input / max(1, call.prompt))
        self.dearest |= Held(dollars, usage.input + usage.output)
        if usage.input + usage.output > 0:
            self._even = max(self._even, dollars / (usage.input + usage.output))
            self._uneven = max(self._uneven, dollars / (usage.input + OUTPUT * usage.output))

    def estimate(self, call: Call) -> Held:
        """Return what a call costs: as much as the dearest, and more where its prompt is longer.

        In proportion to the prompt, but no more than the rates allow: most of the dearest may be its reply.
        """
        growth = max(1.0, call.prompt / self._longest) if self._longest else 1.0
        grown = Held(self.dearest.dollars * growth, round(self.dearest.tokens * growth))
        return self.dearest | (grown & self._most(call))

    def bound(self, call: Call) -> Held:
        """Return what a call costs at most, its reply as long as may be, at the highest rates so far."""
        most = self.dearest | self._most(call)
        return Held(most.dollars * max(1.0, YOUNG / self._replies), most.tokens)

    def _most(self, call: Call) -> Held:
        """Return what a prompt and the longest reply come to at the highest rates so far."""
        prompt = call.prompt * self._stretch
        dollars = max(self._even * (prompt + call.reply), self._uneven * (prompt + OUTPUT * call.reply))
        return Held(dollars, round(prompt + call.reply))


class Prices:
    """What calls cost, by the model that was asked; a mixture counts as one model."""

    def __init__(self) -> None:
        self._models: dict[str, Price] = {}
        self._recorded = Held()

    def remember(self, dollars: float | None, tokens: int) -> None:
        """Take in a reply of whatever model, from a record."""
        self._recorded |= Held(dollars or 0.0, tokens)

    def learn(self, call: Call, dollars: float | None, usage: Usage) -> None:
        """Take in what a call has cost; None for a price that is not known, which bounds nothing."""
        self._models.setdefault(call.model, Price()).learn(call, dollars or 0.0, usage)

    def is_known(self, model: str) -> bool:
        """Whether a call of a model has been answered."""
        return model in self._models

    def least(self) -> Held:
        """Return the dearest call of the cheapest model, or the dearest of the record where none is known."""
        known = [price.dearest for price in self._models.values()]
        if not known:
            return self._recorded
        return Held(min(one.dollars for one in known), min(one.tokens for one in known))

    def estimate(self, call: Call) -> Held:
        """Return what a call costs by what is known; see `Price.estimate`."""
        known = self._models.get(call.model)
        return known.estimate(call) if known else self._dearest()

    def bound(self, call: Call) -> Held:
        """Return what a call costs at most by what is known; see `Price.bound`."""
        known = self._models.get(call.model)
        return known.bound(call) if known else self._dearest() | Held(0.0, call.prompt + call.reply)

    def _dearest(self) -> Held:
        """Return the dearest call of any model: all that is known of one that was not asked yet."""
        dearest = self._recorded
        for price in self._models.values():
            dearest |= price.dearest
        return dearest
