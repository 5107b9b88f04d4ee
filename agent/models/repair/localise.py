"""Say which functions and lines of the repository are under suspicion, from the issue and a failing run."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from agent.models.repair.scope import Hints, Site

if TYPE_CHECKING:
    from agent.models.repair.issue import IssueClues
    from agent.models.repair.source import Function, Source
    from agent.models.repair.trace import Trace

_CONTEXT = re.compile(r"^(?P<path>.+):(?P<start>\d+)-(?P<end>\d+) (?P<kind>\w+) (?P<name>\S+)$")


@dataclass(frozen=True, slots=True)
class Suspect:
    """A site with the weight of the suspicion on it, and on each of its lines."""

    site: Site
    weight: float
    lines: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known about the bug."""

    clues: IssueClues
    trace: Trace
    context: tuple[str, ...] = ()
    issue: str = ""


def files_to_read(evidence: Evidence, most: int = 5) -> list[str]:
    """Return the files that suspicious functions lie in, the most suspicious first."""
    weights: dict[str, float] = {}
    for called in evidence.trace.functions:
        rank = _context_rank(evidence.context, called.path, called.name)
        weight = _mentions(evidence.clues, called.name) * _from_rank(rank) * _from_recency(called.recency)
        weight *= _of_tests(called.path)
        if any((path, name) == (called.path, called.name) for path, _, name in evidence.trace.frames):
            weight *= 2.5
        weights[called.path] = max(weights.get(called.path, 0.0), weight)
    least = 0.02 * max(weights.values(), default=0.0)
    return sorted((p for p in weights if weights[p] >= least), key=lambda path: (-weights[path], path))[:most]


def suspects(evidence: Evidence, sources: Sequence[Source], hints: Hints) -> list[Suspect]:
    """Return the executed functions, those defined in them, and the module's constants they read.

    Sorted by weight, the heaviest first.
    """
    found: list[Suspect] = []
    for source in sources:
        executed = evidence.trace.lines.get(source.path, frozenset())
        here: list[Suspect] = []
        for qualified, node in source.functions:
            weight = _weight(evidence, source, qualified, node)
            if weight > 0:
                site = Site(source, node, qualified, _reach(node, executed), hints)
                here.append(Suspect(site, weight, _line_weights(evidence, source, node)))
        found += here + _constants(source, here, hints)
    return sorted(found, key=lambda suspect: -suspect.weight)


def _reach(node: Function, executed: frozenset[int]) -> frozenset[int] | None:
    """Return the executed lines; the whole function counts where only its definition was reached."""
    first, last = node.body[0].lineno, node.end_lineno or 0
    return executed if any(first <= line <= last for line in executed) else None


def _weight(evidence: Evidence, source: Source, qualified: str, node: Function) -> float:
    name = qualified.rpartition(".")[2]
    trace = evidence.trace
    first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
    called = next((f for f in trace.functions if f.path == source.path and f.line == first), None)
    if called is None and not _defined_in_executed(trace, source, node):
        return 0.0
    weight = _mentions(evidence.clues, qualified) * _from_rank(
        _context_rank(evidence.context, source.path, qualified)
    )
    weight *= (_from_recency(called.recency) if called else 0.5) * _of_tests(source.path)
    weight *= _echoes(evidence, node) * _shared_words(evidence, source, node)
    if _word(name) and re.search(rf"(?<!\w){re.escape(name)}\(", trace.failure):
        weight *= 3.0
    frames = [frame for frame in trace.frames if frame[0] == source.path and frame[2] == name]
    if frames:
        weight *= 4.0 if frames[0] == trace.frames[0] or frames[-1] == trace.frames[-1] else 2.0
    return weight


def _defined_in_executed(trace: Trace, source: Source, node: Function) -> bool:
    """Whether a function's definition statement ran within another function."""
    inside = any(isinstance(above, ast.FunctionDef | ast.AsyncFunctionDef) for above in source.above(node))
    return inside and node.lineno in trace.lines.get(source.path, ())


def _mentions(clues: IssueClues, qualified: str) -> float:
    """Return how much an issue's naming a function, or its class, speaks against it."""
    name, weight = qualified.rpartition(".")[2], 1.0
    if not _word(name):
        return weight
    if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", clues.title):
        weight *= 4.0
    for rank, mentioned in enumerate(clues.names):
        if mentioned.rstrip("()").rpartition(".")[2] == name:
            weight *= 1.0 + 4.0 / (1.0 + rank / 3)
            break
    owner = qualified.rpartition(".")[0].rpartition(".")[2]
    if owner and any(owner in mentioned.split(".") for mentioned in clues.names):
        weight *= 1.5
    return weight


