"""Which line of a program is wrong, and what it should do instead: the candidates, each with a weight."""

from __future__ import annotations

import ast
import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.models.repair.asserts import assert_equal, assert_shows
from agent.models.repair.expectations import exception_name
from agent.models.repair.notes import is_literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.models.repair.expectations import Expectation
    from agent.models.repair.programs import Step
    from agent.models.repair.scene import Scene


@dataclass(frozen=True, slots=True)
class Target:
    """What is asserted of the step at `index`; `exact` when the right behaviour is known, not only the wrong."""

    index: int
    statements: tuple[str, ...]
    weight: float
    why: str
    exact: bool = True


def find_targets(scene: Scene) -> list[Target]:
    """Return candidates for all steps of a program, the weightiest first."""
    found: list[Target] = []
    for index, step in enumerate(scene.program.steps):
        if step.verdict == "right" or (scene.program.role == "right" and step.wanted is None and scene.program.session):
            continue
        found += _wanted(scene, index, step)
        if step.raises:
            found += _raising(scene, index, step)
        elif step.shown is not None or step.verdict == "wrong":
            found += _valued(scene, index, step)
            found += _agreeing(scene, index, step)
            found += _different(index, step)
        if step.raises:
            found += _agreeing(scene, index, step)
    return sorted(found, key=lambda target: -target.weight)


def _wanted(scene: Scene, index: int, step: Step) -> Iterator[Target]:
    statements = assert_shows(step, step.wanted, set(scene.known)) if step.wanted is not None else None
    if statements:
        yield Target(index, tuple(statements), 0.97, "a comment beside the line says what it should give")


def _raising(scene: Scene, index: int, step: Step) -> Iterator[Target]:
    """What a step that raised should do: raise something else, say something else, or nothing."""
    name, _, message = step.raises.partition(":")
    name, message = exception_name(name) or name.strip(), message.strip()
    messages = [one.text for one in scene.of_kind("message")]
    for one in scene.of_kind("raises"):
        if one.text != name:
            checks = [f'assert "{one.text}" in [cls.__name__ for cls in type(caught.value).__mro__]']
            if messages:
                yield Target(
                    index,
                    (*_caught(step.code), *checks, f"assert {messages[0]!r} in str(caught.value)"),
                    0.95 * one.weight,
                    "the issue names the error that should be raised, and its message",
                )
            yield Target(
                index, (*_caught(step.code), *checks), 0.9 * one.weight, "the issue names the error that should be raised"
            )
    for one in scene.of_kind("place"):
        word, _, number = one.text.partition(" ")
        shown = re.search(rf"\b{word} (\d+)", message)
        if shown and shown.group(1) != number:
            check = f"assert re.search(r'\\b{word} {number}\\b', str(caught.value))"
            yield Target(
                index, ("import re", *_caught(step.code), check), 0.9, f"the issue says the message should have {one.text}"
            )
    quiet = 0.9 if scene.of_kind("quiet") else 0.5
    yield Target(index, (step.code,), quiet, "the line should not raise")
    if message and len(message) > 8:
        text = re.split(r"0x[0-9a-fA-F]+|\.\.\.", message)[0].strip()
        checks = f"assert {text!r} not in str(caught.value)"
        yield Target(index, (*_caught(step.code), checks), 0.25, "the message shown is wrong", exact=False)


def _caught(code: str) -> list[str]:
    body = "\n".join(f"    {line}" for line in code.split("\n"))
    return ["import pytest", f"with pytest.raises(Exception) as caught:\n{body}"]


def _valued(scene: Scene, index: int, step: Step) -> Iterator[Target]:
    """Match the values that the prose expects to a step."""
    for one in scene.of_kind("value"):
        fit = _fit(one, step)
        key = _key(one, step)
        if key is not None and step.expression is not None:
            check = assert_equal(f"({step.code})[{key!r}]" if "\n" in step.code else f"{step.code}[{key!r}]", one.text, set(scene.known))
            yield Target(index, (check,), 0.93 * one.weight, f"the prose says what {key} should be")
        elif fit > 0:
            as_text = not is_literal(one.text) and _is_text(step.shown)
            text = repr(one.text) if as_text else one.text
            statements = assert_shows(step, text, set(scene.known))
            if statements and text.strip() != (step.shown or "").strip():
                yield Target(index, tuple(statements), 0.9 * one.weight * fit, "the prose says what should come out")


