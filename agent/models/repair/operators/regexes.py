"""Regular expressions: quantifiers, anchors, classes, lookarounds, the order of neighbours, flags."""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.models.repair.edits import Edit
    from agent.models.repair.scope import Site

_METHODS = {"compile", "match", "search", "fullmatch", "sub", "subn", "findall", "finditer", "split"}
_ATOM = re.compile(
    r"""\\x[0-9a-fA-F]{2} | \\. | \[\^?\]?(?:\\.|[^\]\\])*\] | \(\?(?:P<\w+>|[:=!]|<[=!]|\#|[aiLmsux-]+[:)])?
      | \( | \) | \| | . """,
    re.VERBOSE | re.DOTALL,
)
_QUANTIFIER = re.compile(r"[*+?]\??|\{\d*,?\d*\}\??")


@dataclass(frozen=True)
class Atom:
    """A part of a pattern: its text with its quantifier, and where it stands."""

    start: int
    end: int
    text: str
    quantifier: str
    group: str = ""
    """How a group opens; empty for what is no group."""


def patterns(site: Site) -> Iterator[Edit]:
    """Mutate every string that is used as a regular expression."""
    for node in site.expressions:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and is_pattern(site, node):
            literal = site.text(node)
            seen = {node.value}
            for changed, prior in mutations(node.value):
                if changed not in seen and valid(changed):
                    seen.add(changed)
                    yield from site.edit(
                        [(node, written_like(literal, changed))], "regular expression", prior
                    )


def flags(site: Site) -> Iterator[Edit]:
    """Add a flag to a pattern where it is compiled or used."""
    for node in site.expressions:
        if not (isinstance(node, ast.Call) and node.args and is_pattern(site, node.args[0])):
            continue
        last = site.source.span(node.args[-1])
        named = {keyword.arg for keyword in node.keywords}
        for flag in ("re.DOTALL", "re.MULTILINE", "re.IGNORECASE", "re.ASCII", "re.UNICODE"):
            if len(node.args) == 2 and last and flag not in site.text(node):
                yield from site.edit([((last[1], last[1]), f" | {flag}")], "flag", 0.12)
            elif last and "flags" not in named and flag not in site.text(node):
                yield from site.edit([((last[1], last[1]), f", flags={flag}")], "flag", 0.12)


def is_pattern(site: Site, node: ast.expr) -> bool:
    """Whether a string goes into a function of `re`, or one that makes patterns by its name."""
    call = site.source.parents.get(node)
    while isinstance(call, ast.BinOp):
        call = site.source.parents.get(call)
    if not isinstance(call, ast.Call):
        return False
    match call.func:
        case ast.Attribute(value=ast.Name(id="re" | "regex"), attr=name):
            return name in _METHODS and node is call.args[0]
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return any(part in name.lower() for part in ("regex", "pattern", "_re", "re_"))
        case _:
            return False


def mutations(pattern: str) -> Iterator[tuple[str, float]]:
    """Yield changed patterns, each with its weight; they need not be valid."""
    atoms = list(read_atoms(pattern))
    for atom in atoms:
        yield from _requantified(pattern, atom)
        if atom.text.startswith("["):
            yield from _other_class(pattern, atom)
        if atom.group.startswith(("(?=", "(?!", "(?<")):
            yield _put(pattern, atom, ""), 0.2
            flipped = {"(?=": "(?!", "(?!": "(?=", "(?<=": "(?<!", "(?<!": "(?<="}.get(atom.group)
            if flipped:
                yield _put(pattern, atom, flipped + atom.text[len(atom.group) :]), 0.15
        elif atom.group == "(":
            yield _put(pattern, atom, "(?:" + atom.text[1:] + atom.quantifier), 0.1
        if atom.text in ("\\d", "\\w", "\\s", "\\S", "\\W", "\\D", "."):
            for other in ("\\d", "\\w", "\\s", "\\S", ".", "[^\\s]", "[\\s\\S]", "[0-9]"):
                if other != atom.text:
                    yield _put(pattern, atom, other + atom.quantifier), 0.1
        if atom.text in ("^", "$", "\\b", "\\Z", "\\A"):
            for other in ("", "^", "$", "\\b", "\\Z", "\\A"):
                yield _put(pattern, atom, other), 0.15
        elif not atom.group:
            yield _put(pattern, atom, ""), 0.08
    yield from _neighbours_swapped(pattern, atoms)
    for ends in ("^{}", "{}$", "{}\\Z", "\\b{}", "{}\\b", "(?:{})$", "^(?:{})$"):
        yield ends.format(pattern), 0.12
    yield from _branches(pattern)


