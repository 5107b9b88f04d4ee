"""Where to look first: the repository's definitions and test files, ranked by what the issue says."""

from __future__ import annotations

import asyncio
import posixpath
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.sources import fetch_python
from agent.symbols import Symbol, cut
from agent.view_tool import split_lines
from envs.task import PublicTask
from sandbox.base import Sandbox

DEFINITIONS = 40
TESTS = 10
NAMED = 3
"""How often a name counts that the issue uses as code, against a word of its prose."""
FRAME = 8
"""How often the names of a traceback's frame count."""
PATH = 2
"""How often the words of a definition's name and path count, beside those of its body."""

_WORD = re.compile(r"[^\W\d_]+|\d+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]+`", re.DOTALL)
_CODELIKE = re.compile(r"\b(?:\w+\.\w[\w.]*|\w+_\w+|[a-z]+[A-Z]\w*|[A-Z][a-z0-9]+[A-Z]\w*|\w+(?=\(\)))")
_FRAME = re.compile(r'File "([^"]+)", line (\d+)(?:, in (\S+))?')
_TEST_FILE = re.compile(r"(^|/)(test_[^/]*|[^/]*_test|tests|conftest)\.py$|(^|/)tests?/")

_STOP = frozenset(
    """
    a an and are as at be been but by can could def do does for from has have i if import in into is it
    its issue me my no none not of on or return returns self should so than that the their then there these
    this to true false was we were what when which while will with would you your
    """.split()  # noqa: SIM905 (a list of a hundred strings is no easier to read)
)


@dataclass(frozen=True, slots=True)
class Context:
    """Lines `path:start-end kind qualified.name` best first, and the paths of existing tests, best first."""

    lines: tuple[str, ...]
    tests: tuple[str, ...]

    def render(self) -> str:
        """Return what stands inside `<context>`: the definitions, then, apart, the test files."""
        text = "\n".join(self.lines) or "(no Python definitions found)"
        if self.tests:
            text += "\n\nExisting test files:\n" + "\n".join(self.tests)
        return text


async def gather(task: PublicTask, sandbox: Sandbox) -> Context:
    """Rank the repository's functions, methods, classes and test files by BM25 against the issue.

    Names split at case and underscores are the words; names the issue uses as code count more than prose,
    and the frames of its tracebacks most.
    """
    sources = await fetch_python(sandbox)
    return await asyncio.to_thread(rank, task.problem_statement, sources)


def rank(issue: str, sources: Mapping[str, str]) -> Context:
    """Rank what the files define, tests apart, against an issue."""
    query = query_words(issue)
    files = {path: split_lines(text) for path, text in sources.items() if not is_test(path)}
    symbols = [symbol for path in files for symbol in cut(sources[path], path)]
    boost = _mentions(issue)
    scores = _bm25([_words_of(symbol, files[symbol.path]) for symbol in symbols], query)
    ranked = sorted(
        zip(symbols, scores, strict=True),
        key=lambda pair: (-(pair[1] + boost.of(pair[0]) * _unit(scores)), pair[0].path, pair[0].start),
    )
    tests = [path for path in sources if is_test(path) and not path.endswith(("conftest.py", "__init__.py"))]
    test_scores = _bm25([words(path) * PATH + words(sources[path]) for path in tests], query)
    order = sorted(zip(tests, test_scores, strict=True), key=lambda pair: (-pair[1], pair[0]))
    return Context(
        lines=tuple(str(symbol) for symbol, _ in ranked[:DEFINITIONS]),
        tests=tuple(path for path, _ in order[:TESTS]),
    )


def is_test(path: str) -> bool:
    """Whether a file belongs to the tests, by its path."""
    return _TEST_FILE.search(path) is not None


def words(text: str) -> list[str]:
    """Return the words of a text in lower case, identifiers split at case and underscores."""
    parts = (part for word in _WORD.findall(_CAMEL.sub(" ", text)) for part in (word.lower(),))
    return [part for part in parts if len(part) > 1 and part not in _STOP]


def query_words(issue: str) -> list[str]:
    """Return the issue's words, each as often as it counts."""
    code = " ".join([*_CODE.findall(issue), *_CODELIKE.findall(_CODE.sub(" ", issue))])
    frames = " ".join(f"{posixpath.basename(path)} {name}" for path, _, name in _FRAME.findall(issue))
    counted = Counter(words(issue)) + Counter(words(code) * NAMED) + Counter(words(frames) * FRAME)
    # a word repeated in a long listing says no more than one repeated a few times
    return [word for word, times in sorted(counted.items()) for _ in range(min(times, 12))]


@dataclass(frozen=True, slots=True)
class _Mentions:
    """Definitions the issue names outright."""

    names: frozenset[str]
    dotted: frozenset[str]
    frames: tuple[tuple[str, int], ...]

    def of(self, symbol: Symbol) -> float:
        """Return how many times the best lexical score a definition gets on top, from 0 to 2."""
        for path, line in self.frames:
            if symbol.start <= line <= symbol.end and f"/{path}".endswith(f"/{symbol.path}"):
                return 2.0 if symbol.kind != "class" else 1.0
        if symbol.qualified in self.dotted or any(
            name.endswith(f".{symbol.qualified}") for name in self.dotted
        ):
            return 1.0
        return 0.5 if symbol.name in self.names else 0.0


def _mentions(issue: str) -> _Mentions:
    code = " ".join([*_CODE.findall(issue), *_CODELIKE.findall(issue)])
    dotted = frozenset(re.findall(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+", code))
    names = frozenset(name for name in _IDENTIFIER.findall(code) if len(name) > 2)
    frames = tuple((path, int(line)) for path, line, _ in _FRAME.findall(issue))
    return _Mentions(names, dotted, frames)


def _words_of(symbol: Symbol, lines: Sequence[str]) -> list[str]:
    body = "\n".join(lines[symbol.start - 1 : symbol.end])
    named = words(f"{symbol.qualified} {symbol.path.removesuffix('.py')} {symbol.name}")
    return words(body) + named * PATH


def _unit(scores: Sequence[float]) -> float:
    return max(scores, default=0.0) or 1.0


def _bm25(documents: Sequence[list[str]], query: Sequence[str]) -> list[float]:
    """Return each document's BM25 score; all zero when nothing can match."""
    known = {word for document in documents for word in document}
    asked = [word for word in query if word in known]
    if not asked:
        return [0.0] * len(documents)
    import bm25s

    index = bm25s.BM25()
    index.index(list(documents), show_progress=False)
    return [float(score) for score in index.get_scores(asked)]
