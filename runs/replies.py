"""Replies of models that read for all trajectories, as events of the journal, by what was asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from agent.messages import Attempt, Reply
from runs.journal import Journal

Stage = Literal["context", "selection"]
REPLIES = frozenset({"context_reply", "selection_reply"})
FAILURES = frozenset({"context_failure", "selection_failure"})
"""Kinds of events: a reply, and a call that gave none."""


class JournalReplies:
    """Keeps the replies of one stage; see `agent.context.asking.Replies`."""

    def __init__(self, journal: Journal, stage: Stage) -> None:
        self._journal = journal
        self._stage = stage
        self._replies = {
            event.data["request"]: Reply.model_validate(event.data["reply"])
            for event in journal.of(f"{stage}_reply")
        }

    def get(self, key: str) -> Reply | None:
        """See `Replies.get`."""
        return self._replies.get(key)

    async def put(self, key: str, reply: Reply) -> None:
        """See `Replies.put`."""
        data = {"request": key, "reply": reply.model_dump(mode="json")}
        await self._journal.append(f"{self._stage}_reply", data)
        self._replies[key] = reply

    async def put_failure(self, key: str, attempts: Sequence[Attempt], message: str) -> None:
        """See `Replies.put_failure`."""
        sendings = [attempt.model_dump(mode="json") for attempt in attempts]
        data = {"request": key, "attempts": sendings, "message": message}
        await self._journal.append(f"{self._stage}_failure", data)
