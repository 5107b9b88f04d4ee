"""The words by which issues say what should be, what is, and of what they speak."""

from __future__ import annotations

import re

MODAL = re.compile(
    r"\b(?:should|must|ought to|has to|have to|needs? to|is supposed to|are supposed to|shall)\b", re.I
)
EXPECT = re.compile(
    r"\b(?:expect(?:ed|ing)?|desired|want(?:ed|s)?|would have (?:been|thought|hoped)"
    r"|correct (?:\w+ )?(?:is|would be|being))\b",
    re.I,
)
BACK = re.compile(
    r"\b(?:which|that|this|and that) (?:is|was|seems|would be) (?:also )?(?:what|as|the|right|correct)\b",
    re.I,
)
NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5}
COUNT = re.compile(
    rf"\b({'|'.join(NUMBERS)}) (?:\w+ ){{0,2}}\w+(?:,|:| -| \u2013| named| called)? (?=\ue000)", re.I
)
COUNTED = re.compile(
    r"\s+(?!(?:instead|rather|but|and|or|for|when|if|as|not|in|is|here|too|also|because|since|with|on|at"
    r"|after|before|while|where|by|to)\b)[a-z]",
    re.I,
)
LIST_END = re.compile(r"(?<=\ue001),? (?!and\b|or\b|\ue000)|[.;]")
KEEP = re.compile(r"\b(?:keep|keeps|still|continue|stay|remain|of course)\b", re.I)
BREAK = re.compile(
    r"(?:,? (?:but|instead of|rather than|and not|not|whereas|while|although|yet)|, got|;) ", re.I
)
CLAUSE = re.compile(r"\(|[,;:] (?:and )?")
REPLACED = re.compile(r"\b(?:instead of|rather than|and not|but not)\b", re.I)
NEGATED = re.compile(r"^\W*(?:n't|not|never|no longer)\b", re.I)
ABOUT = re.compile(
    r"\b(?:for|with|when|if|in|from|on|of|as|without|after|given|to call|calling|where)"
    r"(?: (?:the|a|an|both|e\.g\.|all))*\s*$",
    re.I,
)
TO_BE = re.compile(
    r"^\W*(?:\w+ )?to (?:be|equal|return|give|yield|print|produce|show|have|contain"
    r"|come|mean|evaluate|become)\b",
    re.I,
)
IS = re.compile(r"^\W*(?:is|are|returns?|gives?|equals?|yields?|prints?)\W*$", re.I)
SAME = re.compile(
    r"\b(?:same|alike|just like|identical(?:ly)?|consistent(?:ly)?|agree|equivalent"
    r"|behave like|equal)\b",
    re.I,
)
LIKE = re.compile(
    r"\b(?:as|like)(?: (?:it|that|this))?(?: (?:is|does|do|was|works?|happens?))?"
    r"(?: (?:already|also))? (?:for|with|in|on|of)(?: (?:the|both|e\.g\.))*\s*$",
    re.I,
)
LIKE_CALL = re.compile(r"\b(?:like|as)(?: with)?(?: e\.g\.)?\s*$", re.I)
ALSO = re.compile(r"\s*(?:,|,? and|,? or|/)\s*$", re.I)
ROUND = re.compile(
    r"\b(?:round-?\s?trip(?:s|ped|ping)?|unchanged"
    r"|come back|comes back|read(?:ing)? (?:it )?back|back to the original|survive)\b",
    re.I,
)
IT = re.compile(r"\s*(?:I |we )?(?:would |'d )?(?:expect |want )?(?:it|this|that)\b", re.I)
CALL = re.compile(r"[\w.]+\(.+\)$", re.DOTALL)
EXIT = re.compile(
    r"\b(?:exit(?:s|ed)?|return|status)(?: (?:code|status|value|with|of|should|be|is))* ?$", re.I
)
QUIET = re.compile(
    r"\b(?:(?:should|must|does|do|did|would|could)(?: not|n't) (?:\w+ )?"
    r"(?:raise|crash|fail|throw|error|blow)|without (?:raising|crashing|an error))",
    re.I,
)
RAISE = re.compile(
    r"\b(?:rais(?:e|es|ed|ing)|throws?|throwing|reject(?:s|ed)?|catch(?:ing)?|end(?:s)? (?:with|in))\b", re.I
)
ACTUAL = re.compile(
    r"\b(?:got|gets?|gives?|returns?|is|was|prints?|shows?|produces?|yields?|outputs?"
    r"|actual(?:ly)?|becomes?|have|has|sees?|reports?)\b",
    re.I,
)
PLACE = re.compile(
    r"\b(char|character|index|position|pos|line|column|col|offset|byte|row|item|element|argument)\b", re.I
)
EXCEPTION = re.compile(
    r"^(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Warning|Interrupt|Exit|Timeout)$|^StopIteration$"
)


def exception_name(text: str) -> str:
    """Return the class name when a text is (or starts with) an exception, without its modules."""
    head = re.split(r"[:(\s]", text.strip(), maxsplit=1)[0]
    return head.rpartition(".")[2] if EXCEPTION.match(head) else ""
