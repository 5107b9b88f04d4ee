from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.budget import Budget, exceeded, remaining, spent
from agent.messages import Attempt, Reply, Usage
from agent.trajectory import ExitReason, Observation, Turn

TURN = Turn(
    reply=Reply(seconds=2, cost=0.5, usage=Usage(input=10, cached_input=4, output=5, reasoning=2)),
    observations=(
        Observation(call_id="a", text="", seconds=1),
        Observation(call_id="b", text="", seconds=0.5),
    ),
)
UNPRICED = Turn(reply=Reply(cost=None))


def test_turns_add_up() -> None:
    used = spent([TURN, TURN])
    assert (used.steps, used.seconds, used.dollars) == (2, 7.0, 1.0)
    assert used.usage == Usage(input=20, cached_input=8, output=10, reasoning=4)
    assert spent([TURN, UNPRICED]).dollars is None
    assert spent([]).dollars == 0


def test_limits() -> None:
    assert exceeded(Budget(), spent([TURN])) is None
    for budget, reason in [
        (Budget(steps=2), ExitReason.STEP_LIMIT),
        (Budget(dollars=1.0), ExitReason.COST_LIMIT),
        (Budget(tokens=30), ExitReason.COST_LIMIT),
    ]:
        assert exceeded(budget, spent([TURN])) is None
        over = exceeded(budget, spent([TURN, TURN]))
        assert over is not None
        assert over[0] is reason


def test_a_price_that_is_not_known_is_said() -> None:
    assert "price unknown" in remaining(Budget(dollars=1), spent([UNPRICED]))


def test_the_last_step_is_said() -> None:
    assert "last step" not in remaining(Budget(steps=2), spent([]))
    assert remaining(Budget(steps=2), spent([TURN])).startswith(
        "[budget left: 1 of 2 steps, 1796 s; this is the last"
    )


def test_failed_sendings_are_charged() -> None:
    lost = Attempt(error="BadReplyError", message="", seconds=3, waited=2, usage=Usage(output=7), cost=0.25)
    refused = Attempt(error="RateLimitedError", message="", seconds=1)
    turn = TURN.model_copy(update={"reply": TURN.reply.model_copy(update={"attempts": (lost, refused)})})
    used = spent([turn])
    assert (used.seconds, used.dollars) == (3.5 + 6, 0.75)
    assert used.usage == Usage(input=10, cached_input=4, output=12, reasoning=2)


def test_calls_that_failed_cost_money_and_no_time() -> None:
    lost = Attempt(error="DeadlineError", message="", seconds=600, usage=Usage(input=9), cost=0.25)
    used = spent([TURN], [lost])
    assert (used.steps, used.seconds, used.dollars, used.usage.input) == (1, 3.5, 0.75, 19)
    unpriced = lost.model_copy(update={"cost": None})
    assert spent([TURN], [unpriced]).dollars is None
    assert spent([TURN], [unpriced]).known_dollars == 0.5


@given(st.lists(st.sampled_from([TURN, UNPRICED]), max_size=6), st.integers(0, 6))
def test_parts_add_up_to_the_whole(turns: list[Turn], cut: int) -> None:
    assert spent(turns[:cut]) + spent(turns[cut:]) == spent(turns)
