"""Which line of a program is wrong, and what it should do instead: the candidates, each with a weight."""

from __future__ import annotations

import ast
import difflib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agent.models.repair.asserts import assert_equal, assert_shows, operand
from agent.models.repair.calls import called, same_type, similar_calls
from agent.models.repair.notes import is_literal
from agent.models.repair.programs import Step
from agent.models.repair.wording import exception_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.models.repair.expectations import Expectation
    from agent.models.repair.scene import Scene


@dataclass(frozen=True, slots=True)
class Target:
    """What is asserted of the step at `index`; `exact` when the right behaviour is known."""

    index: int
    statements: tuple[str, ...]
    weight: float
    why: str
    exact: bool = True


def find_targets(scene: Scene) -> list[Target]:
    """Return candidates for all steps of a program, the weightiest first."""
    found: list[Target] = []
    steps = [_supposed(scene, index, step) for index, step in enumerate(scene.program.steps)]
    guilty = {
        index
        for index, step in enumerate(steps)
        if step.verdict != "right" and (step.raises or step.verdict == "wrong" or step.wanted)
    }
    accused = {index for index, step in enumerate(steps) if _titled(scene, step)}
    models = {index for index, step in enumerate(steps) if index not in accused and _is_alike(scene, step)}
    for index, step in enumerate(steps):
        if (
            index in models
            or step.verdict == "right"
            or (scene.program.role == "right" and step.wanted is None and scene.program.session)
        ):
            continue
        found += _wanted(scene, index, step)
        if step.raises:
            found += _raising(scene, index, step)
        elif scene.of_kind("raises") and _may_raise(scene, index, step):
            found += _silent(scene, index, step)
        elif step.shown is not None or step.verdict == "wrong":
            found += _valued(scene, index, step)
            found += _agreeing(scene, index, step)
            found += _different(index, step)
        if step.raises:
            found += _valued(scene, index, step)
            found += _agreeing(scene, index, step)
    found = [
        one if one.index in guilty or not guilty else replace(one, weight=one.weight * 0.6) for one in found
    ]
    found = [
        one if one.index in accused or not accused else replace(one, weight=one.weight * 0.75)
        for one in found
    ]
    found = [replace(one, weight=min(one.weight + _suspicion(scene, one.index), 1.0)) for one in found]
    return sorted(found, key=lambda target: -target.weight)


def _suspicion(scene: Scene, index: int) -> float:
    """Weigh a line a little more the later it stands: people show what works first."""
    return 0.004 * (index + 1) / len(scene.program.steps)


def _titled(scene: Scene, step: Step) -> bool:
    """Tell whether the title speaks of a step: it has its call, or the very value or error it showed."""
    title = " ".join(scene.title.replace('"', "'").split())
    call = " ".join(step.code.replace('"', "'").split())
    if "(" in call and call in title:
        return True
    shown = (step.shown or "").strip()
    words = shown.strip("'\"") if is_literal(shown) else ""
    return len(words) > 1 and re.search(rf"(?<![\w.]){re.escape(words)}(?![\w])", title) is not None


def _is_alike(scene: Scene, step: Step) -> bool:
    """Tell whether the prose names a step as one that others should be like."""
    return any(
        re.search(rf"(?<![\w.]){re.escape(one.text)}(?![\w.])", step.code) for one in scene.of_kind("alike")
    )


