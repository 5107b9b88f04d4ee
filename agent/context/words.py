"""The words of code and prose, by which both are compared."""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W\d_]+|\d+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")

_STOP = frozenset(
    """
    a an and are as at be been but by can could def do does for from has have i if import in into is it
    its issue me my no none not of on or return returns self should so than that the their then there these
    this to true false was we were what when which while will with would you your
    """.split()  # noqa: SIM905 (a list of a hundred strings is no easier to read)
)


def words(text: str) -> list[str]:
    """Return the words of a text in lower case, identifiers split at case and underscores."""
    parts = (word.lower() for word in _WORD.findall(_CAMEL.sub(" ", text)))
    return [part for part in parts if len(part) > 1 and part not in _STOP]


def words_of_lines(text: str) -> list[list[str]]:
    """Return the words of each line of a text."""
    known: dict[str, str] = {}

    def word(raw: str) -> str:
        """Return a word as it counts, empty where it does not."""
        lower = raw.lower()
        known[raw] = lower if len(lower) > 1 and lower not in _STOP else ""
        return known[raw]

    return [
        [found for raw in _WORD.findall(line) if (found := known[raw] if raw in known else word(raw))]
        for line in _CAMEL.sub(" ", text).split("\n")
    ]


def compounds(text: str) -> list[str]:
    """Return the identifiers of several words, each as one: `is_subset` and `isSubset` as `issubset`.

    Together they say more than their words, which may stand anywhere.
    """
    known: dict[str, str] = {}

    def compound(raw: str) -> str:
        """Return an identifier as one word, empty where it has no more than one."""
        parts = _CAMEL.sub("_", raw).strip("_").lower().split("_")
        known[raw] = "".join(parts) if len(parts) > 1 else ""
        return known[raw]

    return [
        found for raw in _IDENTIFIER.findall(text) if (found := known[raw] if raw in known else compound(raw))
    ]
