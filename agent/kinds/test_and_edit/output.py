"""What a model is shown of a test run: each test's outcome, and pytest's output without what repeats."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping

from agent.excerpts import cut_middle, without_told
from envs.outcomes import Outcome

LISTED = 12
"""Tests that are listed one by one, those that did not pass first."""
RUN_UP = 6
"""Source lines shown before the line that failed; a traceback repeats whole functions."""

_HEADER = re.compile(r"\A=+ test session starts =+\n(?:.*\n)*?(?=collected |=|\n)")
_FAILURE = re.compile(r"^_{2,} (?P<name>.+) _{2,}$", re.MULTILINE)
_WHY = re.compile(r"^(?:E  .*|\S+:\d+: \w+)$", re.MULTILINE)
_SOURCE = re.compile(r"^(?: {4}.*|\s*)$")


def outcome_lines(outcomes: Mapping[str, Outcome], messages: Mapping[str, str]) -> str:
    """Return each test's outcome and the first line of its failure, those that did not pass first."""
    if outcomes and set(outcomes.values()) == {Outcome.PASSED} and len(outcomes) > 1:
        return f"- all {len(outcomes)} passed"
    ordered = sorted(outcomes, key=lambda test: outcomes[test] is Outcome.PASSED)
    lines = [_line(test, outcomes[test], messages.get(test, "")) for test in ordered[:LISTED]]
    rest = [outcomes[test] for test in ordered[LISTED:]]
    more = [f"- {rest.count(outcome)} more {outcome.value}" for outcome in dict.fromkeys(rest)]
    return "\n".join([*lines, *more])


def shown_output(output: str, limit: int) -> str:
    """Return a run's output for the model: without what is said elsewhere, head and tail kept.

    Args:
        output: what pytest printed.
        limit: characters.
    """
    text = without_told(_HEADER.sub("", output.strip("\n") + "\n"))
    text = cut_middle(_without_repeats(_without_run_up(text)).strip("\n"), limit)
    return f"<output>\n{text}\n</output>" if text else "It printed nothing."


def _without_run_up(text: str) -> str:
    """Return a text with the source before each line that failed shortened to its last lines."""
    kept: list[str] = []
    source = 0
    for line in text.split("\n"):
        if line.startswith(">   ") and source > RUN_UP + 1:
            del kept[-source:-RUN_UP]
            kept.insert(-RUN_UP, f"    [... {source - RUN_UP} lines]")
        kept.append(line)
        source = source + 1 if _SOURCE.match(line) else 0
    return "\n".join(kept)


def _without_repeats(text: str) -> str:
    """Return a text in which a failure that says the same at the same place as one before is only named."""
    starts = [found.start() for found in _FAILURE.finditer(text)]
    if not starts:
        return text
    kept, seen = [text[: starts[0]]], dict[tuple[str, ...], str]()
    for start, end in itertools.pairwise([*starts, len(text)]):
        part, name = text[start:end], _FAILURE.match(text, start)
        rest = re.search(r"^=+ .* =+$", part, re.MULTILINE)
        part, behind = (part[: rest.start()], part[rest.start() :]) if rest else (part, "")
        why = tuple(_WHY.findall(part))
        if why and why in seen and name is not None:
            part = f"{name[0]}\nThe same as {seen[why]}.\n"
        elif name is not None:
            seen[why] = name["name"]
        kept += [part, behind]
    return "".join(kept)


def _line(test: str, outcome: Outcome, message: str) -> str:
    why = f": {message.splitlines()[0][:300]}" if message.strip() and outcome is not Outcome.PASSED else ""
    return f"- {outcome.value} {test}{why}"
