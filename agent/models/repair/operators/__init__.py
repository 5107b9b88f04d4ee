"""The edit operators, one family a file; each takes a site and yields edits of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.models.repair.operators import (
    borrow,
    calls,
    conditions,
    constants,
    exceptions,
    guards,
    names,
    regexes,
    statements,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agent.models.repair.edits import Edit
    from agent.models.repair.scope import Site

FAMILIES: dict[str, tuple[Callable[[Site], Iterator[Edit]], ...]] = {
    "conditions": conditions.OPERATORS,
    "constants": constants.OPERATORS,
    "calls": calls.OPERATORS,
    "names": names.OPERATORS,
    "guards": guards.OPERATORS,
    "exceptions": exceptions.OPERATORS,
    "regexes": regexes.OPERATORS,
    "statements": statements.OPERATORS,
    "borrow": borrow.OPERATORS,
}


def edits_of(site: Site) -> Iterator[Edit]:
    """Yield every edit that any operator makes of a site."""
    for operators in FAMILIES.values():
        for operator in operators:
            yield from operator(site)
