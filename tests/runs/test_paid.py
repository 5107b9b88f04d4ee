"""What a journal paid for, and whom."""

from __future__ import annotations

import pytest

from agent.messages import Attempt, Reply
from runs.journal import Event
from runs.paid import paid_in

LOST = Attempt(error="TimeoutError", message="", seconds=1.0, cost=0.5)


def events(*told):
    return [Event(number, "", kind, data) for number, (kind, data) in enumerate(told)]


def reply(cost, *attempts):
    return Reply(cost=cost, attempts=attempts).model_dump(mode="json")


@pytest.mark.parametrize(
    ("request_", "reader"),
    [
        ("gpt verifier:patch/abc/0 KEY", "verifier:patch"),
        ("manual/a folder duel/a+b/3 KEY", "duel"),
        ("gpt trae/a+b/0 KEY", "trae"),
        ("gpt differences/a+b/0 KEY", "differences"),
        ("vendor/gpt KEY", ""),
        ("manual/a folder KEY", ""),
        ("KEY", ""),
    ],
)
def test_a_request_names_its_reader(request_, reader):
    found = paid_in(events(("selection_reply", {"request": request_, "reply": reply(2.0)})))
    assert found.readers == {reader: 2.0}


def test_trajectories_context_and_readers_are_apart_and_failed_sendings_count_once():
    attempt = LOST.model_dump(mode="json")
    found = paid_in(
        events(
            ("attempt", {"sample": 1, "turn": 0, "attempt": attempt}),
            ("reply", {"sample": 1, "turn": 0, "reply": reply(1.0, LOST)}),
            ("failure", {"sample": 1, "turn": 1, "attempts": [attempt], "message": ""}),
            ("observation", {"sample": 1, "turn": 1}),
            ("context_reply", {"request": "m K", "reply": reply(3.0)}),
            ("context_failure", {"request": "m K", "attempts": [attempt]}),
            ("selection_reply", {"request": "m duel/a+b/0 K", "reply": reply(4.0, LOST)}),
            ("selection_failure", {"request": "m duel/a+b/1 K", "attempts": [attempt]}),
        )
    )
    assert found.samples == {"sample 1": 2.0}
    assert found.context == 3.5
    assert found.readers == {"duel": 5.0}
    assert not found.unpriced


def test_what_has_no_price_is_named():
    found = paid_in(
        events(
            ("reply", {"sample": 0, "turn": 0, "reply": reply(None)}),
            ("selection_reply", {"request": "m duel/a+b/0 K", "reply": reply(None)}),
        )
    )
    assert found.unpriced == {"sample 0", "duel"}
