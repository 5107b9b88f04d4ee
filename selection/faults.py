"""What is wrong with a patch for all to see: it breaks a file, or uses names that nothing defines."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Mapping
from functools import lru_cache

from agent.models.repair.names import undefined_names
from envs.patches import split
from selection.evidence import Evidence
from selection.hunks import new_text
from selection.normalise import is_python

_ANY_NAME = re.compile(r"\bimport\s*\*|\b(?:globals|execfile)\s*\(")
ELSEWHERE = frozenset(
    {
        *("_", "basestring", "buffer", "cmp", "execfile", "file", "get_ipython", "long", "raw_input"),
        *("reduce", "reload", "unichr", "unicode", "xrange", "WindowsError"),
    }
)
"""Names that are there in some Python, on some system, or once somebody has installed them."""
_NEWER = re.compile(
    r"^\s*type\s+\w|^\s*(?:async\s+)?(?:def|class)\s+\w+\s*\[|^\s*except\s[^(]*,|\b[rRbB]?[fFtT][rR]?['\"]"
)
"""Lines that only newer Pythons than the one that runs this may know."""
FACT = "faulty"
"""The fact's name: 1 where `faults` tells something of a candidate, else 0."""


def faulty(evidence: Evidence, texts: Mapping[str, str]) -> Mapping[str, Mapping[str, float]]:
    """Return the fact `faulty` of every candidate that changes something, by id.

    Args:
        evidence: whose candidates.
        texts: the base's files that they touch, by path.
    """
    return {
        one.id: {FACT: float(bool(faults(one.patch, texts)))}
        for one in evidence.candidates
        if one.patch.strip()
    }


def faults(patch: str, texts: Mapping[str, str]) -> tuple[str, ...]:
    """Return, in words, of each Python file that parses on the base what the patch spoils in it.

    Args:
        patch: a diff.
        texts: the base's files, by path; of names, only files that are there are looked at.
    """
    found = []
    for part in split(patch):
        before = texts.get(part.old_path or part.path, "")
        after = new_text(part.text, before) if part.path.endswith(".py") and not part.deleted else None
        if after is None or _broken(before):
            continue
        if fault := _broken(after):
            found.append(f"{part.path} cannot be parsed with the patch: {fault}")
        elif before and (names := _undefined(after) - _undefined(before)):
            told = ", ".join(sorted(names))
            found.append(f"{part.path} uses with the patch what nothing in it defines or imports: {told}")
    return tuple(found)


@lru_cache(maxsize=256)
def _broken(text: str) -> str:
    """Return why a text is no Python of any age, empty where it is."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except SyntaxError as error:
        if _NEWER.search(error.text or "") and is_python(text):
            return ""
        return f"{error.msg}, line {error.lineno}: {(error.text or '').strip()[:120]}"
    except (ValueError, RecursionError, MemoryError):
        return ""
    return ""


@lru_cache(maxsize=256)
def _undefined(text: str) -> frozenset[str]:
    """Return the names that a file reads and never binds; none where it may bind any name."""
    if _ANY_NAME.search(text):
        return frozenset()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            names = undefined_names(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset()
    return frozenset(name for name in names if name not in ELSEWHERE and not name.startswith("__"))
