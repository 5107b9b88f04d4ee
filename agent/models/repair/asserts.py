"""Assertions about an expression: by value where the text is a literal, by repr where it is not."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from agent.models.repair.names import resolves
from agent.models.repair.notes import is_literal

if TYPE_CHECKING:
    from agent.models.repair.programs import Step

_SINGLETONS = {"None", "True", "False"}


def assert_shows(step: Step, text: str, known: set[str]) -> list[str] | None:
    """Return statements that run a step and assert what it shows; None where it cannot be asserted.

    Args:
        step: the statement; an assignment asserts the value of the name it binds.
        text: shown text: a value's source, or what is printed.
        known: names an expected expression may read.
    """
    printed = step.printed
    if printed is not None:
        return _assert_printed(step.code, printed, text)
    tree = step.tree
    if isinstance(tree, ast.Assign) and isinstance(tree.targets[0], ast.Name):
        return [step.code, assert_equal(tree.targets[0].id, text, known)]
    if step.expression is None:
        return None
    if "\n" in step.code:
        return [f"result = {step.code}", assert_equal("result", text, known)]
    return [assert_equal(step.code, text, known)]


def assert_equal(expression: str, text: str, known: set[str], *, as_text: bool = False) -> str:
    """Return one assertion that an expression has a value."""
    text = text.strip()
    if text in _SINGLETONS:
        return f"assert {operand(expression)} is {text}"
    if is_literal(text) and not as_text:
        return f"assert {operand(expression)} == {_one_line(text)}"
    if as_text:
        return f"assert {operand(expression)} == {text!r}"
    if resolves(text, known) and any(isinstance(node, ast.Call) for node in ast.walk(ast.parse(text))):
        return f"assert {operand(expression)} == {_one_line(text)}"
    normal = re.sub(r"0x[0-9a-fA-F]+", "0x...", " ".join(text.split()))
    return f"assert shown({expression}) == {normal!r}"


def operand(expression: str) -> str:
    """Put what binds less than a comparison into parentheses."""
    tree = ast.parse(expression, mode="eval").body
    loose = isinstance(
        tree, ast.BoolOp | ast.Compare | ast.IfExp | ast.Lambda | ast.NamedExpr | ast.Await | ast.Yield
    )
    return (
        f"({expression})"
        if loose or (isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not))
        else expression
    )


def _one_line(text: str) -> str:
    return text if "\n" not in text else ast.unparse(ast.parse(text, mode="eval"))


def _assert_printed(code: str, arguments: list[ast.expr], text: str) -> list[str]:
    """Assert what print shows; a quoted text may also be the printed one without its quotes."""
    plain = _unquoted(text)
    if len(arguments) == 1 and not isinstance(arguments[0], ast.Starred) and "\n" not in text.strip():
        return [f"assert str({ast.unparse(arguments[0])}) == {plain!r}"]
    lines = [line.rstrip() for line in plain.strip("\n").split("\n")]
    return [
        "capsys.readouterr()",
        code,
        f"assert [line.rstrip() for line in capsys.readouterr().out.strip().splitlines()] == {lines!r}",
    ]


def _unquoted(text: str) -> str:
    if is_literal(text):
        value = ast.literal_eval(text.strip())
        if isinstance(value, str):
            return value
    return text.strip("\n") if "\n" in text else text.strip()
