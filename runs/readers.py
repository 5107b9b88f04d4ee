"""Which models read an issue's candidates: those that the recipe names, and those that its rule needs."""

from __future__ import annotations

from runs.recipe import Recipe
from runs.roles import MODELLESS, Role
from selection.differences.asked import AUTHOR as DIFFERENCES
from selection.duel.match import JUDGE as DUEL
from selection.groups import JUDGE as TRAE
from selection.rules import rule_named
from selection.rules.hearing import reaches

LEADING, GROUP = 3, 3
"""Programs that meet in a duel, and in a group, where a rule needs these and the recipe says nothing."""


def with_needs(recipe: Recipe) -> Recipe:
    """Return the recipe with all that its rule needs to be read; nothing where its model can read nothing."""
    found, needs = recipe.selection, frozenset(rule_named(recipe.rule).needs)
    verify, select = _reads(recipe, "verify"), _reads(recipe, "select")
    views = tuple(view for view in ("patch", "evidence", "digest") if f"verifier:{view}" in needs)
    asked = {
        "views": tuple(dict.fromkeys((*found.views, *views))) if verify else (),
        "duel": (found.duel or LEADING * (DUEL in needs)) if select else 0,
        "groups": (found.groups or GROUP * (TRAE in needs)) if select else 0,
        "differences": found.differences and select,
    }
    return recipe.model_copy(update={"selection": found.model_copy(update=asked)})


def reading_models(recipe: Recipe) -> tuple[str, ...]:
    """Return the names of the models that will read."""
    settings = with_needs(recipe).selection
    names = [recipe.model_for("verify")] * bool(settings.views)
    names += [recipe.model_for("select")] * bool(settings.duel or settings.groups or settings.differences)
    return tuple(dict.fromkeys(names))


def unasked_models(recipe: Recipe) -> tuple[str, ...]:
    """Return the names of models that could read, where the recipe and its rule let none of them."""
    if reading_models(recipe):
        return ()
    roles: tuple[Role, ...] = ("verify", "select")
    return tuple(dict.fromkeys(recipe.model_for(role) for role in roles if _reads(recipe, role)))


def unheard_readers(recipe: Recipe) -> tuple[str, ...]:
    """Return the readers that will be asked though their words cannot reach the recipe's rule.

    Who asks for tests of differences shows all others what it found: it counts where one of them is heard.
    """
    asked, hears = with_needs(recipe).selection, rule_named(recipe.rule).hears
    others = [f"verifier:{view}" for view in asked.views]
    others += [DUEL] * bool(asked.duel) + [TRAE] * bool(asked.groups)
    unheard = [reader for reader in others if not reaches(reader, hears)]
    if asked.differences and unheard == others and not reaches(DIFFERENCES, hears):
        unheard.append(DIFFERENCES)
    return tuple(unheard)


def unheard_notes(recipe: Recipe) -> tuple[str, ...]:
    """Return the note, if any, that readers are to be paid for in vain."""
    readers = unheard_readers(recipe)
    if not readers:
        return ()
    said = f"{', '.join(readers)} will be asked and paid, and the rule {recipe.rule} does not hear"
    return (f"{said} {'it' if len(readers) == 1 else 'them'}; the rule posterior hears every reader",)


def _reads(recipe: Recipe, role: Role) -> bool:
    return not recipe.model_for(role).startswith(MODELLESS)
