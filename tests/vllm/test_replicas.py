"""Two replicas behind the real vllm-router: a session stays on one of them."""

from __future__ import annotations

import pytest

from tests.vllm.conftest import served

pytestmark = pytest.mark.vllm

LONG = "def function(argument): return argument\n" * 240
SESSIONS = [f"issue-{number}" for number in range(8)]


@pytest.fixture(scope="module")
def pair(home, tmp_path_factory):
    with served(home, tmp_path_factory.mktemp("logs"), "--replicas", "2") as found:
        yield found


def requests(pair) -> list[float]:
    return [pair.metric("request_success_total", replica) for replica in range(2)]


def ask(pair, session: str, question: str):
    messages = [{"role": "system", "content": f"{session}\n{LONG}"}, {"role": "user", "content": question}]
    body = {"messages": messages, "max_tokens": 2}
    return pair.post("/chat/completions", body, {"X-Session-ID": session})["usage"]


def test_a_session_stays_on_one_replica_and_sessions_spread(pair):
    homes = []
    for session in SESSIONS:
        before = requests(pair)
        usages = [ask(pair, session, f"question {number}") for number in range(3)]
        grown = [after - old for after, old in zip(requests(pair), before, strict=True)]
        assert sorted(grown) == [0, 3], f"{session} went to both replicas"
        homes.append(grown.index(3))
        for usage in usages[1:]:
            assert usage["prompt_tokens_details"]["cached_tokens"] > 0.8 * usage["prompt_tokens"]
    assert set(homes) == {0, 1}