def _requantified(pattern: str, atom: Atom) -> Iterator[tuple[str, float]]:
    for other in ("", "*", "+", "?"):
        if other != atom.quantifier and atom.text not in ("^", "$", "\\b", "\\Z", "\\A"):
            yield _put(pattern, atom, atom.text + other), 0.25
    if atom.quantifier:
        lazy = (
            atom.quantifier[:-1]
            if len(atom.quantifier) > 1 and atom.quantifier[-1] == "?"
            else atom.quantifier + "?"
        )
        yield _put(pattern, atom, atom.text + lazy), 0.25


def _other_class(pattern: str, atom: Atom) -> Iterator[tuple[str, float]]:
    inner = atom.text[1:-1]
    turned = f"[{inner[1:]}]" if inner.startswith("^") else f"[^{inner}]"
    yield _put(pattern, atom, turned + atom.quantifier), 0.15
    for extra in (
        "_",
        "-",
        ".",
        "\\s",
        "\\\\",
        "A-Z",
        "0-9",
        "\\n",
        "\\r",
        "'",
        '"',
        "+",
        " ",
        "/",
        ":",
        "@",
    ):
        if extra not in inner:
            yield _put(pattern, atom, f"[{inner}{extra}]{atom.quantifier}"), 0.15
    members = re.findall(r"\\.|.-(?:\\.|[^\]])|.", inner.removeprefix("^"), re.DOTALL)
    for place in range(len(members)):
        kept = "".join(members[:place] + members[place + 1 :])
        if kept:
            yield _put(pattern, atom, f"[{'^' * inner.startswith('^')}{kept}]{atom.quantifier}"), 0.15


def _neighbours_swapped(pattern: str, atoms: list[Atom]) -> Iterator[tuple[str, float]]:
    for one in atoms:
        for other in atoms:
            if one.end == other.start:
                text = pattern[: one.start] + pattern[other.start : other.end] + pattern[one.start : one.end]
                yield text + pattern[other.end :], 0.3 if "(?" in (one.text + other.text) else 0.1


def _branches(pattern: str) -> Iterator[tuple[str, float]]:
    """Drop or reverse the alternatives of the whole pattern."""
    depth, cuts, place = 0, [], 0
    for match in _ATOM.finditer(pattern):
        text, place = match[0], match.start()
        depth += text.startswith("(") - (text == ")")
        if text == "|" and depth == 0:
            cuts.append(place)
    if not cuts:
        return
    bounds = [-1, *cuts, len(pattern)]
    parts = [pattern[a + 1 : b] for a, b in pairwise(bounds)]
    yield "|".join(reversed(parts)), 0.2
    for drop in range(len(parts)):
        yield "|".join(parts[:drop] + parts[drop + 1 :]), 0.15


def read_atoms(pattern: str) -> Iterator[Atom]:
    """Yield the atoms of a pattern, groups whole and their contents too."""
    opened: list[tuple[int, str]] = []
    place = 0
    while place < len(pattern):
        match = _ATOM.match(pattern, place)
        if match is None:
            return
        text, start, place = match[0], place, match.end()
        if text.startswith("(") and not text.endswith(")"):
            opened.append((start, text))
            continue
        group = ""
        if text == ")":
            if not opened:
                return
            start, group = opened.pop()
        elif text == "|":
            continue
        quantifier = _QUANTIFIER.match(pattern, place)
        end = quantifier.end() if quantifier else place
        yield Atom(start, end, pattern[start:place], quantifier[0] if quantifier else "", group)
        place = end


def _put(pattern: str, atom: Atom, text: str) -> str:
    return pattern[: atom.start] + text + pattern[atom.end :]


def valid(pattern: str) -> bool:
    """Whether a pattern compiles without complaint."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            re.compile(pattern)
        except (re.error, OverflowError, FutureWarning, DeprecationWarning, RecursionError):
            try:
                re.compile(pattern, re.VERBOSE)
            except (re.error, OverflowError, FutureWarning, DeprecationWarning, RecursionError):
                return False
    return True


def written_like(literal: str, value: str) -> str:
    """Return a literal of a value with the prefix and the quotes of another literal where they serve."""
    head = re.match(r"[rRbBuU]*(\"\"\"|'''|\"|')", literal)
    if head and head[0][: -len(head[1])].lower() == "r":
        for candidate in (f"{head[0]}{value}{head[1]}", f'r"{value}"', f"r'{value}'", f'r"""{value}"""'):
            try:
                if ast.literal_eval(candidate) == value:
                    return candidate
            except (SyntaxError, ValueError):
                continue
    return repr(value)


OPERATORS = (patterns, flags)
