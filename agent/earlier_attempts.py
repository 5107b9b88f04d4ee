"""Earlier attempts, as who improves on them reads of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agent.assignment import EarlierAttempt
from agent.excerpts import cut_middle
from agent.shelf import SharedTest
from envs.patches import split

PATCH = 12_000
"""Characters of a patch that are shown when there is one attempt; several share twice that."""
FAILURES = 6_000
SUMMARY = 4_000
TESTS = 16_000
"""Characters that the texts of all tests share."""


def shown_alone(attempt: EarlierAttempt) -> str:
    """Return an attempt with what it left, each part in its own tags; its own tests are in the tree."""
    parts = [_parts(attempt, PATCH, FAILURES, SUMMARY), _texts((one, 0) for one in attempt.against)]
    return "\n".join(filter(None, parts))


def shown_together(attempts: tuple[EarlierAttempt, ...]) -> str:
    """Return several attempts, each the shorter the more there are, and behind them what their tests hold."""
    share = max(1, len(attempts))
    rooms = (max(1_500, 2 * PATCH // share), max(800, 2 * FAILURES // share), max(600, 2 * SUMMARY // share))
    written = [(test, number) for number, attempt in enumerate(attempts, 1) for test in attempt.tests]
    others = [(test, 0) for attempt in attempts for test in attempt.against]
    shown = [
        f'<attempt number="{number}" ended="{attempt.exit_reason}">\n{_parts(attempt, *rooms)}\n</attempt>'
        for number, attempt in enumerate(attempts, 1)
    ]
    return "\n\n".join(filter(None, [*shown, _texts([*written, *others])]))


def trimmed_patch(patch: str, limit: int) -> str:
    """Return the files of a patch that fit into `limit` characters, in order, and name those left out.

    The smallest files are kept first. A file is shown whole or not at all, so nothing half is read as whole.
    """
    if len(patch) <= limit:
        return patch.strip("\n")
    parts = split(patch)
    room, kept = limit, set()
    for place, part in sorted(enumerate(parts), key=lambda numbered: (len(numbered[1].text), numbered[0])):
        if len(part.text) <= room:
            kept.add(place)
            room -= len(part.text)
    shown = [
        part.text.rstrip("\n")
        if place in kept
        else f"[not shown: {part.path}, {part.kind}, {part.text.count(chr(10)):,} lines]"
        for place, part in enumerate(parts)
    ]
    return cut_middle("\n".join(shown), 2 * limit)


def _texts(tests: Iterable[tuple[SharedTest, int]]) -> str:
    """Return the texts of tests, each once; they come with the attempt that wrote them, 0 for another one."""
    authors: dict[tuple[str, str], list[int]] = {}
    for test, number in tests:
        authors.setdefault((test.path, test.content), []).extend([number] if number else [])
    if not authors:
        return ""
    room = max(800, TESTS // len(authors))
    texts = [
        f"{path}, by {_named(numbers)}:\n{cut_middle(content.rstrip(), room)}"
        for (path, content), numbers in authors.items()
    ]
    return "\n".join(["<tests>", "\n\n".join(texts), "</tests>"])


def _named(numbers: Sequence[int]) -> str:
    if not numbers:
        return "another attempt, not in the working tree"
    return f"attempt{'s' if numbers[1:] else ''} {', '.join(map(str, numbers))}"


def _parts(attempt: EarlierAttempt, patch: int, failures: int, summary: int) -> str:
    tests = "\n".join(test.path for test in attempt.tests)
    parts = {
        "patch": trimmed_patch(attempt.patch, patch) if attempt.patch.strip() else "(none)",
        "tests-written": tests,
        "failures": cut_middle(attempt.failures.strip("\n"), failures),
        "summary": cut_middle(attempt.summary.strip("\n"), summary),
    }
    return "\n".join(f"<{tag}>\n{text}\n</{tag}>" for tag, text in parts.items() if text)
