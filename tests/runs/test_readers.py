"""Who will be asked to read, and whether the rule hears it."""

from __future__ import annotations

import pytest

from runs.readers import unheard_notes, unheard_readers
from runs.recipe import Recipe
from runs.recipe_files import packaged, read_recipe
from selection.rules import RULES

ALL = {"views": ["patch", "evidence", "digest"], "duel": 2, "groups": 2, "differences": True}
VIEWS = ("verifier:patch", "verifier:evidence", "verifier:digest")


def recipe_of(rule, model="some/model", **selection):
    return Recipe.model_validate({"rule": rule, "model": model, "selection": selection})


@pytest.mark.parametrize(
    ("rule", "asked", "unheard"),
    [
        ("posterior", ALL, ()),
        ("posterior-execution", ALL, ()),
        ("majority-patch", ALL, (*VIEWS, "duel", "trae", "differences")),
        ("agentless", {"views": ["patch"]}, ("verifier:patch",)),
        ("vote", ALL, (*VIEWS, "trae")),  # it goes by the tests of the others
        ("swe-gym", {"views": ["patch", "evidence"], "duel": 2}, ("verifier:evidence", "duel")),
        ("trae", {"duel": 2, "differences": True}, ("duel",)),
        ("codemonkeys", {"differences": True}, ()),  # the duel is shown what it found
    ],
)
def test_readers_that_a_rule_does_not_hear_are_named(rule, asked, unheard):
    assert unheard_readers(recipe_of(rule, **asked)) == unheard
    assert unheard_readers(recipe_of(rule, "builtin/repair", **asked)) == ()
    assert len(unheard_notes(recipe_of(rule, **asked))) == bool(unheard)


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_hears_whom_it_needs(rule):
    assert unheard_readers(recipe_of(rule)) == ()


@pytest.mark.parametrize("name", packaged())
def test_no_packaged_recipe_pays_for_readers_in_vain(name):
    assert unheard_readers(read_recipe(name, {"model": "some/model"})) == ()