def _supposed(scene: Scene, index: int, step: Step) -> Step:
    """Let a last line that shows nothing show the wrong value of the prose, if there is any."""
    name = exception_name(step.raises)
    if (
        name
        and not scene.of_kind("place", "message")
        and any(one.text == name for one in scene.of_kind("raises"))
    ):
        return replace(step, verdict="right")
    silent = step.shown is None and not step.raises and not step.verdict and step.wanted is None
    values = scene.of_kind("value", "wrong")
    shows = step.expression is not None or isinstance(step.tree, ast.Assign)
    if not silent or scene.wrong or not shows or index != len(scene.program.steps) - 1:
        return step
    if not any(one.kind == "value" for one in values):
        return step
    wrong = [one.text for one in values if one.kind == "wrong" and is_literal(one.text)]
    return replace(step, shown=wrong[0] if wrong else None, verdict="wrong")


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
            named = [f'assert "{one.text}" in [cls.__name__ for cls in type(caught.value).__mro__]']
            if messages:
                yield Target(
                    index,
                    (*_caught(step.code), *named, f"assert {messages[0]!r} in str(caught.value)"),
                    0.95 * one.weight,
                    "the issue names the error that should be raised, and its message",
                )
            yield Target(
                index,
                (*_caught(step.code), *named),
                0.9 * one.weight,
                "the issue names the error that should be raised",
            )
    for one in scene.of_kind("place"):
        word, _, number = one.text.partition(" ")
        shown = re.search(rf"\b{word} (\d+)", message)
        if shown and shown.group(1) != number:
            check = f"assert re.search(r'\\b{word} {number}\\b', str(caught.value))"
            yield Target(
                index,
                ("import re", *_caught(step.code), check),
                0.9,
                f"the issue says the message should have {one.text}",
            )
    loud = scene.of_kind("place", "message", "raises")
    quiet = 0.9 if scene.of_kind("quiet") else 0.3 if loud else 0.5
    yield Target(index, (step.code,), quiet, "the line should not raise")
    if message and len(message) > 8 and loud:
        text = re.split(r"0x[0-9a-fA-F]+|\.\.\.", message)[0].strip()
        check = f"assert {text!r} not in str(caught.value)"
        yield Target(index, (*_caught(step.code), check), 0.25, "the message shown is wrong", exact=False)


def _may_raise(scene: Scene, index: int, step: Step) -> bool:
    """Tell whether a line may be the one that should raise: a call, the last, or one the prose speaks of."""
    if step.expression is None and not isinstance(step.tree, ast.Assign):
        return False
    subjects = [subject for one in scene.of_kind("raises") for subject in one.subject]
    return index == len(scene.program.steps) - 1 or any(
        subject in step.code and "(" in subject for subject in subjects
    )


def _silent(scene: Scene, index: int, step: Step) -> Iterator[Target]:
    """What a step that gave a value should raise instead."""
    for one in scene.of_kind("raises"):
        check = f'assert "{one.text}" in [cls.__name__ for cls in type(caught.value).__mro__]'
        yield Target(index, (*_caught(step.code), check), 0.9 * one.weight, "the issue says it should raise")


def _caught(code: str) -> list[str]:
    body = "\n".join(f"    {line}" for line in code.split("\n"))
    return ["import pytest", f"with pytest.raises(Exception) as caught:\n{body}"]


def _valued(scene: Scene, index: int, step: Step) -> Iterator[Target]:
    """Match the values that the prose expects to a step."""
    tree = step.expression
    if isinstance(tree, ast.Compare) and isinstance(tree.left, ast.Call) and step.shown in {"True", "False"}:
        step = Step(ast.unparse(tree.left), verdict=step.verdict)
    for one in scene.of_kind("value"):
        fit = _fit(one, step) if _concerns(scene, one, step) else 0.0
        key = _key(one, step)
        if key is not None and step.expression is not None:
            check = assert_equal(
                f"({step.code})[{key!r}]" if "\n" in step.code else f"{step.code}[{key!r}]",
                one.text,
                set(scene.known),
            )
            yield Target(index, (check,), 0.93 * one.weight, f"the prose says what {key} should be")
        elif fit > 0:
            only = sum(is_literal(other.text) for other in scene.of_kind("value")) == 1
            fit = min(fit + 0.15, 1.0) if step.raises and only else fit
            as_text = not is_literal(one.text) and (step.shown is None or _is_text(step.shown))
            text = repr(one.text) if as_text else one.text
            statements = assert_shows(step, text, set(scene.known))
            if statements and text.strip() != (step.shown or "").strip():
                yield Target(
                    index, tuple(statements), 0.9 * one.weight * fit, "the prose says what should come out"
                )


def _concerns(scene: Scene, one: Expectation, step: Step) -> bool:
    """Tell whether an expectation may be about a step: one about a call of another step is not."""
    calls = [subject for subject in one.subject if "(" in subject]
    spoken = [subject for subject in calls if any(subject in other.code for other in scene.program.steps)]
    return not spoken or any(subject in step.code for subject in spoken)