def _of_tests(path: str) -> float:
    """Return the weight of a file by its name: what serves tests is seldom at fault."""
    return 0.15 if re.search(r"(^|[/_])(testing|tests?|conftest|compat|_compat)([/_.]|$)", path) else 1.0


def _word(name: str) -> bool:
    return len(name) > 2 and name != "__init__"


def _context_rank(context: Sequence[str], path: str, qualified: str) -> int:
    name = qualified.rpartition(".")[2]
    for rank, line in enumerate(context):
        match = _CONTEXT.match(line.strip())
        if match and match["path"] == path and match["name"].rpartition(".")[2] == name:
            return rank
    return 50


def _echoes(evidence: Evidence, node: ast.AST) -> float:
    """Return how much speaks against a function whose strings the issue or the failure shows."""
    shown = f"{evidence.issue}\n{evidence.trace.failure}"
    heard = {
        part
        for inner in ast.walk(node)
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str)
        for part in re.split(r"%[a-z]|\{[^}]*\}|\n", inner.value[:200])
        if len(part.strip()) >= 4 and not part.strip().isidentifier() and part.strip() in shown
    }
    return 1.0 + min(5.0, sum(len(part) for part in heard) / 4)


@lru_cache(maxsize=16)
def _identifiers(source: Source) -> dict[ast.AST, frozenset[str]]:
    """Return the identifiers, in lower case, that each function of a file reads or takes."""
    return {
        node: frozenset(
            name.lower()
            for inner in ast.walk(node)
            for name in (
                getattr(inner, "id", None),
                getattr(inner, "attr", None),
                getattr(inner, "arg", None),
            )
            if isinstance(name, str)
        )
        for _, node in source.functions
    }


def _shared_words(evidence: Evidence, source: Source, node: Function) -> float:
    """Return how much speaks against a function that reads what the issue talks of, rare words most."""
    words = {word.lower() for word in re.findall(r"[A-Za-z_]\w{3,}", evidence.issue)}
    every = _identifiers(source)
    shared = words & every[node]
    rarity = [math.log(len(every) / sum(word in names for names in every.values())) for word in shared]
    return 1.0 + sum(sorted(rarity, reverse=True)[:6]) / 3


def _from_rank(rank: int) -> float:
    return 1.0 + 5.0 / (1.0 + rank / 4)


def _from_recency(recency: int) -> float:
    return 0.5 + 0.5 * math.exp(-recency / 15)


def _line_weights(evidence: Evidence, source: Source, node: Function) -> dict[int, float]:
    """Weigh lines by the exceptions that passed them and the names of the issue they hold."""
    weights: dict[int, float] = {}
    first, last = node.lineno, node.end_lineno or node.lineno
    names = {name.rpartition(".")[2].rstrip("()") for name in evidence.clues.names}
    names |= set(re.findall(r"'(\w+)'", evidence.trace.failure))
    for number, text in enumerate(source.text.split("\n")[first - 1 : last], first):
        shared = sum(word in names for word in set(re.findall(r"[A-Za-z_]\w{2,}", text)))
        weights[number] = 1.0 + min(shared, 3) * 0.5
    for path, line, _ in evidence.trace.frames:
        if path == source.path and first <= line <= last:
            for near in range(max(first, line - 4), line + 1):
                weights[near] *= 3.0 if near == line else 1.5
    return weights


def _constants(source: Source, functions: Sequence[Suspect], hints: Hints) -> list[Suspect]:
    """Return the module's and classes' assignments that suspicious functions read."""
    readers: dict[str, float] = {}
    for suspect in functions:
        for node in ast.walk(suspect.site.node):
            name = (
                node.id
                if isinstance(node, ast.Name)
                else node.attr
                if isinstance(node, ast.Attribute)
                else ""
            )
            if name and (not isinstance(node, ast.Name) or suspect.site.ran(node)):
                readers[name] = max(readers.get(name, 0.0), suspect.weight)
    found: list[Suspect] = []
    classes = [node for node in source.tree.body if isinstance(node, ast.ClassDef)]
    holders: list[ast.Module | ast.ClassDef] = [source.tree, *classes]
    for holder in holders:
        for statement in holder.body:
            if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
                targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
                names = [n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)]
                weight = max((readers.get(name, 0.0) for name in names), default=0.0)
                if weight:
                    found.append(Suspect(Site(source, statement, "", None, hints), 0.5 * weight))
    return found
