from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.models.chat.labels import label_logprobs, label_of

LABELS = ("YES", "Yes", "yes", "NO", "No", "no")
TOKENS = (
    "YES",
    " YES",
    "Yes",
    "yes",
    "Y",
    "\u2581Y",
    "Ye",
    "y",
    "NO",
    "\u0120No",
    "no",
    "N",
    "n",
    "",
    " ",
    "I",
)


@pytest.mark.parametrize(
    ("token", "label"),
    [
        ("\u2581YES", "YES"),
        ("Yes", "Yes"),
        ("Y", "YES"),  # of YES and Yes, two spellings of one label
        ("Ye", "Yes"),
        ("\u0120n", "no"),
        ("Yesterday", None),
        (" ", None),
        ("", None),
    ],
)
def test_a_token_is_a_label_s_that_it_spells_or_begins(token, label):
    assert label_of(token, LABELS) == label


def test_a_token_that_begins_different_labels_is_none_of_theirs():
    assert label_of("A", ("ACCEPT", "ABSTAIN")) is None
    assert label_of("A", ("A", "ABSTAIN")) == "A"


@pytest.mark.parametrize("none", [-9999.0, -math.inf, math.nan])
def test_what_stands_for_no_log_probability_is_not_told(none):
    assert label_logprobs(("YES", "NO"), [{"YES": none, "NO": -0.1}]) == {"YES": None, "NO": -0.1}


@given(st.dictionaries(st.sampled_from(TOKENS), st.floats(-30.0, 0.0)))
def test_no_mass_counts_twice_and_none_of_a_label_s_is_lost(position):
    told = label_logprobs(LABELS, [position])
    counted = sum(math.exp(one) for one in told.values() if one is not None)
    theirs = sum(math.exp(one) for token, one in position.items() if token.strip(" I"))
    assert counted == pytest.approx(theirs)
