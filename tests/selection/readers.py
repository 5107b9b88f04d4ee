"""Models that play readers, and evidence without a sandbox, for the tests of reading."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence

from agent.context.asking import Asker, MemoryReplies
from agent.messages import Message, Reply, Sampling, ToolSpec
from agent.models.base import Capabilities
from selection.candidate import Candidate
from selection.clusters import Clusters
from selection.evidence import Evidence

PATCH = """diff --git a/calc.py b/calc.py
--- a/calc.py
+++ b/calc.py
@@ -1,2 +1,2 @@
 def clamp(x):
-    return x
+    return {}
"""


class Reader:
    """Answers by a function of the conversation; replies come in an order of their own."""

    name = "reader"

    def __init__(
        self,
        answer: Callable[[Sequence[Message], Sampling], Reply | str | BaseException],
        capabilities: Capabilities | None = None,
        seed: int | None = None,
    ) -> None:
        self.capabilities = capabilities or Capabilities()
        self.asked: list[tuple[tuple[Message, ...], Sampling]] = []
        self._answer = answer
        self._dice = None if seed is None else random.Random(seed)

    async def generate(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        self.asked.append((tuple(messages), sampling))
        for _ in range(self._dice.randrange(40) if self._dice else 0):
            await asyncio.sleep(0)
        said = self._answer(messages, sampling)
        if isinstance(said, BaseException):
            raise said
        return said if isinstance(said, Reply) else Reply(text=said)


def asker(model: Reader, replies: MemoryReplies | None = None) -> Asker:
    return Asker(model, replies or MemoryReplies(), "issue")


def candidate(name: str, code: str | None = None) -> Candidate:
    return Candidate(name, PATCH.format(code or f"{name}(x)"))


def evidence(*candidates: Candidate, issue: str = "clamp is wrong") -> Evidence:
    """Evidence of candidates that make different programs."""
    members = {f"row-{one.id}": (one.id,) for one in candidates}
    return Evidence("t", "calc", issue, tuple(candidates), Clusters(members))
