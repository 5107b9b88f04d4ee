"""An issue without a snippet: the calls that its prose, its tables and its tracebacks speak of."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING

from agent.models.repair.names import borrow, bound_names, undefined_names
from agent.models.repair.notes import Note, is_literal, literal_or_text, read_note
from agent.models.repair.phrases import read_phrases
from agent.models.repair.programs import Program, Step, raised_in
from agent.models.repair.wording import ACTUAL, ALSO, EXPECT, MODAL, RAISE, exception_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from agent.models.repair.phrases import Phrase, Value

_DIES = re.compile(
    r"\b(?:dies?|crash(?:es|ed)?|fails?|failed|blows? up|aborts?|breaks?|gives?|gets?|got)\b", re.I
)
_FINE = re.compile(
    r"\b(?:fine|right|correct(?:ly)?|works?|properly|behaves?|good|as it (?:should|must))\b", re.I
)
_NOT_FINE = re.compile(r"\b(?:but|not|n't|wrong|although|though|instead|while)\b|n't\b", re.I)
_LINE = re.compile(r'^  File "[^"\n]+", line \d+[^\n]*\n    (?P<code>\S[^\n]*)$', re.MULTILINE)


def spoken_programs(
    prose: Sequence[str], traces: Iterable[str], names: Iterable[str], homes: Mapping[str, str]
) -> list[Program]:
    """Read "`f(1)` returns `2`" as a session that shows it.

    Args:
        prose: title and paragraphs, inline code between backticks; rows of tables too.
        traces: tracebacks, whose outermost line is read.
        names: identifiers of the issue, for what the calls leave undefined.
        homes: module of each public name.
    """
    steps: dict[str, Step] = {}
    for step in (*_traced(traces), *(step for text in prose for step in _spoken(text))):
        known = steps.get(step.code)
        if known is None or (known.shown is None and not known.raises):
            steps[step.code] = step
    names, made, whole = list(names), set[str](), []
    for step in steps.values():
        if not _missing(step.code, made, names, homes):
            whole.append(step)
            made |= bound_names(step.tree) if step.expression is None else set()
    return [Program(tuple(group), 0, session=True) for group in _groups(whole)]


def _groups(steps: Sequence[Step]) -> list[list[Step]]:
    """Part steps into programs: all in order where some bind names, else each doubtful one beside the right.

    In order, what is shown and not called right is taken for the complaint.
    """
    if any(step.expression is None for step in steps):
        return [
            [replace(step, verdict="wrong") if step.shown and not step.verdict else step for step in steps]
        ]
    right = [step for step in steps if step.verdict == "right" and step.shown is not None]
    return [[*right, step] for step in steps if step.verdict != "right"]


def _spoken(text: str) -> Iterator[Step]:
    if row := _row(text):
        yield row
        return
    for phrase in read_phrases(text):
        yield from _steps(phrase)


def _row(text: str) -> Step | None:
    """Read a row of a table: a call, what it gives, and perhaps what somebody thinks of it."""
    cells = [cell.strip() for cell in text.split("\t")]
    if len(cells) < 2 or not _does_something(cells[0].strip("`")):
        return None
    note = read_note(cells[2]) if len(cells) > 2 else Note()
    verdict = note.verdict
    if len(cells) > 2 and re.match(r"(?:yes|ok|✓|✔)", cells[2], re.I):
        verdict = "right"
    wanted = literal_or_text(note.wanted.strip("`")) if note.wanted else None
    if wanted and is_literal(wanted) and (match := re.search(r"`([^`]+)`", cells[2])):
        wanted = match[1] if is_literal(match[1]) else wanted
    shown = cells[1].strip("`")
    if exception_name(shown):
        return Step(cells[0].strip("`"), raises=shown, verdict=verdict, wanted=wanted)
    return Step(
        cells[0].strip("`"), shown=shown if is_literal(shown) else None, verdict=verdict, wanted=wanted
    )


def _steps(phrase: Phrase) -> Iterator[Step]:
    values = phrase.values
    fine = bool(_FINE.search(phrase.text)) and not _NOT_FINE.search(phrase.text)
    for value, after in zip_longest(values, values[1:]):
        if not (value.code and _does_something(value.text)):
            continue
        words = phrase.following(value)
        wished = MODAL.search(words) or EXPECT.search(words) or EXPECT.search(phrase.preceding(value))
        listed = ALSO.match(words) or ALSO.match(phrase.preceding(value))
        if wished or listed or after is None:
            yield Step(value.text, verdict="right" if fine else "")
        else:
            yield _showing(value, after, words, fine=fine)


def _showing(value: Value, after: Value, words: str, *, fine: bool) -> Step:
    if exception_name(after.text) and (RAISE.search(words) or _DIES.search(words)):
        return Step(value.text, raises=after.text)
    shown = after.text if is_literal(after.text) and ACTUAL.search(words) else None
    return Step(value.text, shown=shown, verdict="right" if fine else "")


def _traced(traces: Iterable[str]) -> Iterator[Step]:
    """Read the line at which a traceback begins: the user's own."""
    for text in traces:
        line = _LINE.search(text)
        code = line["code"].strip() if line else ""
        if code and raised_in(text) and _does_something(code):
            yield Step(code, raises=raised_in(text))


def _does_something(code: str) -> bool:
    """Tell whether a fragment is a statement that could be run; `name()` alone only names a function."""
    try:
        body = ast.parse(code.strip()).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    if len(body) != 1 or not isinstance(body[0], ast.Expr | ast.Assign):
        return False
    nodes = list(ast.walk(body[0]))
    if any(isinstance(node, ast.Constant) and node.value is ... for node in nodes):
        return False
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    if isinstance(body[0], ast.Assign):
        return bool(calls) or isinstance(body[0].targets[0], ast.Subscript | ast.Attribute)
    return any(call.args or call.keywords for call in calls)


def _missing(code: str, made: set[str], names: Sequence[str], homes: Mapping[str, str]) -> list[str]:
    borrowed = borrow(code, (), names, homes)
    return [name for name in undefined_names("\n".join([*borrowed, code])) if name not in made]
