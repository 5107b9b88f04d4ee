"""What the prose of an issue says should be: values, outputs, exceptions, exit codes, equalities."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from agent.models.repair.phrases import Phrase, read_phrases

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ExpectationKind = Literal[
    "value", "wrong", "assertion", "attribute", "raises", "message", "quiet", "exit", "same", "round_trip", "place"
]


@dataclass(frozen=True, slots=True)
class Expectation:
    """One thing the prose asks for.

    Attributes:
        kind: `value` and `wrong`: what is right and what is wrong; `assertion`: a comparison as written;
            `attribute`: an attribute (in `subject`) with a value; `raises` and `message`: the exception that
            is right, by its class or by a part of its text; `quiet`: nothing should be raised; `exit`: an
            exit code; `same`: two ways of saying it should agree; `round_trip`: what goes in should come
            back; `place`: a word and a number, such as `char 10`, that a message should have.
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


_MODAL = re.compile(r"\b(?:should|must|ought to|has to|have to|needs? to|is supposed to|are supposed to|shall)\b", re.I)
_EXPECT = re.compile(r"\b(?:expect(?:ed|ing)?|desired|want(?:ed|s)?|would have been|correct (?:\w+ )?(?:is|would be|being))\b", re.I)
_BACK = re.compile(r"\b(?:which|that|this|and that) (?:is|was|seems|would be) (?:also )?(?:what|as|the|right|correct)\b", re.I)
_KEEP = re.compile(r"\b(?:keep|keeps|still|continue|stay|remain|of course)\b", re.I)
_BREAK = re.compile(r"(?:,? (?:but|instead of|rather than|and not|not|whereas|while|although|yet)|, got|;) ", re.I)
_REPLACED = re.compile(r"\b(?:instead of|rather than|and not|but not)\b", re.I)
_NEGATED = re.compile(r"^\W*(?:n't|not|never|no longer)\b", re.I)
_ABOUT = re.compile(r"\b(?:for|with|when|if|in|from|on|of|as|without|after|given|to call|calling|where)(?: (?:the|a|an|both|e\.g\.|all))*\s*$", re.I)
_TO_BE = re.compile(r"^\W*(?:\w+ )?to (?:be|equal|return|give|yield|print|produce|show|have|contain|come|mean|evaluate|become)\b", re.I)
_SAME = re.compile(r"\b(?:same|alike|just like|identical(?:ly)?|consistent(?:ly)?|agree|equivalent|as for|behave like|equal)\b", re.I)
_ROUND = re.compile(r"\b(?:round-?\s?trip(?:s|ped|ping)?|unchanged|come back|comes back|read(?:ing)? (?:it )?back|back to the original|survive)\b", re.I)
_EXIT = re.compile(r"\b(?:exit(?:s|ed)?|return|status)(?: (?:code|status|value|with|of|should|be|is))* ?$", re.I)
_QUIET = re.compile(r"\b(?:(?:should|must|does|do|did|would|could)(?: not|n't) (?:\w+ )?(?:raise|crash|fail|throw|error|blow)|without (?:raising|crashing|an error))", re.I)
_RAISE = re.compile(r"\b(?:rais(?:e|es|ed|ing)|throws?|throwing|reject(?:s|ed)?|catch(?:ing)?|end(?:s)? (?:with|in))\b", re.I)
_ACTUAL = re.compile(r"\b(?:got|gets?|gives?|returns?|is|was|prints?|shows?|produces?|yields?|outputs?|actual(?:ly)?|becomes?|have|has|sees?|reports?)\b", re.I)
_PLACE = re.compile(r"\b(char|character|index|position|pos|line|column|col|offset|byte|row|item|element|argument)\b", re.I)
_EXCEPTION = re.compile(r"^(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Warning|Interrupt|Exit|Timeout)$|^StopIteration$")


def exception_name(text: str) -> str:
    """Return the class name when a text is (or starts with) an exception, without its modules."""
    head = re.split(r"[:(\s]", text.strip(), maxsplit=1)[0]
    return head.rpartition(".")[2] if _EXCEPTION.match(head) else ""


def read_expectations(paragraphs: Iterable[tuple[str, int, bool]]) -> tuple[Expectation, ...]:
    """Read the paragraphs (text, line, whether it is a list item under an expectation) of an issue."""
    found: dict[tuple[str, str, tuple[str, ...]], Expectation] = {}
    for text, line, listed in paragraphs:
        for phrase in read_phrases(text):
            for one in (*_attributes(phrase, line, listed), *_read(phrase, line, listed)):
                found.setdefault((one.kind, one.text, one.subject), one)
    return tuple(found.values())


