"""The relevance scan and the ranking by a model, with models that play their part and models that don't."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.context.answers import last_object
from agent.context.asking import IN_A_ROW, TRIES, Asker, MemoryReplies, UnreadableError
from agent.context.model_ranking import rank_by_model, read_order
from agent.context.prompts import ISSUE, rank_messages, scan_messages
from agent.context.scan import Reading, in_parts, read_reading, scan
from agent.messages import Message, Reply, Sampling, ToolSpec
from agent.models.base import Capabilities
from agent.models.errors import ContextOverflowError, ModelUnavailableError

ISSUE_TEXT = "The area of a square is wrong."
SOURCES = {f"m{n:02}.py": f"def f{n}():\n    return {n}\n" for n in range(30)}


class Answering:
    """A model that answers by a function of the last user message and of how often that was asked."""

    name = "answering"

    def __init__(self, answer: Callable[[str, int], str | Exception], length: int | None = None) -> None:
        self.capabilities = Capabilities(response_schema=True, context_length=length)
        self.asked: list[tuple[Sequence[Message], Sampling]] = []
        self.open = self.most = 0
        self._times: Counter[str] = Counter()
        self._answer = answer

    async def generate(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        self.asked.append((tuple(messages), sampling))
        self.open += 1
        self.most = max(self.most, self.open)
        await asyncio.sleep(0)
        self.open -= 1
        question = messages[1].content
        self._times[question] += 1
        answer = self._answer(question, self._times[question])
        if isinstance(answer, Exception):
            raise answer
        return Reply(text=answer, model=self.name)


def said(relevant: object, summary: str = "holds `f`") -> str:
    return json.dumps({"reason": "because", "relevant": relevant, "summary": summary})


def only(*names: str) -> Callable[[str, int], str]:
    return lambda question, times: said(any(f'path="{name}"' in question for name in names))


async def scanned(model, replies=None, sources=SOURCES, **options):
    asker = Asker(model, replies if replies is not None else MemoryReplies(), "issue-1", **options)
    return await scan(asker, ISSUE_TEXT, sources, list(sources), len), asker


async def test_each_file_gets_its_own_reading_however_the_replies_come():
    readings, _ = await scanned(model := Answering(only("m07.py", "m21.py")), at_once=5)
    assert [reading.path for reading in readings] == list(SOURCES)
    assert [reading.path for reading in readings if reading.status == "relevant"] == ["m07.py", "m21.py"]
    assert readings[7].summary == "holds `f`"
    assert len(model.asked) == 30
    assert 1 < model.most <= 5
    sampling = model.asked[0][1]
    assert (sampling.session, sampling.temperature, sampling.max_tokens <= 400) == ("issue-1", 0.0, True)
    assert sampling.response_schema is not None


GARBAGE = [
    "",
    "I think it is relevant.",
    '{"relevant": ',
    '{"relevant": "perhaps"}',
    "{" * 200_000,
    '{"a":' * 50_000,
    "\x00\ud800",
    "```json\n{'relevant': True}\n```",
    "[1, 2]",
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
async def test_an_unreadable_reply_is_asked_again_with_the_reason(garbage):
    model = Answering(lambda question, times: garbage if times < TRIES else said(True))
    readings, _ = await scanned(model, sources={"a.py": "x = 1\n"})
    assert readings == [Reading("a.py", "relevant", "holds `f`")]
    last = model.asked[-1][0]
    assert [message.role for message in last] == ["system", "user", "assistant", "user"]
    assert last[-1].content.startswith("That cannot be read: ")
    assert len(last[2].content) < 3000


async def test_a_file_that_stays_unreadable_is_kept_and_said():
    def answer(question: str, times: int) -> str | Exception:
        if 'path="m03.py"' in question:
            return "no idea"
        if 'path="m05.py"' in question:
            return ContextOverflowError("too long")
        return said(False)

    replies = MemoryReplies()
    readings, asker = await scanned(Answering(answer), replies)
    assert {reading.path for reading in readings if reading.status == "unread"} == {"m03.py", "m05.py"}
    assert asker.trouble
    assert replies.failures == ["too long"]
    ranked = await rank_by_model(asker, ISSUE_TEXT, SOURCES, readings, 2, len)
    assert ranked[:2] == ["m03.py", "m05.py"]
    assert sorted(ranked) == sorted(SOURCES)


async def test_a_model_that_never_answers_is_left_alone_soon():
    model = Answering(lambda question, times: ModelUnavailableError("the server is gone"))
    sources = {f"m{n}.py": f"x = {n}\n" for n in range(2000)}
    readings, asker = await scanned(model, sources=sources, at_once=8)
    assert {reading.status for reading in readings} == {"unread"}
    assert len(model.asked) <= IN_A_ROW + 64
    assert asker.trouble == "the server is gone"


class KilledError(BaseException):
    pass


async def test_a_killed_run_repeats_no_call():
    replies = MemoryReplies()
    calls = 0

    def answer(question: str, times: int) -> str:
        nonlocal calls
        calls += 1
        if calls == 12:
            raise KilledError
        return (
            "hm" if 'path="m02.py"' in question and times == 1 else only("m04.py", "m09.py")(question, times)
        )

    with pytest.raises(BaseExceptionGroup):
        await scanned(Answering(answer), replies, at_once=1)
    kept = len(replies.replies)
    assert kept == 11
    model = Answering(only("m04.py", "m09.py"))
    readings, _ = await scanned(model, replies)
    assert len(model.asked) == 31 - kept  # thirty files, and one reply that could not be read
    assert [reading.path for reading in readings if reading.status == "relevant"] == ["m04.py", "m09.py"]
    again = Answering(lambda question, times: AssertionError("asked again"))
    assert (await scanned(again, replies))[0] == readings


async def test_a_long_file_is_read_in_parts():
    text = "".join(f"line_{n} = {n}\n" for n in range(6000))
    model = Answering(lambda question, times: said("line_5000 =" in question), length=30_000)
    readings, _ = await scanned(model, sources={"long.py": text})
    assert readings[0].status == "relevant"
    assert len(model.asked) > 3
    assert 'part="2 of ' in model.asked[1][0][1].content


@given(st.text("ab\n", max_size=400), st.integers(1, 50))
def test_parts_are_the_text_and_none_is_too_long(text, size):
    parts = in_parts(text, size, len)
    assert "".join(parts) == text
    assert all(len(part) <= size for part in parts)


def beginning(one: str, other: str) -> str:
    """Return what two texts begin with alike."""
    length = next((n for n, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), len(one))
    return one[:length]


def test_what_all_requests_share_comes_first():
    issue = ISSUE_TEXT * 20
    one = [message.content for message in scan_messages(issue, "a.py", "x = 1\n")]
    other = [message.content for message in scan_messages(issue, "b/c.py", "y = 2\n", 1, 2)]
    assert one[0] == other[0]
    shared = beginning(one[1], other[1])
    assert shared == f'<issue>\n{issue}\n</issue>\n\n<file path="'
    ranks = [rank_messages(issue, [("a.py", 3, name)])[1].content for name in ("x", "y")]
    assert len(beginning(*ranks)) > len(issue) + 30


def test_a_huge_issue_is_shown_from_both_its_ends():
    content = scan_messages("first " + "x" * 200_000 + " last", "a.py", "")[1].content
    assert len(content) < ISSUE + 200
    assert "first " in content
    assert " last" in content


def test_the_last_complete_answer_counts():
    last = said("yes", "two\nlines").replace("\\n", "\n")
    reply = f"{said(False)} no, wait:\n```json\n{last}\n``` So that is it. {{"
    assert read_reading("a.py", reply) == Reading("a.py", "relevant", "two lines")
    assert last_object('{"x": {"files": 1}} {"files": 2}', "files") == {"files": 2}


@given(st.text())
def test_any_reply_is_read_or_refused(text):
    for read in (lambda reply: read_reading("a.py", reply), lambda reply: read_order(reply, frozenset("a"))):
        with suppress(UnreadableError):
            read(text)


async def test_rankings_are_merged_and_invented_paths_dropped():
    def answer(question: str, times: int) -> str:
        if "<files>" not in question:
            return said(any(f'path="m0{n}.py"' in question for n in (1, 2, 3, 4)))
        return json.dumps({"files": ["made_up.py", "m04.py", "m02.py", "m04.py"]})

    model = Answering(answer)
    readings, asker = await scanned(model)
    ranked = await rank_by_model(asker, ISSUE_TEXT, SOURCES, readings, 3, len)
    assert ranked[:2] == ["m04.py", "m02.py"]
    assert set(ranked[:4]) == {"m01.py", "m02.py", "m03.py", "m04.py"}
    assert ranked[4:] == [path for path in SOURCES if path not in ranked[:4]]
    rankings = [sampling for messages, sampling in model.asked if "<files>" in messages[1].content]
    assert [sampling.temperature > 0 for sampling in rankings] == [False, True, True]
    assert [sampling.sample for sampling in rankings] == [0, 1, 2]


@pytest.mark.parametrize(
    "reply", ["nothing", '{"files": "a"}', '{"files": ["made_up.py"]}', '{"files": [[]]}']
)
async def test_without_a_readable_ranking_the_relevant_files_come_first(reply):
    def answer(question: str, times: int) -> str:
        return reply if "<files>" in question else only("m08.py", "m20.py")(question, times)

    readings, asker = await scanned(Answering(answer))
    ranked = await rank_by_model(asker, ISSUE_TEXT, SOURCES, readings, 2, len)
    assert ranked[:3] == ["m08.py", "m20.py", "m00.py"]


async def test_over_http(tmp_path):
    from agent.models.caller import Caller
    from agent.models.compatible import CompatibleModel
    from agent.models.stub import Stub, acts

    async with Stub() as stub:
        stub.play(acts.says(said(True)))
        backend = CompatibleModel(f"stub@{stub.address}", declared=Capabilities(response_schema=True))
        readings, _ = await scanned(Caller(backend))
        assert {reading.status for reading in readings} == {"relevant"}
        assert len(stub.chats) == 30
        assert stub.most > 4
        body = stub.chats[0].body
        assert body["messages"][0]["role"] == "system"
        assert "response_format" in body
        await backend.close()
