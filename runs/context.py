"""The context of an issue: gathered once, recorded, and the same for all trajectories of every attempt."""

from __future__ import annotations

import asyncio

from agent.context import ContextSettings
from agent.context.asking import Asker
from agent.models.calling import open_model
from agent.models.closing import close
from runs.base_room import BaseRoom
from runs.commons import Commons
from runs.journal import Journal
from runs.ledger import Ledger
from runs.progress import Listener, Noticed
from runs.recipe import Recipe
from runs.replies import JournalReplies


async def context_of(
    room: BaseRoom, recipe: Recipe, journal: Journal, listen: Listener, commons: Commons | None = None
) -> str:
    """Return what stands inside `<context>`, from the journal where it is recorded.

    Raises:
        UnknownModelError: the model of the role `context` has no backend.
        SandboxError: the base sandbox cannot be made.
        JournalError: the record cannot be written.
    """
    recorded = journal.last("context")
    if recorded is not None:
        return str(recorded["text"])
    from agent.context.gathering import gather
    from agent.context.tokens import counter_of

    settings, task = recipe.context, room.task.public()
    asker = _asker(settings, recipe, journal, listen, task.instance_id, commons)
    try:
        context = await gather(
            task,
            await room.base(),
            settings,
            home=room.home,
            asker=asker,
            count=counter_of(recipe.model_for("edit")),
        )
    finally:
        if asker is not None:
            await asyncio.shield(close(asker.model))
    if asker is not None and asker.trouble:
        listen(Noticed(f"context: {asker.trouble}; what it did not read keeps its lexical rank"))
    text = context.render()
    await journal.append("context", {"text": text})
    return text


def _asker(
    settings: ContextSettings,
    recipe: Recipe,
    journal: Journal,
    listen: Listener,
    session: str,
    commons: Commons | None,
) -> Asker | None:
    if not settings.scan:
        return None

    def say(line: str) -> None:
        listen(Noticed(line))

    name = recipe.model_for("context")
    model = commons.open(name, recipe, say) if commons else open_model(name, recipe.patience(), say)
    ledger = Ledger(journal, recipe.budget, commons.purse if commons else None)
    return Asker(model, JournalReplies(journal, "context"), session, common=ledger)
