from __future__ import annotations

import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from agent.messages import Reply
from agent.models.chat.labels import label_logprobs
from agent.models.chat.logprobs import log_add
from selection.verifiers.scores import (
    LABELS,
    MOST,
    label_logit,
    logistic,
    mean_score,
    share_logit,
)

NOTHING = dict.fromkeys(LABELS)
MIRRORED = {"YES": "NO", " YES": " NO", "Yes": "No", "yes": "no", "\u2581Y": "\u2581N", "Y": "N", "y": "n"}
ABSENT = (-9999.0, -math.inf, math.nan)
logprobs = st.floats(max_value=0.0, allow_nan=False)
told_or_absent = st.floats(-30.0, 0.0) | st.sampled_from(ABSENT)
positions = st.dictionaries(st.sampled_from([*MIRRORED, *MIRRORED.values(), "Well", "I"]), told_or_absent)


def reply(known: dict[str, float], *positions: dict[str, float]) -> Reply:
    return Reply(labels=NOTHING | known, logprobs=positions)


def read(position: dict[str, float]) -> Reply:
    """The reply of a server that tells these tokens."""
    return Reply(labels=label_logprobs(LABELS, [position]), logprobs=(position,))


def test_a_score_is_the_logistic_of_the_difference():
    logit = label_logit(reply({"YES": math.log(0.6), "NO": math.log(0.2)}))
    assert logistic(logit) == pytest.approx(0.75)


def test_all_spellings_of_a_label_count_together():
    told = {"YES": math.log(0.3), "Yes": math.log(0.2), "yes": math.log(0.1), "no": math.log(0.3)}
    assert logistic(label_logit(reply(told))) == pytest.approx(0.6 / 0.9)


def test_a_missing_label_is_bounded_by_the_smallest_alternative():
    told = reply({"YES": math.log(0.9)}, {"YES": math.log(0.9), "Well": math.log(0.06), "I": math.log(0.01)})
    assert logistic(label_logit(told)) == pytest.approx(0.9 / 0.91)


def test_a_missing_label_has_no_more_than_the_others_leave():
    assert logistic(label_logit(reply({"NO": math.log(0.8)}))) == pytest.approx(0.2)
    assert label_logit(reply({"YES": 0.0})) == MOST


def test_both_labels_missing_is_unscored():
    assert label_logit(reply({}, {"Well": -0.1})) is None
    assert label_logit(Reply(text="YES")) is None


@pytest.mark.parametrize("absent", ABSENT)
def test_numbers_that_stand_for_none_are_not_told(absent):
    assert label_logit(reply({"YES": absent, "NO": absent})) is None
    assert label_logit(reply({"YES": absent, "NO": math.log(0.8)}, {"I": absent})) == pytest.approx(
        math.log(0.2 / 0.8)
    )


def test_a_tokenizer_that_splits_the_label_scores_it_by_its_beginning():
    assert label_logit(read({"Y": -0.1, "N": -2.5})) == pytest.approx(2.4)
    told = {"Y": math.log(0.9), "NO": math.log(0.05), "YES": math.log(0.01)}
    assert logistic(label_logit(read(told))) == pytest.approx(0.91 / 0.96)


def test_a_label_that_was_told_is_no_less_than_one_that_was_not():
    assert label_logit(reply({"YES": math.log(0.4)})) == label_logit(read({"YES": math.log(0.4)})) == 0


@given(positions, st.sampled_from(list(MIRRORED)), st.floats(-30.0, 0.0))
def test_more_mass_on_a_label_never_lowers_its_score(position, token, more):
    assume(any(position.get(one, -math.inf) > -1_000 for one in MIRRORED))
    before = position.get(token, -math.inf)
    raised = position | {token: log_add(before, more) if before > -1_000 else more}
    assert label_logit(read(raised)) >= label_logit(read(position)) - 1e-9


@given(positions)
def test_swapped_labels_mirror_the_score(position):
    swap = MIRRORED | {no: yes for yes, no in MIRRORED.items()}
    mirrored = {swap.get(token, token): logprob for token, logprob in position.items()}
    logit, other = label_logit(read(position)), label_logit(read(mirrored))
    assert (logit is None) == (other is None)
    assert logit is None or logit == pytest.approx(-other, abs=1e-9)


def test_a_label_behind_its_tag_is_found_by_the_text_of_the_tokens():
    positions = (
        {"<": -0.1, "YES": -9.0},
        {"judge": 0.0},
        {"ment>": 0.0},
        {"\n": 0.0},
        {"NO": -0.1, "YES": -3.0},
    )
    logit = label_logit(reply({"YES": -9.0}, *positions), "<judgement>")
    assert logit == pytest.approx(-2.9)
    # the server began behind the tag: the label comes first
    assert label_logit(reply({"NO": -0.1, "YES": -3.0}, positions[-1]), "<judgement>") == pytest.approx(-2.9)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(LABELS), logprobs), st.dictionaries(st.text(), logprobs))
def test_no_reply_has_a_score_that_is_no_number(known, position):
    logit = label_logit(reply(known, position))
    assert logit is None or -MOST <= logit <= MOST
    assert (logit is None) == all(one <= -1_000 for one in known.values())


def test_a_share_of_samples_has_a_prior():
    assert logistic(share_logit(1, 0)) == pytest.approx(3 / 4)
    assert logistic(share_logit(9, 1)) == pytest.approx(9.5 / 11)
    assert share_logit(0, 0) is None


def test_several_readings_are_the_mean_of_logits_with_their_spread():
    score = mean_score([1.0, 3.0])
    assert (score.logit, score.readings) == (2.0, 2)
    assert score.spread == pytest.approx(math.sqrt(2))
    assert mean_score([]) is None
    assert mean_score([0.0]).probability == 0.5
