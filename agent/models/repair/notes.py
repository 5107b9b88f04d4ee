"""Trailing comments of a program's lines: what a line gave, what it should give, or what somebody thinks of it."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Literal

from agent.models.repair.expectations import exception_name

Verdict = Literal["", "right", "wrong"]

_ARROW = re.compile(
    r"^(?:[-=~]*>+|=+|→|output:?|prints?:?|returns?:?|gives?:?|raises?:?|throws?:?|result:?|got:?|actual:?|this|now|\.{3})\s+",
    re.IGNORECASE,
)
_WANTED = re.compile(
    r"[,;:.(\s–-]*\b(?:but )?(?:I(?: would|'d)? )?"
    r"(?:expect(?:ed|s)?|should(?: have)?(?: been| be| return| give| print| equal)?|wanted?|must be|ought to be"
    r"|instead of|rather than|would be)\b[:=]?\s*(?:to be\b|is\b|a\b)?\s*",
    re.IGNORECASE,
)
_GOT = re.compile(r"[,;.(\s]*\b(?:but )?(?:got|gives?|is|was|returns?|actual(?:ly)?)\b[:=]?\s*", re.IGNORECASE)
_GOOD = re.compile(r"\b(?:fine|ok|okay|right|correct|works|good|as expected)\b", re.IGNORECASE)
_BAD = re.compile(
    r"\b(?:wrong|incorrect|bug|broken|fails?|crash(?:es)?|not (?:the|what|ok|right|correct|equal)|oops|lost|as well|bad)\b"
    r"|!!|\?\?",
    re.IGNORECASE,
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
    shown = leading_literal(_ARROW.sub("", head)) or (leading_literal(tail[got.end() :]) if got else None)
    wanted = leading_literal(tail[: got.start()] if got else tail)
    return Note(shown=shown, raises=head if exception_name(head) else "", wanted=wanted, verdict="wrong")


def _verdict(text: str) -> Verdict:
    if re.search(r"\bnot (?:ok|right|correct|fine|good)\b", text, re.IGNORECASE) or _BAD.search(text):
        return "wrong"
    return "right" if _GOOD.search(text) else ""


def leading_literal(text: str) -> str | None:
    """Return the longest part from the start of a text, ending before a word or a comma, that is a literal."""
    text = text.strip()
    ends = [len(text), *(match.start() for match in reversed(list(re.finditer(r"[\s,;.()]|$", text))))]
    for end in ends[:60]:
        part = text[:end].strip().rstrip(",;")
        if part and is_literal(part):
            return part
    return None


def is_literal(text: str) -> bool:
    """Tell whether a text is a Python literal."""
    try:
        ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return False
    return True
