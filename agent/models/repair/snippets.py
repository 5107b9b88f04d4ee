"""Code blocks of an issue, told apart by their content."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.models.repair.markdown import Block

Kind = Literal["doctest", "script", "console", "traceback", "output", "data"]
Role = Literal["", "right", "wrong"]

_SHELL_LANGUAGES = {"console", "shell-session", "shellsession", "sh-session", "terminal"}
_SHELL = {"bash", "sh", "shell", "zsh", *_SHELL_LANGUAGES}
_PYTHON = {"python", "py", "python3", "py3", "pycon", "ipython", "pytb", "python-console"}
_PROMPT = re.compile(r"^\s*>>> ?", re.MULTILINE)
_IPYTHON_IN = re.compile(r"^In \[\d+\]: ", re.MULTILINE)
_DOLLAR = re.compile(r"^\s*[$%] \S", re.MULTILINE)
_TRACE = re.compile(r'^Traceback \(most recent call last\)|^\s*File "[^"]+", line \d+', re.MULTILINE)
_FILE_LEAD = re.compile(
    r"`?((?:[\w.-]+/)*[\w-]*\.[A-Za-z]\w{0,9})`?(?: (?:contains|is|has|with|like)[^.]*)?:?\s*$"
)

RIGHT_LEAD = re.compile(
    r"\b(expect(?:ed|s|ing)?|should|must|ought|want(?:ed)?|desired|correct(?:ly)?|would be|supposed"
    r"|works?|fine)\b",
    re.IGNORECASE,
)
WRONG_LEAD = re.compile(
    r"\b(actual(?:ly)?|got|gets?|gives?|currently|wrong(?:ly)?|incorrect(?:ly)?|prints?|outputs?|results? in"
    r"|instead,? (?:I|we|it)|fails?|shows?|produces?|returns?|raises?|broken|observed|but)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Snippet:
    """A code block.

    Attributes:
        kind: what it is: a session, a program, a shell session, a traceback, printed output, or data.
        text: its content.
        line: first line in the issue, from 0.
        role: what the text before it says it shows: right or wrong behaviour, or nothing.
        path: name of the file whose content it is, where the text before it names one.
    """

    kind: Kind
    text: str
    line: int
    role: Role = ""
    path: str = ""


def read_snippets(blocks: Sequence[Block]) -> tuple[Snippet, ...]:
    """Return the snippets of an issue, in order, each with the role its lead-in gives it."""
    found: list[Snippet] = []
    lead, ran = "", False
    for block in blocks:
        if block.kind != "code":
            lead = "" if block is blocks[0] else block.text
            continue
        text = _unprompt(block.text)
        kind = classify(text, block.info)
        path = _path(lead) if kind in {"output", "data", "script"} else ""
        role = _role(lead)
        if path and kind == "script" and not path.endswith(".py") and "py" not in block.info:
            kind = "data"
        if kind in {"output", "data"}:
            kind = "data" if path and not ran else "output" if ran else kind
            role = role or ("wrong" if kind == "output" and ran else "")
        elif role == "right" and not ran:
            role = ""  # what comes first shows the problem, whatever its lead-in hopes for
        found.append(Snippet(kind, text, block.line, role, path))
        ran = ran or kind in {"doctest", "script", "console"}
        lead = ""
    return tuple(found)


def classify(text: str, info: str) -> Kind:
    """Say what a code block is, by its content first and by the language on its fence second."""
    language = info.split()[0].strip("{}.") if info else ""
    if _PROMPT.search(text):
        return "doctest"
    if _TRACE.search(text):
        return "traceback"
    if _DOLLAR.search(text) and language not in _PYTHON:
        return "console"
    if language in _SHELL - _SHELL_LANGUAGES:
        return "console"
    if (language in _PYTHON or not language) and is_program(text):
        return "script"
    return "output" if not language or language in {"text", "txt", "plain", "output"} else "data"


def is_program(text: str) -> bool:
    """Tell whether a text is Python that does something (assigns, imports, calls, defines)."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return any(
        isinstance(node, ast.Call | ast.Import | ast.ImportFrom | ast.Assign | ast.Assert)
        for node in ast.walk(tree)
    )


def _unprompt(text: str) -> str:
    """Turn an IPython session into the form of a plain one."""
    if not _IPYTHON_IN.search(text):
        return text
    text = re.sub(r"^In \[\d+\]: ", ">>> ", text, flags=re.MULTILINE)
    text = re.sub(r"^\s+\.\.\.:", "...", text, flags=re.MULTILINE)
    return re.sub(r"^Out\[\d+\]: ?\n?", "", text, flags=re.MULTILINE)


def _role(lead: str) -> Role:
    """Read what the last sentence before a block says about it; the later word decides."""
    sentence = re.split(r"(?<=[.!?])\s+|, (?:but|however|yet) ", lead.strip())[-1] if lead.strip() else ""
    right = [match.start() for match in RIGHT_LEAD.finditer(sentence)]
    wrong = [match.start() for match in WRONG_LEAD.finditer(sentence)]
    if right and re.search(
        r"(?:\bnot|n't|\bno longer) (?:\w+ )?(?:expect|work|correct|fine|right)", sentence
    ):
        return "wrong"
    if right:
        return "right"
    return "wrong" if wrong else ""


def _path(lead: str) -> str:
    match = _FILE_LEAD.search(lead.strip())
    return match.group(1).lstrip("/") if match and ".." not in match.group(1) else ""
