"""Tests from shell sessions: the files shown are made in a temporary folder and the commands run by bash."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.models.repair.issue import IssueClues
    from agent.models.repair.scene import Draft


def console_drafts(clues: IssueClues) -> list[Draft]:
    return []