def _read(phrase: Phrase, line: int, listed: bool) -> Iterator[Expectation]:
    text = phrase.text
    trigger = _trigger(phrase) or (re.match("", text) if listed else None)
    keep = bool(_KEEP.search(text))
    if _QUIET.search(text):
        yield Expectation("quiet", "", (), line)
    if trigger and _SAME.search(text) or re.search(r"\b(?:different|differ|inconsistent)\b", text):
        yield Expectation("same", "", phrase.codes(), line)
    if _ROUND.search(text):
        yield Expectation("round_trip", text, phrase.codes(), line)
    yield from _places(phrase, line)
    if not trigger:
        yield from _described(phrase, line)
        return
    before, after = phrase.split(trigger.start(), trigger.end())
    if _BACK.search(text) and before.values and not after.values:
        value = before.values[-1]
        yield from _value(value.text, value.quoted, before.following(value), before.codes()[:-1], line, 0.9, keep)
        return
    if _NEGATED.match(after.text):
        yield from (Expectation("wrong", value.text, before.codes(), line, 0.8) for value in after.values[:1])
        return
    right, *wrong = after.cut(_BREAK)
    for clause in wrong:
        yield from (Expectation("wrong", value.text, (), line, 0.8) for value in clause.values[:1])
    yield from _wanted(right, before, line, keep, bool(_EXPECT.match(trigger.group())))


def _trigger(phrase: Phrase) -> re.Match[str] | None:
    """Find the word that says the sentence is about what should be."""
    found = [match for match in (_MODAL.search(phrase.text), _EXPECT.search(phrase.text)) if match]
    return min(found, key=lambda match: match.start()) if found else None


def _wanted(right: Phrase, before: Phrase, line: int, keep: bool, plain: bool) -> Iterator[Expectation]:
    """Read the clause after "should" or "expect": its values, and what they are values of."""
    subjects = list(before.codes())
    exits = [value for value in right.values if value.number and _EXIT.search(right.preceding(value))]
    if not exits and _EXIT.search(before.text):
        exits = [value for value in right.values if value.number][:1]
    yield from (Expectation("exit", value.text, (), line) for value in exits)
    weight = 1.0 if plain else 0.95
    position = 0
    for value in right.values:
        if value in exits:
            continue
        if _TO_BE.match(right.following(value)) or (position and _ABOUT.search(right.preceding(value))):
            subjects.append(value.text)
            continue
        if position == 0 and _ABOUT.search(right.preceding(value)) and len(right.values) > 1 and not before.values:
            subjects.append(value.text)
            continue
        about = (*subjects, *(other.text for other in right.values if other is not value and _ABOUT.search(right.preceding(other))))
        yield from _value(value.text, value.quoted, right.following(value), about, line, weight - 0.1 * position, keep, right.preceding(value))
        position += 1


def _value(
    text: str, quoted: bool, following: str, about: tuple[str, ...], line: int, weight: float, keep: bool, preceding: str = ""
) -> Iterator[Expectation]:
    name = exception_name(text)
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
    first, *rest = phrase.cut(_REPLACED)
    values = first.values
    if rest and rest[0].values:
        right = rest[0].values[0]
        yield from _value(right.text, right.quoted, rest[0].following(right), (), line, 0.85, keep=False)
        yield from (Expectation("wrong", value.text, (), line, 0.85) for value in values[-1:])
        return
    for value in values:
        if _ACTUAL.search(first.preceding(value)[-30:]):
            yield Expectation("wrong", value.text, first.codes(), line, 0.4)
    if _RAISE.search(first.text) and re.search(r"\b(?:rely|relies|documented|documentation|catch)", first.text):
        yield from (
            Expectation("raises", name, (), line, 0.7) for value in values if (name := exception_name(value.text))
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
    equal = re.search(r"\b(?:equal to|equals?|set to|being)\s*$", phrase.preceding(phrase.values[-1])) if phrase.values else None
    if equal and len(phrase.values) > 1:
        right = phrase.values[-1].text
        names = [value.text for value in phrase.values[:-1] if value.text.isidentifier()]
        yield from (Expectation("attribute", right, (name,), line) for name in names)


def _places(phrase: Phrase, line: int) -> Iterator[Expectation]:
    for value in phrase.values:
        word = _PLACE.search(phrase.preceding(value)[-12:]) if value.number else None
        if word:
            yield Expectation("place", f"{word.group(1).lower()} {value.text}", phrase.codes(), line, 0.8)


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
    return isinstance(tree.body, ast.Compare) and any(isinstance(op, ast.Eq | ast.Is | ast.In | ast.NotIn | ast.IsNot) for op in tree.body.ops)