def _fit(one: Expectation, step: Step) -> float:
    """Tell how well a value of the prose suits a step, from 0 to 1."""
    text, shown = one.text.strip(), (step.shown or "").strip()
    if text in step.code and not is_literal(text):
        return 0.0
    literal = is_literal(text)
    if not literal and shown and not (_is_text(shown) or (shown and not is_literal(shown))):
        return 0.0
    likeness = difflib.SequenceMatcher(
        None, text.strip("'\""), shown[:500].strip("'\""), autojunk=False
    ).ratio()
    kind = bool(literal and shown and is_literal(shown)) and same_type(text, shown)
    if literal and shown and is_literal(shown) and not kind and "None" not in {text, shown}:
        return 0.0
    if not literal and shown and likeness < 0.5:
        return 0.0
    fit = 0.55 + 0.2 * kind + 0.15 * likeness
    if any(_mentions(step.code, subject) for subject in one.subject):
        fit += 0.25
    return min(fit, 1.0)


def _mentions(code: str, subject: str) -> bool:
    subject = subject.strip()
    return (
        len(subject) > 1 and (subject in code or subject.strip("'\"`") in code) and not subject.isidentifier()
    ) or (subject.isidentifier() and re.search(rf"\b{subject}\b", code) is not None)


def _key(one: Expectation, step: Step) -> str | None:
    """Return the subject, where it is a key of the mapping that the step shows."""
    for subject in one.subject:
        bare = subject.strip("'\"`")
        mapping = re.match(r"\s*(?:\{|OrderedDict|dict|defaultdict)", step.shown or "")
        if mapping and re.search(rf"(['\"]){re.escape(bare)}\1\s*[:,]", step.shown or ""):
            return bare
    return None


def _is_text(shown: str | None) -> bool:
    return (
        bool(shown) and is_literal(shown or "") and isinstance(ast.literal_eval((shown or "").strip()), str)
    )


def _agreeing(scene: Scene, index: int, step: Step) -> Iterator[Target]:
    """Where two ways of saying it should agree, a similar call tells what is right."""
    said = bool(scene.of_kind("same"))
    likeness, model = max(similar_calls(scene, index, step), key=lambda pair: pair[0], default=(0.0, None))
    spelled = called(step) != called(model) if model is not None else False
    if model is None or model.shown is None or not (said or (step.raises and spelled)):
        return
    statements = assert_shows(step, model.shown, set(scene.known))
    if statements:
        weight = (0.75 if said else 0.5) + 0.2 * likeness - 0.3 * _is_model(scene, index)
        yield Target(index, tuple(statements), weight, "it should agree with a similar call of the issue")


def _is_model(scene: Scene, index: int) -> bool:
    """Tell whether a later line has to agree with this one: then this one is likely right."""
    steps = scene.program.steps
    for later in range(index + 1, len(steps)):
        alike = max(similar_calls(scene, later, steps[later]), key=lambda pair: pair[0], default=None)
        if alike is not None and alike[1] is steps[index]:
            return True
    return False


def _different(index: int, step: Step) -> Iterator[Target]:
    """The weakest: not what is shown."""
    if step.shown is None or step.expression is None or not is_literal(step.shown) or "\n" in step.code:
        return
    if step.printed is not None and len(step.printed) != 1:
        return
    tree = step.printed[0] if step.printed else step.expression
    if isinstance(tree, ast.Compare) and isinstance(tree.ops[0], ast.Eq | ast.In) and step.verdict != "wrong":
        if step.shown.strip() == "False":
            yield Target(index, (f"assert {ast.unparse(tree)}",), 0.6, "the comparison should hold")
        return
    code = f"str({ast.unparse(step.printed[0])})" if step.printed and len(step.printed) == 1 else step.code
    shown = step.shown.strip()
    if step.printed and not isinstance(ast.literal_eval(shown), str):
        shown = repr(shown)
    singleton = shown in {"None", "True", "False"}
    weight = 0.3 if step.verdict == "wrong" else 0.2
    check = f"assert {operand(code)} {'is not' if singleton else '!='} {shown}"
    yield Target(index, (check,), weight + index / 1_000, "the value shown is wrong", exact=False)
