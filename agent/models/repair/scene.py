"""A program of an issue with all that bears on it."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.models.repair.names import borrow, bound_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agent.models.repair.expectations import Expectation
    from agent.models.repair.issue import IssueClues
    from agent.models.repair.programs import Program


@dataclass(frozen=True, slots=True)
class Draft:
    """A test before it is written out."""

    statements: tuple[str, ...]
    strength: float
    why: str


@dataclass(frozen=True, slots=True)
class Scene:
    """A program and its surroundings.

    Attributes:
        title: of the issue.
        program: the program.
        borrowed: statements from elsewhere that define what the program leaves undefined.
        known: names that assertions may read.
        expectations: of the whole issue, those about working behaviour left out.
        right: blocks after the program that show its right output.
        wrong: blocks after the program that show its wrong output.
        programs: all programs of the issue.
        fragments: inline code of title and prose.
    """

    title: str
    program: Program
    borrowed: tuple[str, ...]
    known: frozenset[str]
    expectations: tuple[Expectation, ...]
    right: tuple[str, ...]
    wrong: tuple[str, ...]
    programs: tuple[Program, ...]
    fragments: tuple[str, ...]

    def of_kind(self, *kinds: str) -> list[Expectation]:
        """Return the expectations of some kinds, the plainest first."""
        return sorted((one for one in self.expectations if one.kind in kinds), key=lambda one: -one.weight)

    def completed(self, statements: Sequence[str]) -> tuple[str, ...]:
        """Put what is borrowed before statements."""
        return (*self.borrowed, *statements)


def set_scene(
    clues: IssueClues, program: Program, programs: Sequence[Program], homes: Mapping[str, str]
) -> Scene:
    """Collect what bears on a program: blocks that follow it up to the next one, and what it must borrow."""
    others = [one for one in programs if one is not program]
    borrowed = tuple(borrow(program.source, [program, *others], clues.names, homes))
    whole = "\n".join([*borrowed, program.source])
    end = min((one.line for one in programs if one.line > program.line), default=10**9)
    blocks = [
        one
        for one in clues.snippets
        if program.line < one.line < end and one.kind in {"output", "data", "traceback"}
    ]
    return Scene(
        title=clues.title,
        program=program,
        borrowed=borrowed,
        known=frozenset(bound_names(ast.parse(whole))),
        expectations=tuple(one for one in clues.expectations if not one.keep),
        right=tuple(one.text for one in blocks if one.role == "right" and one.kind != "traceback"),
        wrong=tuple(one.text for one in blocks if one.role != "right" and one.kind == "output"),
        programs=tuple(programs),
        fragments=clues.fragments,
    )
