"""From what an issue says to tests that fail now and pass on the right fix."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.models.repair.console import console_drafts
from agent.models.repair.outputs import output_drafts
from agent.models.repair.programs import raising, read_program
from agent.models.repair.properties import property_drafts
from agent.models.repair.render import name_of_test, render
from agent.models.repair.scene import set_scene
from agent.models.repair.sessions import session_drafts
from agent.models.repair.spoken import spoken_programs
from agent.models.repair.vouched import vouched

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.models.repair.issue import IssueClues
    from agent.models.repair.scene import Draft

MAX_TESTS = 12


@dataclass(frozen=True, slots=True)
class ReproTest:
    """A test for an issue.

    Attributes:
        name: of the file, without `.py`.
        source: a complete pytest file.
        strength: how much of what the issue expects it asserts, in (0, 1].
        why: where the assertion comes from, in one sentence.
    """

    name: str
    source: str
    strength: float
    why: str


def write_tests(clues: IssueClues, homes: Mapping[str, str] | None = None) -> tuple[ReproTest, ...]:
    """Write alternative tests for an issue, the strongest first, at most 12.

    A test that passes before the fix says nothing and is to be thrown away by the caller, who can run it.

    Args:
        clues: of the issue.
        homes: module of each public name, for snippets that use names without importing them.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns of doubtful code in issues when it parses it
        return _write_tests(clues, homes or {})


def _write_tests(clues: IssueClues, homes: Mapping[str, str]) -> tuple[ReproTest, ...]:
    programs = raising([one for snippet in clues.snippets if (one := read_program(snippet))], clues.snippets)
    drafts: list[Draft] = []
    traces = [one.text for one in clues.snippets if one.kind == "traceback"]
    programs = programs or spoken_programs(clues.prose, traces, clues.names, homes)
    programs = [vouched(one, clues.expectations) for one in programs]
    for program in programs:
        scene = set_scene(clues, program, programs, homes)
        drafts += [*session_drafts(scene), *property_drafts(scene), *output_drafts(scene)]
    drafts += console_drafts(clues)
    drafts.sort(key=lambda draft: -draft.strength)
    found: dict[str, ReproTest] = {}
    name = name_of_test(clues.title)
    for draft in drafts:
        source = render(clues.title, draft.statements)
        if source is not None and source not in found:
            found[source] = ReproTest(name, source, round(min(max(draft.strength, 0.01), 1.0), 3), draft.why)
        if len(found) == MAX_TESTS:
            break
    return tuple(found.values())
