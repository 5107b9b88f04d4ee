"""The reading of one issue's candidates inside a run: models by role, replies in the journal, one budget."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from agent import dialect
from agent.context.asking import Asker
from agent.models.base import Model
from agent.models.calling import open_model
from agent.models.closing import close
from agent.tape import Tape
from agent.trajectory import ExitReason, Observation, Trajectory, Turn
from envs.task import PublicTask
from runs.commons import Commons
from runs.crews import origin_of
from runs.failures import UsageError
from runs.journal import Journal
from runs.ledger import Ledger
from runs.progress import Listener, Noticed
from runs.recipe import Recipe
from runs.recorded import recorded
from runs.replies import JournalReplies
from runs.roles import MODELLESS, Role
from runs.tape import JournalTape
from sandbox.base import Sandbox
from selection.cells import CellStore
from selection.evidence import Evidence
from selection.reading import Readers, Reading, Surroundings, read

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
) -> Reading:
    """Return what the readers of a recipe say of candidates; nothing that the journal holds is asked again.

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
        trajectories=trajectories_of(evidence, journal),
        cells=cells,
        seconds=recipe.test_seconds,
        system=system,
    )
    try:
        found = await read(evidence, Readers(askers.get("verify"), askers.get("select")), settings, given)
    finally:
        for model in models.values():
            await asyncio.shield(close(model))
    for line in found.trouble:
        listen(Noticed(f"reading: {line}"))
    return found


def trajectories_of(evidence: Evidence, journal: Journal) -> Mapping[str, Trajectory]:
    """Return the recorded trajectory of each candidate that one of ours made, its turns with it."""
    ours = {origin_of(sample): one for sample, one in recorded(journal).items()}
    return {one.id: _whole(ours[one.origin], journal) for one in evidence.candidates if one.origin in ours}


class Shared:
    """What readers may use: the issue's allowance and the run's, though trajectories were called off.

    See `agent.budget.Common`.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def exceeded(self) -> tuple[ExitReason, str] | None:
        """See `Common.exceeded`."""
        return self._ledger.used_up()

    def reserved(self, prompt: int) -> AbstractAsyncContextManager[None]:
        """See `Common.reserved`.

        Raises:
            SpentError: it does not fit into what is left of the issue's.
            RunSpentError: of the run's.
        """
        return self._ledger.reserved(prompt)


def _roles(recipe: Recipe) -> tuple[Role, ...]:
    """Return the roles that a recipe's readers need."""
    settings = recipe.selection
    compares = settings.duel or settings.groups or settings.differences
    needed: dict[Role, bool] = {"verify": bool(settings.views), "select": bool(compares)}
    return tuple(role for role, wanted in needed.items() if wanted)


def _whole(trajectory: Trajectory, journal: Journal) -> Trajectory:
    """Return a recorded trajectory with the turns that its journal holds."""
    tape: Tape = JournalTape(journal, trajectory.sample)
    turns: list[Turn] = []
    while (reply := tape.reply(len(turns))) is not None:
        if not reply.tool_calls:  # the tape keeps what was said, not what was understood
            reply = reply.model_copy(update={"tool_calls": dialect.parse(reply.text, prefix="c").calls})
        seen: list[Observation] = []
        while (found := tape.observation(len(turns), len(seen))) is not None:
            seen.append(found)
        turns.append(Turn(reply=reply, observations=tuple(seen)))
    return trajectory.model_copy(update={"turns": tuple(turns)})


def _system(path: str | None) -> str:
    if path is None:
        return ""
    try:
        return Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"selection.system: {path} cannot be read ({error})") from error
