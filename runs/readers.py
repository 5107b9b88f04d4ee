"""The models that read an issue's candidates, and what they are asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agent.context.asking import Asker
from agent.models.calling import open_model
from agent.models.closing import close
from runs.context import JournalReplies
from runs.journal import Journal
from runs.recipe import Recipe
from runs.roles import Role
from selection.duel.match import JUDGE as DUEL
from selection.groups import JUDGE as TRAE
from selection.reading import Readers
from selection.rules import Rule
from selection.settings import SelectionSettings

SEARCH = "builtin/"
"""Backends that are no language models and read nothing."""
_LEADING, _GROUP = 3, 3


def asked_of_readers(recipe: Recipe, rule: Rule) -> SelectionSettings:
    """Return what readers are asked: what the recipe says, and what the rule needs beside it.

    Nothing is asked where the recipe's model can read nothing; the rule then says so itself.
    """
    found, needs = recipe.selection, set(rule.needs)
    verify, select = can_read(recipe, "verify"), can_read(recipe, "select")
    views = tuple(view for view in ("patch", "evidence", "digest") if f"verifier:{view}" in needs)
    return found.model_copy(
        update={
            "views": tuple(dict.fromkeys((*found.views, *views))) if verify else (),
            "duel": (found.duel or _LEADING * (DUEL in needs)) if select else 0,
            "groups": (found.groups or _GROUP * (TRAE in needs)) if select else 0,
        }
    )


def can_read(recipe: Recipe, role: Role) -> bool:
    """Whether a role's model is a language model."""
    return not recipe.model_for(role).startswith(SEARCH)


@asynccontextmanager
async def readers_of(recipe: Recipe, journal: Journal, session: str) -> AsyncIterator[Readers]:
    """Open the models of the roles `verify` and `select`; what they reply is kept in the journal.

    Raises:
        UnknownModelError: one has no backend.
    """
    roles: tuple[Role, ...] = ("verify", "select")
    names = {role: recipe.model_for(role) for role in roles if can_read(recipe, role)}
    models = {name: open_model(name, recipe.patience()) for name in dict.fromkeys(names.values())}
    replies = JournalReplies(journal)
    askers = {role: Asker(models[name], replies, session) for role, name in names.items()}
    try:
        yield Readers(askers.get("verify"), askers.get("select"))
    finally:
        for model in models.values():
            await close(model)
