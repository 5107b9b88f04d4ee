"""Whether a trajectory that is replayed does what its record says: calls, files and requests compared."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.messages import ToolCall
from agent.tape import without_noise
from agent.trajectory import Observation
from envs.patches import split

WRITING = frozenset({"edit", "write_test"})
"""Tools that change files and do nothing else."""
FILES = 200
"""Changed files that are compared, the first by name."""
_EXIT = re.compile(r"\[(?:exit code|ended|program not found|timed out)[^\[\]]*\]\s*\Z")
_CUT = re.compile(r"\n\[\.\.\. \d+ characters omitted \.\.\.\]\n")
_WORD = re.compile(r"\w+|[^\w\s]")
_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_INDEX = re.compile(r"^index [0-9a-f]{7,}\.\.[0-9a-f]{7,}", re.MULTILINE)
"""The line of a diff with digests of the whole file, noise and all."""
_NOISE = (
    (re.compile(r"\b(?:\d+h ?)?\d+m ?\d+(?:\.\d+)?s\b"), "0s"),
    (re.compile(r"\b1\d{9}\.\d+\b"), "TIME"),
    (re.compile(rf"\b\d{{1,2}}([ /-]){_MONTH}[a-z]*\1\d{{4}}(?::(?=\d\d:))?"), "DAY "),
    (re.compile(r"\b\d{4}/\d\d/\d\d\b"), "DAY"),
    (re.compile(r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? "), ""),
    (re.compile(rf"\b{_MONTH}[a-z]* +\d{{1,2}}( +\d{{4}}\b)?"), "DAY"),
    (re.compile(r"\b\d{4}-\d\d-\d\d\b"), "DAY"),
    (re.compile(r"\b\d{1,2}:\d\d(:\d\d([.,]\d+)?)?\b"), "TIME"),
    (re.compile(r"\b\d+(\.\d+)? ?[mun]sec\b"), "0s"),
    (re.compile(r"\b(?=[0-9a-f]*\d)[0-9a-f]{7,}(-[0-9a-f]{4,})*\b"), "HEX"),
    (re.compile(r"^(d[rwxsStT-]{9}\S* +\d+ +\S+ +\S+ +)\d+", re.MULTILINE), r"\1"),
    (re.compile(r"^total [\d.]+[KMG]?$", re.MULTILINE), "total"),
)
"""What differs besides between two runs of a command: days, times, random names, sizes of folders."""


@dataclass(frozen=True, slots=True)
class Divergence:
    """What a replayed call did otherwise than its record says.

    Attributes:
        text: in words.
        breaks: whether a change of the record is missing from the room, or the other way round.
    """

    text: str
    breaks: bool = False


def compare(call: ToolCall, recorded: Observation, seen: Observation) -> Divergence | None:
    """Return how what a call returned differs from its record; None where they agree but for noise."""
    if recorded.status != seen.status:
        breaks = call.name in WRITING and "ok" in {recorded.status, seen.status}
        return Divergence(f"{call.name} is {_status(seen)}, and was {_status(recorded)}", breaks)
    if _exit(seen.text) != _exit(recorded.text):
        return Divergence(
            f"{call.name} ended with {_exit(seen.text)}, and with {_exit(recorded.text)} before"
        )
    if seen.status != "timed_out" and not _alike(seen.text, recorded.text):
        return Divergence(f"{call.name} returned another text")
    return None


def compare_beginning(call: ToolCall, recorded: Observation, seen: Observation) -> Divergence | None:
    """Compare what was done with a record that says more behind it, such as what a written test does."""
    if without_noise(recorded.text).startswith(without_noise(seen.text)):
        return None
    return compare(call, recorded, seen)


def files_of(diff: str) -> Mapping[str, str]:
    """Return the files that a diff changes, with a digest of each change.

    Binary files and hidden ones are left out, as caches are such and never twice the same.
    """
    parts = sorted((part.path, part.text) for part in split(diff))
    kept = [
        (path, text) for path, text in parts if not _is_cache(path) and "\nGIT binary patch\n" not in text
    ]
    return {path: _digest(text) for path, text in kept[:FILES]}


def compare_files(call: ToolCall, recorded: Mapping[str, str], seen: Mapping[str, str]) -> Divergence | None:
    """Return which files a call left otherwise than its record says."""
    names = sorted(path for path in {*recorded, *seen} if recorded.get(path) != seen.get(path))
    if not names:
        return None
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return Divergence(f"behind {call.name} there are other changes of {', '.join(names[:3])}{more}")


def _alike(text: str, other: str) -> bool:
    """Whether two texts have the same words; sets and folders are listed in any order."""
    parts, others = _CUT.split(text, maxsplit=1), _CUT.split(other, maxsplit=1)
    if len(parts) != len(others):
        return False
    if len(parts) == 1:
        return _words(text) == _words(other)
    # where durations are longer, less is left of the lines around the middle
    heads = parts[0].split("\n"), others[0].split("\n")
    tails = parts[1].split("\n")[::-1], others[1].split("\n")[::-1]
    return all(_alike_lines(*pair) for pair in (heads, tails))


def _alike_lines(lines: Sequence[str], others: Sequence[str]) -> bool:
    """Whether two lists of lines begin alike; the last one of each may be a part of a line."""
    count = min(len(lines), len(others)) - 1
    return _words("\n".join(lines[:count])) == _words("\n".join(others[:count]))


def _words(text: str) -> Counter[str]:
    return Counter(_WORD.findall(_quiet(text)))


def _quiet(text: str) -> str:
    """Return a text without what differs between two runs of a command."""
    text = without_noise(text)
    for pattern, same in _NOISE:
        text = pattern.sub(same, text)
    return text


def _exit(text: str) -> str:
    """Return how a command ended, as the last line says it; empty for what is no command."""
    found = _EXIT.search(text)
    return without_noise(found[0].strip()) if found else ""


def _status(seen: Observation) -> str:
    return {"ok": "done", "error": "refused", "timed_out": "timed out"}.get(seen.status, "unreadable")


def _is_cache(path: str) -> bool:
    return any(part.startswith(".") or part == "__pycache__" for part in path.split("/"))


def _digest(text: str) -> str:
    told = _quiet(_INDEX.sub("index", text))
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:12]
