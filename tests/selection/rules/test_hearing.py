"""What a rule is said to hear is all that it hears."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings

from selection.rules import RULES
from tests.selection.rules.made import evidence


@pytest.mark.parametrize("name", RULES)
@settings(max_examples=40, deadline=None)
@given(known=evidence(least=2))
def test_whom_a_rule_does_not_hear_changes_nothing(name, known):
    rule = RULES[name]
    heard = rule.hears(known)
    silent = [test.id for test in known.matrix.generated if test.authors and not heard & {*test.authors}]
    less = replace(
        known,
        verdicts=tuple(one for one in known.verdicts if one.judge in heard),
        comparisons=tuple(one for one in known.comparisons if one.judge in heard),
        matrix=known.matrix.without(silent),
    )
    full, found = rule.choose(known), rule.choose(less)
    assert (found.winner, found.tied) == (full.winner, full.tied)
    assert found.probabilities == full.probabilities
