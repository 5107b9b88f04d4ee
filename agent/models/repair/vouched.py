"""Programs whose shown values are those that the prose asks for: they show the right behaviour."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.models.repair.expectations import Expectation
    from agent.models.repair.programs import Program


def vouched(program: Program, expectations: Iterable[Expectation]) -> Program:
    """Call a program right when the prose names another value as wrong and wants every value shown.

    "`half(5)` is 2 and should be 2.5", followed by a session that shows 2.5, is how it ought to be; without
    this a session is taken for the complaint.
    """
    expectations = tuple(expectations)
    wanted = [_value(one.text) for one in expectations if one.kind == "value"]
    wrong = [_value(one.text) for one in expectations if one.kind == "wrong"]
    shown = [_value(step.shown) for step in program.steps if step.shown is not None]
    unmarked = not program.role and not any(step.raises or step.verdict for step in program.steps)
    if unmarked and wrong and shown and all(one in wanted and one not in wrong for one in shown):
        return replace(program, role="right")
    return program


def _value(text: str) -> tuple[type, object]:
    """Return what a literal stands for, so that `2.50` is `2.5` and `1` is not `True`."""
    try:
        value = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return str, text.strip()
    return type(value), value
