"""Comments beside lines: what a line gave, what it should give, what somebody thinks of it."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Literal

from agent.models.repair.wording import exception_name

Verdict = Literal["", "right", "wrong"]

_ARROW = re.compile(
    r"^(?:[-=~]*>+|=+|→|output:?|prints?:?|returns?:?|gives?:?"
    r"|raises?:?|throws?:?|result:?|got:?|actual:?|this|now|\.{3})\s+",
    re.IGNORECASE,
)
_WANTED = re.compile(
    r"[,;:.(\s\u2013-]*\b(?:but )?(?:I(?: would|'d)? )?"
    r"(?:expect(?:ed|s)?|should(?: have)?(?: been| be| return| give| print| equal)?"
    r"|wanted?|must be|ought to be"
    r"|instead of|rather than|would be)\b[:=]?\s*(?:(?:it|this|that)\b\s*)?"
    r"(?:to (?:be|stay|remain|equal|return|give)\b(?: at\b)?|is\b|a\b)?\s*",
    re.IGNORECASE,
)
_GOT = re.compile(
    r"[,;.(\s]*\b(?:but )?(?:got|gives?|is|was|returns?|actual(?:ly)?)\b[:=]?\s*", re.IGNORECASE
)
_GOOD = re.compile(r"\b(?:fine|ok|okay|right|correct|works|good|as expected)\b", re.IGNORECASE)
_BAD = re.compile(
    r"\b(?:wrong|incorrect|bug|broken|fails?|crash(?:es)?|not (?:the|what|ok|right|correct|equal)|oops|lost"
    r"|as well|bad)\b"
    r"|!!|\?\?",
    re.IGNORECASE,
)
_FOLLOWS = re.compile(
    r"\s*$|\s*[,;:.(!?\u2013-]|\s+(?:as|too|also|but|instead|and|here|which|because|for"
    r"|is|was|on|in|when|wrong|fine|ok|not)\b",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Note:
    """What a comment says of its line; texts are source of literals as far as they are literals."""

    shown: str | None = None
    raises: str = ""
    wanted: str | None = None
    verdict: Verdict = ""


def read_note(comment: str) -> Note:
    """Read a comment (without its `#`); what is not understood gives an empty note."""
    text = _ARROW.sub("", comment.strip().lstrip("#").strip()[:2_000])
    verdict = _verdict(text)
    if exception_name(text):
        return Note(raises=text, verdict="wrong" if verdict != "right" else verdict)
    match = _WANTED.search(text)
    if match is None:
        return Note(shown=leading_literal(text), verdict=verdict)
    head, tail = text[: match.start()], text[match.end() :]
    got = _GOT.search(tail)
    shown = literal_or_text(_ARROW.sub("", head)) or (literal_or_text(tail[got.end() :]) if got else None)
    wanted = literal_or_text(tail[: got.start()] if got else tail)
    return Note(shown=shown, raises=head if exception_name(head) else "", wanted=wanted, verdict="wrong")


def _verdict(text: str) -> Verdict:
    if re.search(r"\bnot (?:ok|right|correct|fine|good)\b", text, re.IGNORECASE) or _BAD.search(text):
        return "wrong"
    return "right" if _GOOD.search(text) else ""


def leading_literal(text: str) -> str | None:
    """Return the longest start of a text, ending before a word or a comma, that is a literal."""
    text = text.strip()
    ends = [len(text), *(match.start() for match in reversed(list(re.finditer(r"[\s,;.()]|$", text))))]
    for end in ends[:60]:
        part = text[:end].strip().rstrip(",;")
        if part and is_literal(part):
            return part if _FOLLOWS.match(text[end:]) else None
    return None


def literal_or_text(text: str) -> str | None:
    """Return a leading literal, or a short text that is no sentence as the literal of a string."""
    literal = leading_literal(text)
    text = text.strip().strip("`")
    if literal is not None or not text:
        return literal
    plain = len(text) <= 60 and (len(text.split()) <= 2 or any(character.isdigit() for character in text))
    return repr(text) if plain else None


def is_literal(text: str) -> bool:
    """Tell whether a text is a Python literal."""
    try:
        ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return False
    return True
