"""An issue without a snippet: the calls its prose speaks of, as a session."""

from __future__ import annotations

import ast
from itertools import zip_longest
from typing import TYPE_CHECKING

from agent.models.repair.names import borrow, undefined_names
from agent.models.repair.notes import is_literal
from agent.models.repair.phrases import read_phrases
from agent.models.repair.programs import Program, Step
from agent.models.repair.wording import ACTUAL, ALSO, EXPECT, MODAL, RAISE, exception_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from agent.models.repair.phrases import Phrase, Value


def spoken_program(
    prose: Sequence[str], names: Iterable[str], homes: Mapping[str, str]
) -> tuple[Program, ...]:
    """Read "`f(1)` returns `2`" as a session that shows it; at most one program, none without such calls.

    Args:
        prose: title and paragraphs, inline code between backticks.
        names: identifiers of the issue, for what the calls leave undefined.
        homes: module of each public name.
    """
    steps: dict[str, Step] = {}
    for text in prose:
        for phrase in read_phrases(text):
            for step in _steps(phrase):
                known = steps.get(step.code)
                if known is None or (known.shown is None and not known.raises):
                    steps[step.code] = step
    names = list(names)
    whole = [step for step in steps.values() if not _missing(step.code, names, homes)]
    return (Program(tuple(whole), 0, session=True),) if whole else ()


def _steps(phrase: Phrase) -> Iterator[Step]:
    values = phrase.values
    for value, after in zip_longest(values, values[1:]):
        if not (value.code and _does_something(value.text)):
            continue
        words = phrase.following(value)
        wished = MODAL.search(words) or EXPECT.search(words) or EXPECT.search(phrase.preceding(value))
        listed = ALSO.match(words) or ALSO.match(phrase.preceding(value))
        if wished or listed or after is None:
            yield Step(value.text)
        else:
            yield _showing(value, after, words)


def _showing(value: Value, after: Value, words: str) -> Step:
    if exception_name(after.text) and RAISE.search(words):
        return Step(value.text, raises=exception_name(after.text))
    if is_literal(after.text) and ACTUAL.search(words):
        return Step(value.text, shown=after.text)
    return Step(value.text)


def _does_something(code: str) -> bool:
    """Tell whether a fragment is a call that could be run; `name()` alone only names a function."""
    try:
        tree = ast.parse(code.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    holes = any(isinstance(node, ast.Constant) and node.value is ... for node in ast.walk(tree))
    return any(call.args or call.keywords for call in calls) and not holes


def _missing(code: str, names: Sequence[str], homes: Mapping[str, str]) -> list[str]:
    return undefined_names("\n".join([*borrow(code, (), names, homes), code]))
