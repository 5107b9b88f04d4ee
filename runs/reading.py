"""The reading of one issue's candidates inside a run: models by role, replies in the journal, one budget."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from agent.budget import Answered, Call
from agent.context.asking import Asker
from agent.models.base import Model
from agent.models.calling import open_model
from agent.models.closing import close
from agent.trajectory import ExitReason
from envs.task import PublicTask
from runs.commons import Commons
from runs.crews import origin_of
from runs.failures import UsageError
from runs.journal import Journal
from runs.ledger import Ledger
from runs.outside import recorded_outside
from runs.progress import Listener, Noticed, StageBegan
from runs.recipe import Recipe
from runs.recorded import recorded, whole
from runs.replies import JournalReplies
from runs.roles import MODELLESS, Role
from sandbox.base import Sandbox
from selection.cells import CellStore
from selection.evidence import Evidence
from selection.reading import Readers, Reading, Surroundings, read
from selection.rules import rule_named
from selection.separate import candidate_id
from selection.verifiers.digest import Step, steps_of, without_names

AT_ONCE = 16
"""Requests of readers at one time."""


async def read_candidates_of(
    task: PublicTask,
    base: Sandbox,
    evidence: Evidence,
    recipe: Recipe,
    journal: Journal,
    cells: CellStore,
    listen: Listener,
    commons: Commons | None = None,
    place: str = "",
) -> Reading:
    """Return what the readers of a recipe say of candidates; nothing that the journal holds is asked again.

    `place` names the base's image, tree and limits, as cells of the matrix have it.

    A recipe whose roles `verify` and `select` have a builtin model, or that names no reader, asks nobody.

    Raises:
        UnknownModelError: a role's model has no backend.
        UsageError: the judge's text cannot be read.
        JournalError: the record cannot be written.
    """
    settings = recipe.selection
    roles = [role for role in _roles(recipe) if not recipe.model_for(role).startswith(MODELLESS)]
    if not settings.asks or not roles:
        return Reading(evidence)
    system = await asyncio.to_thread(_system, settings.system)
    listen(StageBegan("read", _told(recipe, roles)))
    shared = Shared(Ledger(journal, recipe.budget, commons.purse if commons else None))
    replies = JournalReplies(journal, "selection")

    def say(line: str) -> None:
        listen(Noticed(line))

    def opened(name: str) -> Model:
        return commons.open(name, recipe, say) if commons else open_model(name, recipe.patience(), say)

    models = {name: opened(name) for name in dict.fromkeys(recipe.model_for(role) for role in roles)}
    askers = {
        role: Asker(models[recipe.model_for(role)], replies, task.instance_id, AT_ONCE, shared)
        for role in roles
    }
    given = Surroundings(
        task=task,
        base=base,
        steps=steps_by_candidate(evidence, journal),
        cells=cells,
        place=place,
        seconds=recipe.test_seconds,
        system=system,
        finalists=rule_named(recipe.rule).finalists,
    )
    try:
        found = await read(evidence, Readers(askers.get("verify"), askers.get("select")), settings, given)
    finally:
        for model in models.values():
            await asyncio.shield(close(model))
    for line in found.trouble:
        listen(Noticed(f"reading: {line}"))
    return found


def steps_by_candidate(evidence: Evidence, journal: Journal) -> Mapping[str, tuple[Step, ...]]:
    """Return what the author of each candidate did, names of agents left out, by candidate id.

    It is known of the run's own trajectories and of those that candidates from elsewhere came with.
    """
    ours = {origin_of(sample): one for sample, one in recorded(journal).items()}
    brought = {candidate_id(one.origin, one.diff): one.steps for one in recorded_outside(journal) or ()}
    made = {
        one.id: steps_of(whole(ours[one.origin], journal.events))
        for one in evidence.candidates
        if one.origin in ours
    }
    known = made | brought
    return {one.id: without_names(known[one.id]) for one in evidence.candidates if known.get(one.id)}


class Shared:
    """What readers may use: the issue's allowance and the run's, though trajectories were called off.

    See `agent.budget.Common`.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def exceeded(self) -> tuple[ExitReason, str] | None:
        """See `Common.exceeded`."""
        return self._ledger.used_up()

    def reserved(self, call: Call) -> AbstractAsyncContextManager[Answered]:
        """See `Common.reserved`.

        Raises:
            SpentError: it does not fit into what is left of the issue's.
            RunSpentError: of the run's.
        """
        return self._ledger.reserved(call)


def _roles(recipe: Recipe) -> tuple[Role, ...]:
    """Return the roles that a recipe's readers need."""
    settings = recipe.selection
    compares = settings.duel or settings.groups or settings.differences
    needed: dict[Role, bool] = {"verify": bool(settings.views), "select": bool(compares)}
    return tuple(role for role, wanted in needed.items() if wanted)


def _told(recipe: Recipe, roles: Sequence[Role]) -> str:
    """Return in one line which readers begin, each with its model."""
    settings = recipe.selection
    compares = {"duel": settings.duel, "groups": settings.groups, "differences": settings.differences}
    asked = {
        "verify": [f"verifier:{view}" for view in settings.views],
        "select": [what for what, wanted in compares.items() if wanted],
    }
    return "; ".join(f"{', '.join(asked[role])} by {recipe.model_for(role)}" for role in roles)


def _system(path: str | None) -> str:
    if path is None:
        return ""
    try:
        return Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"selection.system: {path} cannot be read ({error})") from error
