"""Calls that are alike: lines of an issue that may have to agree."""

from __future__ import annotations

import ast
import difflib
from typing import TYPE_CHECKING

from agent.models.repair.notes import is_literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.models.repair.programs import Step
    from agent.models.repair.scene import Scene


def similar_calls(scene: Scene, index: int, step: Step) -> Iterator[tuple[float, Step]]:
    """Yield the lines that a line may have to agree with, each with how alike the calls are."""
    for program in scene.programs:
        for position, other in enumerate(program.steps):
            here = program is scene.program
            if (here and position >= index) or other.shown in {None, step.shown} or other.verdict == "wrong":
                continue
            typed = step.shown and other.shown and is_literal(step.shown) and is_literal(other.shown)
            if typed and not same_type(step.shown or "", other.shown or ""):
                continue
            likeness = _likeness(step, other)
            if here and called(step) != called(other):
                likeness *= 0.3
            if likeness > 0:
                yield likeness + position / 10_000, other


def _call(step: Step) -> ast.Call | None:
    expression = step.printed[0] if step.printed else step.expression
    if expression is None and isinstance(step.tree, ast.Assign):
        expression = step.tree.value
    return expression if isinstance(expression, ast.Call) else None


def _likeness(step: Step, other: Step) -> float:
    """Compare two calls: 1 for the same arguments of another function, less for one other argument."""
    call, model = _call(step), _call(other)
    if call is None or model is None:
        return 0.0
    ours, theirs = ([ast.unparse(one) for one in (*each.args, *each.keywords)] for each in (call, model))
    if len(ours) != len(theirs) or not ours:
        return 0.0
    different = [(one, another) for one, another in zip(ours, theirs, strict=True) if one != another]
    if ast.dump(call.func) != ast.dump(model.func):
        return 0.0 if different else 1.0
    if len(different) != 1 or len(different[0][0]) > 2_000:
        return 0.0
    return difflib.SequenceMatcher(None, *different[0], autojunk=False).ratio()


def called(step: Step) -> str | None:
    """Return the function a line calls, as source."""
    call = _call(step)
    return ast.unparse(call.func) if call else None


def same_type(one: str, other: str) -> bool:
    """Tell whether two literals are of one type; numbers are, truth values are none."""
    types = {type(ast.literal_eval(text.strip())) for text in (one, other)}
    return len(types) == 1 or types <= {int, float, complex}
