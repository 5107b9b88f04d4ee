"""An issue read for what a repair needs: its snippets, names, exceptions, and what it expects."""

from __future__ import annotations

import builtins
import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.models.repair.expectations import Expectation, read_expectations
from agent.models.repair.markdown import read_blocks
from agent.models.repair.snippets import RIGHT_LEAD, Snippet, read_snippets
from agent.models.repair.wording import exception_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.models.repair.markdown import Block

__all__ = ["Expectation", "Frame", "IssueClues", "Snippet", "read_issue"]

_FRAME = re.compile(r'File "(?P<file>[^"\n]+)", line (?P<line>\d+)(?:, in (?P<function>[^\n]+))?')
_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_SYMBOL = re.compile(
    r"\b(?:[A-Za-z_]\w*\.)+[A-Za-z_]\w*\b(?:\(\))?|\b[a-z]\w*_\w+\b|\b\w+\(\)|\b[A-Z][a-z]+[A-Z]\w*\b"
)
_EXCEPTION = re.compile(r"\b(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Warning)\b")
_DULL = {
    *dir(builtins),
    "import",
    "from",
    "def",
    "class",
    "return",
    "for",
    "in",
    "self",
    "if",
    "as",
    "with",
    "e.g",
    "i.e",
}


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a traceback in the issue; `function` may be empty."""

    file: str
    line: int
    function: str


@dataclass(frozen=True, slots=True)
class IssueClues:
    """What an issue gives away.

    Attributes:
        title: its first line.
        snippets: its code blocks, in order.
        names: identifiers and dotted names, the most telling first.
        exceptions: classes of exceptions that are mentioned or were raised, without modules.
        expectations: what the prose says should be.
        frames: of tracebacks, outermost first.
        fragments: inline code of the title and the prose, as written.
        prose: its title and paragraphs.
    """

    title: str
    snippets: tuple[Snippet, ...]
    names: tuple[str, ...]
    exceptions: tuple[str, ...]
    expectations: tuple[Expectation, ...]
    frames: tuple[Frame, ...]
    fragments: tuple[str, ...] = ()
    prose: tuple[str, ...] = ()


def read_issue(text: str) -> IssueClues:
    """Read an issue in Markdown; any text gives clues, an empty one gives none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns of doubtful code in issues when it parses it
        return _read_issue(text)


def _read_issue(text: str) -> IssueClues:
    blocks = read_blocks(text)
    snippets = read_snippets(blocks)
    return IssueClues(
        title=blocks[0].text if blocks else "",
        snippets=snippets,
        names=_names(blocks, snippets),
        exceptions=tuple(dict.fromkeys(exception_name(found) for found in _EXCEPTION.findall(text))),
        expectations=read_expectations(_paragraphs(blocks)),
        frames=tuple(
            Frame(match["file"], int(match["line"][:9]), (match["function"] or "").strip())
            for snippet in snippets
            for match in _FRAME.finditer(snippet.text)
        ),
        fragments=tuple(
            dict.fromkeys(
                code
                for block in blocks
                if block.kind != "code"
                for code in re.findall(r"`([^`]+)`", block.text)
            )
        ),
        prose=tuple(block.text for block in blocks if block.kind != "code"),
    )


def _paragraphs(blocks: Sequence[Block]) -> Iterator[tuple[str, int, bool]]:
    """Yield prose; items of a list (and text under a heading) that a lead-in calls expected are marked."""
    listed = False
    for block in blocks:
        if block.kind == "item":
            yield block.text, block.line, listed
        elif block.kind == "heading":
            yield block.text, block.line, False
            listed = block.line != blocks[0].line and bool(re.search(r"\bexpect", block.text, re.I))
        elif block.kind == "prose":
            sentence = re.split(r"(?<=[.!?])\s+", block.text.strip())[-1]
            yield block.text, block.line, False
            listed = bool(RIGHT_LEAD.search(sentence))


def _names(blocks: Sequence[Block], snippets: Sequence[Snippet]) -> tuple[str, ...]:
    """Rank names: inline code of the title, then of the prose, then symbols in prose, then in snippets."""
    prose = [block.text for block in blocks if block.kind != "code"]
    ranked: list[str] = []
    for text in prose:
        for code in re.findall(r"`([^`]+)`", text):
            ranked += _NAME.findall(code)
    for text in prose:
        ranked += [match.removesuffix("()") for match in _SYMBOL.findall(re.sub(r"`[^`]*`", " ", text))]
    for snippet in snippets:
        if snippet.kind in {"script", "doctest", "traceback"}:
            ranked += _NAME.findall(re.sub(r"""(["']).*?\1""", " ", snippet.text))
    return tuple(name for name in dict.fromkeys(ranked) if name not in _DULL and len(name) > 1)[:200]
