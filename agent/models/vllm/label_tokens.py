"""The tokens that labels begin with, so that a server tells their probabilities however small they are."""

from __future__ import annotations

from collections.abc import Sequence

from agent.models.chat import Endpoint
from agent.models.chat.labels import BLANK
from agent.models.errors import ModelError

MOST = 128
"""Tokens that one request may name."""


class LabelTokens:
    """Asks a server's tokenizer, once for each label."""

    def __init__(self, endpoint: Endpoint, model: str) -> None:
        self._endpoint = endpoint
        self._model = model
        self._known: dict[str, tuple[int, ...]] = {}

    async def of(self, labels: Sequence[str]) -> tuple[int, ...]:
        """Return the first tokens of the labels, written with and without a blank before.

        Empty where the server does not tell or they are too many: what is likely is then all there is.
        """
        try:
            tokens = [token for label in labels for token in await self._first(label)]
        except (ModelError, TypeError, KeyError, IndexError):
            return ()
        distinct = tuple(dict.fromkeys(tokens))
        return distinct if len(distinct) <= MOST else ()

    async def _first(self, label: str) -> tuple[int, ...]:
        if label not in self._known:
            word = label.lstrip(BLANK)
            self._known[label] = tuple([await self._token(text) for text in (word, f" {word}")])
        return self._known[label]

    async def _token(self, text: str) -> int:
        body = {"model": self._model, "prompt": text, "add_special_tokens": False}
        told = await self._endpoint.post(f"{self._endpoint.root}/tokenize", body)
        return int(told["tokens"][0])