def _fit(one: Expectation, step: Step) -> float:
    """Tell how well a value of the prose suits a step, from 0 to 1."""
    text, shown = one.text.strip(), (step.shown or "").strip()
    if text in step.code and not is_literal(text):
        return 0.0
    literal = is_literal(text)
    if not literal and not (_is_text(shown) or (shown and not is_literal(shown))):
        return 0.0
    likeness = difflib.SequenceMatcher(None, text.strip("'\""), shown[:500].strip("'\""), autojunk=False).ratio()
    kind = literal and shown and is_literal(shown) and type(ast.literal_eval(text)) is type(ast.literal_eval(shown))
    if not literal and likeness < 0.5:
        return 0.0
    fit = 0.55 + 0.2 * bool(kind) + 0.15 * likeness
    if any(_mentions(step.code, subject) for subject in one.subject):
        fit += 0.25
    return min(fit, 1.0)


def _mentions(code: str, subject: str) -> bool:
    subject = subject.strip()
    return len(subject) > 1 and (subject in code or subject.strip("'\"`") in code) and not subject.isidentifier() or (
        subject.isidentifier() and re.search(rf"\b{subject}\b", code) is not None
    )


def _key(one: Expectation, step: Step) -> str | None:
    """Return the subject, where it is a key of the mapping that the step shows."""
    for subject in one.subject:
        bare = subject.strip("'\"`")
        if step.shown and step.shown.lstrip().startswith(("{", "OrderedDict", "dict", "defaultdict")):
            if re.search(rf"(['\"]){re.escape(bare)}\1\s*[:,]", step.shown):
                return bare
    return None


def _is_text(shown: str | None) -> bool:
    return bool(shown) and is_literal(shown or "") and isinstance(ast.literal_eval((shown or "").strip()), str)


def _agreeing(scene: Scene, index: int, step: Step) -> Iterator[Target]:
    """Where two ways of saying it should agree, a similar call that shows something else says what is right."""
    said = bool(scene.of_kind("same"))
    call = _call(step)
    if call is None or not (said or step.raises):
        return
    for program in scene.programs:
        for position, other in enumerate(program.steps):
            model = _call(other)
            if other is step or other.shown is None or model is None or other.shown == step.shown or other.verdict == "wrong":
                continue
            if program is scene.program and position > index:
                continue
            likeness = _likeness(call, model)
            statements = assert_shows(step, other.shown, set(scene.known)) if likeness > 0 else None
            if statements:
                weight = (0.75 if said else 0.5) + 0.2 * likeness
                yield Target(index, tuple(statements), weight, "it should agree with a similar call of the issue")


def _call(step: Step) -> ast.Call | None:
    expression = step.printed[0] if step.printed else step.expression
    if expression is None and isinstance(step.tree, ast.Assign):
        expression = step.tree.value
    return expression if isinstance(expression, ast.Call) else None


def _likeness(call: ast.Call, model: ast.Call) -> float:
    """Compare two calls: 1 for the same arguments of another function, less for one argument said otherwise."""
    same_function = ast.dump(call.func) == ast.dump(model.func)
    ours, theirs = ([ast.dump(one) for one in (*each.args, *each.keywords)] for each in (call, model))
    if len(ours) != len(theirs) or not ours:
        return 0.0
    different = [(one, other) for one, other in zip(ours, theirs, strict=True) if one != other]
    if not same_function:
        return 1.0 if not different else 0.0
    if len(different) != 1:
        return 0.0
    return difflib.SequenceMatcher(None, *different[0], autojunk=False).ratio() if len(different[0][0]) < 2_000 else 0.0


def _different(index: int, step: Step) -> Iterator[Target]:
    """The weakest: not what is shown."""
    if step.shown is None or step.expression is None or not is_literal(step.shown) or "\n" in step.code:
        return
    code = f"str({ast.unparse(step.printed[0])})" if step.printed and len(step.printed) == 1 else step.code
    shown = step.shown.strip()
    if step.printed is not None and len(step.printed) != 1:
        return
    if step.printed and not isinstance(ast.literal_eval(shown), str):
        shown = repr(shown)
    singleton = shown in {"None", "True", "False"}
    weight = 0.3 if step.verdict == "wrong" else 0.2
    check = f"assert {code} {'is not' if singleton else '!='} {shown}"
    yield Target(index, (check,), weight + index / 1_000, "the value shown is wrong", exact=False)


def called(step: Step) -> str | None:
    """Return the function a line calls, as source."""
    call = _call(step)
    return ast.unparse(call.func) if call else None
