"""What an agent is shown of the repository before it begins."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from agent.messages import Value


class ContextSettings(Value):
    """How the context of an issue is made; it is the same for all its trajectories.

    Attributes:
        kind: `definitions` lists the 40 definitions that look most related, a line each; `map` is a map of
            the repository with signatures, the more relevant the more of them; `files` holds files' text.
        tokens: the most that `map` and `files` may have; what `definitions` has is about 1,500.
        scan: whether the model of the role `context` reads every source file against the issue first. Without
            it, nothing asks a model.
        rankings: how often that model ranks the files that the scan found relevant; the rankings are merged
            with the lexical one.
    """

    kind: Literal["definitions", "map", "files"] = "definitions"
    tokens: int = Field(default=16_000, ge=0)
    scan: bool = False
    rankings: int = Field(default=3, ge=0, le=100)
