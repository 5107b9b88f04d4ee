"""Tests from a program's own lines: one line is put right, the others stay as they are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.models.repair.asserts import assert_shows
from agent.models.repair.calls import called
from agent.models.repair.scene import Draft
from agent.models.repair.targets import Target, find_targets

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agent.models.repair.programs import Step
    from agent.models.repair.scene import Scene

MAX_TARGETS = 8


def session_drafts(scene: Scene) -> Iterator[Draft]:
    """Write drafts for the candidates of a program: together, one by one with the rest, and alone."""
    targets = find_targets(scene)
    suspects = frozenset(target.index for target in targets if target.exact and target.weight >= 0.8)
    together = _together(targets)
    if len(together) > 1:
        weight = min(target.weight for target in together.values())
        yield Draft(
            _statements(scene, together, suspects),
            weight + 0.02,
            "the issue says what several lines should give",
        )
    for target in targets[:MAX_TARGETS]:
        alone = {target.index: target}
        yield Draft(_statements(scene, alone, suspects), target.weight, target.why)
        yield Draft(
            _statements(scene, alone, suspects, bare=True),
            target.weight - 0.06,
            f"{target.why}; nothing else is asserted",
        )
    if scene.program.role == "right" and any(step.shown for step in scene.program.steps):
        yield Draft(_statements(scene, {}, frozenset()), 0.9, "the issue shows the right behaviour")
    if not targets and scene.program.steps:
        run = scene.completed([step.code for step in scene.program.steps])
        yield Draft(run, 0.3, "the program of the issue should run")


def _together(targets: list[Target]) -> dict[int, Target]:
    """Take the best candidate of every step that has a good one."""
    best: dict[int, Target] = {}
    for target in targets:
        if target.exact and target.weight >= 0.8:
            best.setdefault(target.index, target)
    return best


def _statements(
    scene: Scene, targets: Mapping[int, Target], suspects: frozenset[int], *, bare: bool = False
) -> tuple[str, ...]:
    statements: list[str] = []
    for index, step in enumerate(scene.program.steps):
        if index in targets:
            statements += targets[index].statements
        elif step.binds:
            statements += _kept(scene, step) if not bare and step.shown else [step.code]
        elif not bare and index not in suspects and _trusted(scene, index, step, targets):
            statements += _kept(scene, step)
        elif not _is_display(step):
            statements.append(step.code)
    return scene.completed(statements)


def _is_display(step: Step) -> bool:
    """Tell whether a line only shows a value or raises, so that it may be left out."""
    return step.shown is not None or bool(step.raises) or step.printed is not None or called(step) is None


def _kept(scene: Scene, step: Step) -> list[str]:
    statements = assert_shows(step, step.shown, set(scene.known)) if step.shown is not None else None
    return statements or [step.code]


def _trusted(scene: Scene, index: int, step: Step, targets: Mapping[int, Target]) -> bool:
    """Tell whether what a line shows should stay.

    A line is doubtful that calls what a wrong line calls and follows it, or shows the same as it does.
    """
    if step.raises or step.verdict == "wrong" or step.wanted is not None:
        return False
    if step.verdict == "right":
        return True
    for position, target in targets.items():
        wrong = scene.program.steps[position]
        if (
            target.index != index
            and called(step) == called(wrong)
            and (index > position or step.shown == wrong.shown)
        ):
            return False
    return step.shown is not None
