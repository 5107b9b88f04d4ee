"""What retrieval finds in a repository for an issue, without any model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.context.clues import Clues, read_clues
from agent.context.definitions import Scored, rank_definitions
from agent.context.files import rank_files, whole_file_scores
from agent.context.index import index
from agent.context.outline import Outline
from agent.context.suites import holds_tests


@dataclass(frozen=True, slots=True)
class Survey:
    """The definitions, the source files and the test files of a repository, each best first."""

    definitions: tuple[Scored, ...]
    files: tuple[str, ...]
    tests: tuple[str, ...]


def survey(issue: str, sources: Mapping[str, str], home: Path | None = None) -> Survey:
    """Rank what is in a repository against an issue.

    Args:
        issue: the issue's text.
        sources: the repository's source files by path, tests included.
        home: the folder of caches; see `agent.context.index`.
    """
    outlines, tests = index(sources, home)
    clues = read_clues(issue)
    definitions = rank_definitions(outlines, clues)
    return Survey(
        definitions=tuple(definitions),
        files=tuple(rank_files(outlines, definitions, clues)),
        tests=tuple(_rank_tests(tests, clues)),
    )


def _rank_tests(tests: Sequence[Outline], clues: Clues) -> list[str]:
    """Return the test files that hold tests, best first."""
    held = [outline for outline in tests if holds_tests(outline.path)]
    scores = whole_file_scores(held, clues.query)
    return sorted(scores, key=lambda path: (-scores[path], path))
