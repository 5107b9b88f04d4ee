"""Tests of what the prose says beyond a program's lines: comparisons, attributes, round trips."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from agent.models.repair.asserts import assert_equal
from agent.models.repair.names import bound_names, loaded_names, resolves
from agent.models.repair.notes import is_literal
from agent.models.repair.scene import Draft

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.models.repair.expectations import Expectation
    from agent.models.repair.programs import Step
    from agent.models.repair.scene import Scene


def property_drafts(scene: Scene) -> Iterator[Draft]:
    """Write drafts that run a program quietly and then assert what the prose says."""
    run = [step.code for step in scene.program.steps if not _only_shows(step)]
    checks = [*_comparisons(scene), *_calls(scene), *_back(scene)]
    for subject, assign in _objects(scene):
        attributes = _attributes(scene, subject)
        whole = [*checks, *attributes]
        if attributes:
            yield Draft(scene.completed([*run, *assign, *whole]), 0.96, "the issue lists what should hold")
            yield Draft(scene.completed([*run, *assign, *attributes]), 0.88, "the issue lists attributes")
    if checks:
        yield Draft(scene.completed([*run, *checks]), 0.95, "the issue says what should hold")
        if len(checks) > 1:
            yield from (
                Draft(scene.completed([*run, check]), 0.8, "the issue says what should hold")
                for check in checks[:4]
            )
    for position, (check, weight) in enumerate(_inside(scene)):
        yield Draft(
            scene.completed(check),
            weight - position / 100,
            "the prose says what an expression of the program should be",
        )
    yield from _items(scene, run)
    trips = list(_round_trips(scene))
    if trips:
        yield Draft(scene.completed(trips), 0.9, "what is written should be read back")


def _only_shows(step: Step) -> bool:
    return (
        bool(step.raises)
        or (step.shown is not None and not step.binds)
        or step.printed is not None
        or (step.expression is not None and not isinstance(step.expression, ast.Call))
    )


def _comparisons(scene: Scene) -> list[str]:
    return [
        f"assert {one.text}" for one in scene.of_kind("assertion") if resolves(one.text, set(scene.known))
    ]


def _calls(scene: Scene) -> list[str]:
    """Return assertions for "`f(x)` should be `y`" where `f` is known."""
    found = []
    for one in scene.of_kind("value"):
        for subject in one.subject if one.weight > 0.5 else ():
            is_call = re.match(r"[\w.]+\(.*\)", subject) and resolves(subject, set(scene.known))
            if is_call and is_literal(one.text):
                found.append(assert_equal(subject, one.text, set(scene.known)))
    return list(dict.fromkeys(found))


def _back(scene: Scene) -> list[str]:
    """Return assertions for "`f(x)` gives back the original `y`"."""
    found = []
    for one in scene.of_kind("round_trip"):
        for subject in one.subject:
            if not re.match(r"[\w.]+\(.*\)", subject) or not resolves(subject, set(scene.known)):
                continue
            inside = loaded_names(ast.parse(subject, mode="eval"))
            variables = {
                name
                for step in scene.program.steps
                if isinstance(step.tree, ast.Assign)
                for name in bound_names(step.tree)
            }
            named = [
                name
                for name in sorted(variables)
                if name not in inside and re.search(rf"\b{name}\b", one.text)
            ]
            found += [f"assert {subject} == {name}" for name in named[:1]]
    return found


def _objects(scene: Scene) -> list[tuple[str, list[str]]]:
    """Return what the prose may be speaking about, the likeliest first, with a statement that binds it."""
    wished = {one.subject[0] for one in scene.of_kind("attribute") if one.subject} | {
        name for one in scene.of_kind("assertion") for name in _free(one.text, scene)
    }
    if not wished:
        return []
    nodes = [node for step in scene.program.steps for node in ast.walk(step.tree)]
    read = [node for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)]
    used = sorted({ast.unparse(node.value) for node in read if node.attr in wished})
    used = [base for base in used if resolves(base, set(scene.known))]
    found: list[tuple[str, list[str]]] = [(base, []) for base in used]
    last = scene.program.steps[-1]
    if last.expression is not None and last.printed is None and "\n" not in last.code:
        found.append(("result", [f"result = {last.code}"]))
    assigned = [
        step.tree.targets[0].id
        for step in scene.program.steps
        if isinstance(step.tree, ast.Assign) and isinstance(step.tree.targets[0], ast.Name)
    ]
    found += [(name, []) for name in reversed(assigned[-2:])]
    return list({subject: (subject, bind) for subject, bind in found}.values())[:3]


def _free(text: str, scene: Scene) -> list[str]:
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    return [name for name in loaded_names(tree) if not resolves(name, set(scene.known))]


def _attributes(scene: Scene, subject: str) -> list[str]:
    found = []
    for one in scene.of_kind("attribute"):
        expression = f"{subject}.{one.subject[0]}"
        if one.text in {"True", "False"}:
            found.append(f"assert {'not ' if one.text == 'False' else ''}{expression}")
        else:
            as_text = not is_literal(one.text) and not resolves(one.text, set(scene.known))
            found.append(assert_equal(expression, one.text, set(scene.known), as_text=as_text))
    for one in scene.of_kind("assertion"):
        free = _free(one.text, scene)
        if len(free) == 1 and re.match(rf"{free[0]}\b", one.text):
            found.append(f"assert {subject}.{one.text}")
    return list(dict.fromkeys(found))


def _inside(scene: Scene) -> Iterator[tuple[list[str], float]]:
    """Assert an expression where the program uses it, for "I expect `doc[i]` to be `x`"."""
    for one in scene.of_kind("value"):
        for subject in one.subject:
            if not is_literal(one.text) or not re.search(r"\W", subject):
                continue
            statements, placed = _placed(scene, subject, one)
            if placed:
                yield statements, 0.9 * one.weight


def _placed(scene: Scene, subject: str, one: Expectation) -> tuple[list[str], bool]:
    """Put an assertion before the statements that read an expression."""
    try:
        wished = ast.dump(ast.parse(subject, mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return [], False
    check = ast.parse(assert_equal(subject, one.text, set(scene.known))).body
    placed = False

    def visit(body: list[ast.stmt]) -> list[ast.stmt]:
        nonlocal placed
        done: list[ast.stmt] = []
        for statement in body:
            for field in ("body", "orelse", "finalbody"):
                if isinstance(getattr(statement, field, None), list):
                    setattr(statement, field, visit(getattr(statement, field)))
            for handler in getattr(statement, "handlers", []):
                handler.body = visit(handler.body)
            simple = not hasattr(statement, "body")
            if simple and any(
                ast.dump(node) == wished for node in ast.walk(statement) if isinstance(node, ast.expr)
            ):
                placed = True
                done += check
                if isinstance(statement, ast.Expr):
                    continue
            done.append(statement)
        return done

    trees = [step.tree for step in scene.program.steps]
    return [ast.unparse(statement) for statement in visit(trees)], placed


def _round_trips(scene: Scene) -> list[str]:
    """Assert that a reader gives what a writer was given: `write(*key, value)`, then `read(*key)`."""
    if not scene.of_kind("round_trip"):
        return []
    written: dict[tuple[str, ...], str] = {}
    statements, placed = [], False
    for step in scene.program.steps:
        expression = step.expression
        if isinstance(expression, ast.Call) and expression.args and not expression.keywords:
            arguments = [ast.unparse(one) for one in expression.args]
            value = written.get(tuple(arguments))
            if value is not None:
                statements.append(f"assert {step.code} == {value}")
                placed = True
                continue
            written[tuple(arguments[:-1])] = arguments[-1]
        statements.append(step.code)
    return statements if placed else []


def _items(scene: Scene, run: list[str]) -> Iterator[Draft]:
    """Write drafts for a result of several items whose names the prose lists in order."""
    last = scene.program.steps[-1]
    code, statements = "", run
    if last.expression is not None and last.printed is None:
        code, statements = last.code, [line for line in run if line != last.code]
    elif isinstance(last.tree, ast.Assign) and isinstance(last.tree.targets[0], ast.Name):
        code = last.tree.targets[0].id
    for one in scene.of_kind("items") if code else []:
        names = [
            name[1:-1] if is_literal(name) and name[0] in "'\"" else name for name in one.text.split("\n")
        ]
        checks = [f"assert {name!r} in str(items[{position}])" for position, name in enumerate(names)]
        listed = [f"items = list({code})", f"assert len(items) == {len(names)}", *checks]
        yield Draft(
            scene.completed([*statements, *listed]), one.weight, "the prose lists what should come out"
        )
