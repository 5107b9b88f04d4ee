"""Tests from what a program prints: blocks and fragments of right and wrong output."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from agent.models.repair.notes import is_literal
from agent.models.repair.scene import Draft

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from agent.models.repair.scene import Scene

_CAPTURE = "output = capsys.readouterr().out"


def output_drafts(scene: Scene) -> Iterator[Draft]:
    """Write drafts about the output of a program that prints."""
    if "print" not in scene.program.source and "write" not in scene.program.source:
        return
    run = [*(step.code for step in scene.program.steps), _CAPTURE]
    wrong = lines_of(scene.wrong)
    right = lines_of(scene.right)
    news = [line for line in right if line not in wrong]
    olds = [line for line in wrong if line not in right]
    if _spaced(scene):
        block = [line.rstrip() for line in scene.right[0].strip("\n").split("\n")]
        check = f'assert [line.rstrip() for line in output.strip("\\n").split("\\n")] == {block!r}'
        yield Draft(scene.completed([*run, check]), 0.96, "the issue shows the right output")
    if news:
        checks = [f"assert {line!r} in output" for line in right]
        gone = [
            f"assert {line!r} not in output" for line in olds if not any(line in other for other in right)
        ]
        yield Draft(scene.completed([*run, *checks, *gone]), 0.95, "the issue shows the right output")
        yield Draft(
            scene.completed([*run, *(f"assert {line!r} in output" for line in news)]),
            0.85,
            "the issue shows lines of the right output",
        )
    for text, weight in _wanted(scene, olds):
        false = [
            one.text for one in scene.of_kind("wrong") if _alike(one.text, text) and one.text not in text
        ]
        checks = [f"assert {text!r} in output", *(f"assert {one!r} not in output" for one in false)]
        yield Draft(scene.completed([*run, *checks]), weight, "the prose says what the output should have")
    if olds:
        for fragment in scene.fragments:
            if (
                len(fragment) > 3
                and not fragment.isidentifier()
                and any(fragment in line for line in olds)
                and not any(fragment in line for line in right)
            ):
                yield Draft(
                    scene.completed([*run, f"assert {fragment!r} not in output"]),
                    0.45,
                    "the issue complains of a part of the output",
                )
        yield Draft(
            scene.completed([*run, *(f"assert {line!r} not in output" for line in olds[-1:])]),
            0.3,
            "the output shown is wrong",
        )


def _spaced(scene: Scene) -> bool:
    """Tell whether a right and a wrong block differ in their blanks alone: then those matter."""
    if len(scene.right) != 1 or len(scene.wrong) != 1:
        return False
    right, wrong = scene.right[0], scene.wrong[0]
    return lines_of([right]) == lines_of([wrong]) and right.strip("\n") != wrong.strip("\n")


def lines_of(blocks: Iterable[str]) -> list[str]:
    """Return the lines of some blocks that say something, each once."""
    found = (line.strip() for block in blocks for line in block.split("\n"))
    return list(dict.fromkeys(line for line in found if line and line not in {"...", "[...]", "…"}))[:40]


def _wanted(scene: Scene, olds: Sequence[str]) -> Iterator[tuple[str, float]]:
    """Yield texts of the prose that the output should have: such as are like what it has, or have blanks."""
    false = [one.text for one in scene.of_kind("wrong")] + list(olds)
    for one in scene.of_kind("value"):
        text = one.text.strip("'\"") if is_literal(one.text) else one.text
        if len(text) > 3 and not any(text in line for line in olds) and text not in scene.program.source:
            if any(_alike(text, other) for other in false):
                yield text, 0.85 * one.weight
            elif " " in text:
                yield text, 0.5 * one.weight


def _alike(one: str, other: str) -> bool:
    return difflib.SequenceMatcher(None, one.lower()[:300], other.lower()[:300], autojunk=False).ratio() > 0.6
