"""Earlier attempts, as who improves on them reads of them."""

from __future__ import annotations

from agent.assignment import EarlierAttempt
from agent.excerpts import cut_middle
from envs.patches import split

PATCH = 12_000
"""Characters of a patch that are shown when there is one attempt; several share twice that."""
FAILURES = 6_000
SUMMARY = 4_000


def shown_alone(attempt: EarlierAttempt) -> str:
    """Return an attempt with what it left, each part in its own tags."""
    return _parts(attempt, PATCH, FAILURES, SUMMARY)


def shown_together(attempts: tuple[EarlierAttempt, ...]) -> str:
    """Return several attempts, each the shorter the more there are."""
    share = max(1, len(attempts))
    rooms = (max(1_500, 2 * PATCH // share), max(800, 2 * FAILURES // share), max(600, 2 * SUMMARY // share))
    return "\n\n".join(
        f'<attempt number="{number}" ended="{attempt.exit_reason}">\n{_parts(attempt, *rooms)}\n</attempt>'
        for number, attempt in enumerate(attempts, 1)
    )


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


def _parts(attempt: EarlierAttempt, patch: int, failures: int, summary: int) -> str:
    tests = "\n".join(test.path for test in attempt.tests)
    parts = {
        "patch": trimmed_patch(attempt.patch, patch) if attempt.patch.strip() else "(none)",
        "tests-written": tests,
        "failures": cut_middle(attempt.failures.strip("\n"), failures),
        "summary": cut_middle(attempt.summary.strip("\n"), summary),
    }
    return "\n".join(f"<{tag}>\n{text}\n</{tag}>" for tag, text in parts.items() if text)
