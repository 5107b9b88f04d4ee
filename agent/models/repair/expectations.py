"""What the prose of an issue says should be: values, outputs, exceptions, exit codes, equalities."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from agent.models.repair.phrases import Phrase, Value, read_phrases
from agent.models.repair.wording import (
    ABOUT,
    ACTUAL,
    ALSO,
    BACK,
    BREAK,
    CALL,
    CLAUSE,
    COUNT,
    COUNTED,
    EXIT,
    EXPECT,
    IS,
    IT,
    KEEP,
    LIKE,
    LIKE_CALL,
    LIST_END,
    MODAL,
    NEGATED,
    NUMBERS,
    PLACE,
    QUIET,
    RAISE,
    REPLACED,
    ROUND,
    SAME,
    TO_BE,
    exception_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ExpectationKind = Literal[
    "value",
    "wrong",
    "assertion",
    "attribute",
    "raises",
    "message",
    "quiet",
    "exit",
    "same",
    "round_trip",
    "place",
    "items",
    "alike",
]


@dataclass(frozen=True, slots=True)
class Expectation:
    """One thing the prose asks for.

    Attributes:
        kind: `value` and `wrong`: what is right and what is wrong; `assertion`: a comparison as written;
            `attribute`: an attribute (in `subject`) with a value; `raises` and `message`: the exception that
            is right, by its class or by a part of its text; `quiet`: nothing should be raised; `exit`: an
            exit code; `same`: two ways of saying it should agree; `round_trip`: what goes in should come
            back; `place`: a word and a number, such as `char 10`, that a message should have; `alike`: an
            argument or expression that is right already and stands as a model ("as for 11").
        text: source of a literal or expression, name, or text.
        subject: what the sentence speaks about: expressions, arguments, names.
        line: of the paragraph in the issue.
        weight: how plainly it is said, in (0, 1].
        keep: it is said of what works already and should stay.
    """

    kind: ExpectationKind
    text: str
    subject: tuple[str, ...] = ()
    line: int = 0
    weight: float = 1.0
    keep: bool = False


def read_expectations(paragraphs: Iterable[tuple[str, int, bool]]) -> tuple[Expectation, ...]:
    """Read the paragraphs (text, line, whether it is a list item under an expectation) of an issue."""
    found: dict[tuple[str, str, tuple[str, ...]], Expectation] = {}
    for text, line, listed in paragraphs:
        spoken = ""
        for phrase in read_phrases(text):
            for one in (*_attributes(phrase, line, listed), *_read(phrase, line, listed)):
                if spoken and one.kind in {"value", "raises"} and not one.subject and IT.match(phrase.text):
                    one = replace(one, subject=(spoken,))
                found.setdefault((one.kind, one.text, one.subject), one)
            spoken = next((code for code in reversed(phrase.codes()) if CALL.match(code)), spoken)
    return tuple(found.values())


def _read(phrase: Phrase, line: int, listed: bool) -> Iterator[Expectation]:
    models = _models(phrase)
    yield from (Expectation("alike", value.text, (), line) for value in models)
    phrase = phrase.without(models)
    text = phrase.text
    trigger = _trigger(phrase) or (re.match("", text) if listed else None)
    keep = bool(KEEP.search(text))
    if QUIET.search(text):
        yield Expectation("quiet", "", (), line)
    if (trigger and SAME.search(text)) or re.search(r"\b(?:different|differ|inconsistent)\b", text):
        yield Expectation("same", "", phrase.codes(), line)
    if ROUND.search(text):
        yield Expectation("round_trip", text, phrase.codes(), line)
    yield from _places(phrase, line)
    yield from _items(phrase, line)
    if not trigger:
        yield from _described(phrase, line)
        return
    before, after = phrase.split(trigger.start(), trigger.end())
    if models and not after.values:
        yield Expectation("same", "", phrase.codes(), line)
    if BACK.search(text) and before.values and not after.values:
        value = before.values[-1]
        yield from _value(
            value.text, value.quoted, before.following(value), before.codes()[:-1], line, 0.9, keep
        )
        return
    if NEGATED.match(after.text):
        yield from (Expectation("wrong", value.text, before.codes(), line, 0.8) for value in after.values[:1])
        return
    again = MODAL.search(after.text) if after.values else None
    if again:
        nested, result = after.split(again.start(), again.end())
        after, *clauses = nested.cut(CLAUSE)
        for clause in clauses[:-1]:
            after = Phrase(f"{after.text}, {clause.text}", after.everything)
        if clauses:
            yield from _wanted(result.cut(BREAK)[0], clauses[-1], line, keep, plain=False)
    for value in before.values:
        if ACTUAL.search(before.preceding(value)[-30:]):
            yield Expectation("wrong", value.text, (), line, 0.6)
    right, *wrong = after.cut(BREAK)
    for clause in wrong:
        yield from (Expectation("wrong", value.text, (), line, 0.8) for value in clause.values[:1])
    yield from _wanted(right, before, line, keep, bool(EXPECT.match(trigger.group())))


def _models(phrase: Phrase) -> list[Value]:
    """Return the values that the sentence likens another to: "as for `a` and `b`"."""
    models: list[Value] = []
    for value in phrase.values:
        words = phrase.preceding(value)
        follows = models and models[-1].position == value.position - 1 and ALSO.match(words)
        likened = value.position and CALL.match(value.text) and LIKE_CALL.search(words)
        of_model = models and models[-1].position == value.position - 1 and IS.match(words)
        if LIKE.search(words) or follows or likened or of_model:
            models.append(value)
    return models


def _trigger(phrase: Phrase) -> re.Match[str] | None:
    """Find the word that says the sentence is about what should be."""
    found = [match for match in (MODAL.search(phrase.text), EXPECT.search(phrase.text)) if match]
    return min(found, key=lambda match: match.start()) if found else None


def _wanted(right: Phrase, before: Phrase, line: int, keep: bool, plain: bool) -> Iterator[Expectation]:
    """Read the clause after "should" or "expect": its values, and what they are values of."""
    subjects = list(before.codes())
    exits = [value for value in right.values if value.number and EXIT.search(right.preceding(value))]
    if not exits and EXIT.search(before.text):
        exits = [value for value in right.values if value.number][:1]
    yield from (Expectation("exit", value.text, (), line) for value in exits)
    weight = 1.0 if plain else 0.95
    position = 0
    for value in right.values:
        if value in exits:
            continue
        following = right.following(value)
        linked = IS.match(following) and value is not right.values[-1]
        if linked or TO_BE.match(following) or (position and ABOUT.search(right.preceding(value))):
            subjects.append(value.text)
            continue
        if (
            position == 0
            and ABOUT.search(right.preceding(value))
            and len(right.values) > 1
            and not before.values
        ):
            subjects.append(value.text)
            continue
        about = (
            *subjects,
            *(
                other.text
                for other in right.values
                if other is not value and ABOUT.search(right.preceding(other))
            ),
        )
        yield from _value(
            value.text,
            value.quoted,
            right.following(value),
            about,
            line,
            weight - 0.1 * position,
            keep,
        )
        position += 1


def _value(
    text: str,
    quoted: bool,
    following: str,
    about: tuple[str, ...],
    line: int,
    weight: float,
    keep: bool,
) -> Iterator[Expectation]:
    name = exception_name(text)
    if re.fullmatch(r"-?[\d.]+", text) and COUNTED.match(following):
        weight *= 0.5
    about = tuple(dict.fromkeys(subject for subject in about if subject != text))
    if name:
        yield Expectation("raises", name, about, line, weight, keep)
    elif re.match(r"\s*(?:error|exception|message)\b", following) and (quoted or " " in text):
        yield Expectation("message", _unquote(text).rstrip(". "), about, line, weight, keep)
    elif is_comparison(text):
        yield Expectation("assertion", text, about, line, max(weight, 0.1), keep)
    else:
        yield Expectation("value", text, about, line, max(weight, 0.1), keep)


def _described(phrase: Phrase, line: int) -> Iterator[Expectation]:
    """Read a sentence without "should": what happens, and "A instead of B" (then B is right)."""
    first, *rest = phrase.cut(REPLACED)
    values = first.values
    if rest and rest[0].values:
        right = rest[0].values[0]
        about = tuple(value.text for value in values[:-1] if value.code)
        yield from _value(right.text, right.quoted, rest[0].following(right), about, line, 0.85, keep=False)
        yield from (Expectation("wrong", value.text, (), line, 0.85) for value in values[-1:])
        return
    for value in values:
        if ACTUAL.search(first.preceding(value)[-30:]):
            yield Expectation("wrong", value.text, first.codes(), line, 0.4)
    if RAISE.search(first.text) and re.search(
        r"\b(?:rely|relies|documented|documentation|catch)", first.text
    ):
        yield from (
            Expectation("raises", name, (), line, 0.7)
            for value in values
            if (name := exception_name(value.text))
        )


def _attributes(phrase: Phrase, line: int, listed: bool) -> Iterator[Expectation]:
    """Read "has `x` set", "both `a` and `b` equal to `c`", "`x` is `c`" of a list of what should be."""
    if not listed and not _trigger(phrase):
        return
    for value in phrase.values:
        if not value.text.isidentifier() or value.quoted or value.number:
            continue
        following = phrase.following(value)
        if re.match(r"\s+(?:is )?(?:set|true|enabled)\b", following, re.I):
            yield Expectation("attribute", "True", (value.text,), line)
        elif re.match(r"\s+(?:is )?(?:unset|false|not set|disabled)\b", following, re.I):
            yield Expectation("attribute", "False", (value.text,), line)
    equal = (
        re.search(r"\b(?:equal to|equals?|set to|being)\s*$", phrase.preceding(phrase.values[-1]))
        if phrase.values
        else None
    )
    if equal and len(phrase.values) > 1:
        right = phrase.values[-1].text
        names = [value.text for value in phrase.values[:-1] if value.text.isidentifier()]
        yield from (Expectation("attribute", right, (name,), line) for name in names)


def _places(phrase: Phrase, line: int) -> Iterator[Expectation]:
    for value in phrase.values:
        word = PLACE.search(phrase.preceding(value)[-12:]) if value.number else None
        if word:
            yield Expectation("place", f"{word.group(1).lower()} {value.text}", phrase.codes(), line, 0.8)


def _items(phrase: Phrase, line: int) -> Iterator[Expectation]:
    """Read "two files, `a` and `b`": a count, followed by as many names."""
    for match in COUNT.finditer(phrase.text):
        words, named = phrase.split(match.start(), match.end())
        names = [value.text for value in named.cut(LIST_END)[0].values]
        if len(names) == NUMBERS[match.group(1).lower()] and _trigger(words):
            yield Expectation("items", "\n".join(names), (), line, 0.8)


def _unquote(text: str) -> str:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return text
    return value if isinstance(value, str) else text


def is_comparison(text: str) -> bool:
    """Tell whether a text is a Python comparison that says something (not just two names)."""
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return isinstance(tree.body, ast.Compare) and any(
        isinstance(op, ast.Eq | ast.Is | ast.In | ast.NotIn | ast.IsNot) for op in tree.body.ops
    )
