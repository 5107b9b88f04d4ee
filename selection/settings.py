"""How candidates are read by models before a rule decides: the key `selection` of a recipe."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from agent.messages import Value

View = Literal["patch", "evidence", "digest"]
"""What a verifier sees beside the issue: the patch and its code, what tests did, or what the author did."""
Format = Literal["plain", "judgement"]


class SelectionSettings(Value):
    """Which readers speak on the candidates of an issue, and how much they may read.

    Attributes:
        views: the verifiers that score each candidate by itself; none asks no model.
        samples: readings of one candidate in one view.
        format: `plain` is our own question; `judgement` is the layout that the verifiers of R2E-Gym and
            DeepSWE were trained on.
        system: a file with the system text of `judgement`, as the model's authors publish it.
        tokens: the most that one prompt may have; less where the model's window is smaller.
        duel: how many of the leading programs meet in a duel, in which the model must write a test before it
            chooses, of a rule that has finalists no more than these; 0 for none.
        turns: replies of one duel at most.
        groups: how many programs are shown side by side in a vote; 0 for none.
        votes: votes in each group at most.
        differences: whether readers are shown inputs that tell programs apart, and the model is asked for a
            test of those that no test tells apart.
        inputs: how many of the leading programs that no test tells apart are run on inputs, to show where
            they disagree; no model is asked. 0 for none, also where a rule compares results.
    """

    views: tuple[View, ...] = ()
    samples: int = Field(default=1, ge=1, le=100)
    format: Format = "plain"
    system: str | None = None
    tokens: int = Field(default=32_000, ge=2_000)
    duel: int = Field(default=0, ge=0, le=5)
    turns: int = Field(default=8, ge=2, le=50)
    groups: int = Field(default=0, ge=0, le=5)
    votes: int = Field(default=5, ge=1, le=99)
    differences: bool = False
    inputs: int = Field(default=3, ge=0, le=10)

    @property
    def asks(self) -> bool:
        """Whether any reader is asked."""
        return bool(self.views or self.duel or self.groups or self.differences)
