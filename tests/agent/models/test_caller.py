"""What stands around every call: sending again, deadlines, the context's length, capabilities."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import pytest

from agent.messages import Message, Reply, Sampling, ToolSpec, Usage
from agent.models.base import Capabilities, Model
from agent.models.caller import Caller
from agent.models.errors import (
    AuthenticationError,
    BadReplyError,
    BadRequestError,
    ConnectionLostError,
    ContentPolicyError,
    ContextOverflowError,
    DeadlineError,
    ModelError,
    QuotaSpentError,
    RateLimitedError,
    ServerFailedError,
)
from agent.models.retries import Patience

HELLO = (Message(role="system", content="s"), Message(role="user", content="hello"))
QUICK = Patience(first_delay=0.01, longest_delay=0.05)


class Backend:
    """Plays what it is given; a number is a silence of so many seconds before an answer."""

    name = "backend"

    def __init__(self, *script: Any, capabilities: Capabilities | None = None) -> None:
        self.capabilities = capabilities or Capabilities()
        self.script = list(script)
        self.asked: list[Sampling] = []
        self.cancelled = 0

    async def generate(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        self.asked.append(sampling)
        step = self.script.pop(0) if self.script else Reply(text="hi")
        if isinstance(step, float):
            try:
                await asyncio.sleep(step)
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
            step = Reply(text="late")
        if isinstance(step, BaseException):
            raise step
        return step


class Probed(Backend):
    """A backend that finds out what it can do."""

    def __init__(self, *answers: Any) -> None:
        super().__init__()
        self.answers = list(answers)
        self.probes = 0

    async def probe(self) -> Capabilities:
        self.probes += 1
        await asyncio.sleep(0.01)
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer


async def ask(caller: Model, messages: tuple[Message, ...] = HELLO, **sampling: Any) -> Reply:
    return await caller.generate(messages, (), Sampling(**sampling))


@pytest.mark.parametrize(
    "passing", [RateLimitedError, ServerFailedError, ConnectionLostError, DeadlineError, BadReplyError]
)
async def test_a_failure_that_passes_is_sent_again_and_recorded(passing: type[ModelError]) -> None:
    lost = passing("broke\noff", usage=Usage(input=9, output=2), cost=0.5)
    backend = Backend(lost, passing("slow down"))
    reply = await ask(Caller(backend, QUICK))
    assert reply.text == "hi"
    assert [(one.error, one.message) for one in reply.attempts] == [
        (passing.__name__, "broke off"),
        (passing.__name__, "slow down"),
    ]
    assert (reply.attempts[0].usage, reply.attempts[0].cost) == (Usage(input=9, output=2), 0.5)
    assert all(0.004 < one.waited < 0.1 for one in reply.attempts)
    assert 0 < reply.seconds < 0.05


@pytest.mark.parametrize(
    "error",
    [
        AuthenticationError("no key"),
        BadRequestError("bad temperature"),
        ContentPolicyError("no"),
        ContextOverflowError("too long"),
        QuotaSpentError("no money"),
        ModelError("whatever"),
    ],
)
async def test_other_failures_are_sent_once(error: ModelError) -> None:
    backend = Backend(error)
    with pytest.raises(type(error)) as caught:
        await ask(Caller(backend, QUICK))
    assert type(caught.value) is type(error)
    assert len(backend.asked) == 1
    assert [one.error for one in caught.value.attempts] == [type(error).__name__]
    assert caught.value.attempts[0].waited == 0


async def test_attempts_are_bounded_and_all_told() -> None:
    backend = Backend(*[ServerFailedError("down") for _ in range(9)])
    with pytest.raises(ServerFailedError, match=r"^down \(sent 4 times\)$") as caught:
        await ask(Caller(backend, Patience(attempts=4, first_delay=0.01)))
    assert len(backend.asked) == len(caught.value.attempts) == 4
    assert [one.waited > 0 for one in caught.value.attempts] == [True, True, True, False]


async def test_time_is_bounded() -> None:
    backend = Backend(*[ServerFailedError("down") for _ in range(99)])
    began = time.monotonic()
    with pytest.raises(ServerFailedError):
        await ask(Caller(backend, Patience(attempts=99, first_delay=0.05, total_seconds=0.4)))
    assert time.monotonic() - began < 0.6
    assert len(backend.asked) > 2


async def test_waits_double_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = Backend(*[ServerFailedError("down") for _ in range(5)])
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("agent.models.retries.asyncio.sleep", sleep)
    await ask(Caller(backend, Patience(first_delay=1, longest_delay=5)))
    for wait, longest in zip(slept, (1, 2, 4, 5, 5), strict=True):
        assert longest / 2 <= wait <= longest
    assert len(set(slept)) == 5


async def test_the_servers_wish_is_obeyed() -> None:
    backend = Backend(RateLimitedError("slow down", retry_after=0.3))
    began = time.monotonic()
    reply = await ask(Caller(backend, QUICK))
    assert 0.3 <= time.monotonic() - began < 0.6
    assert 0.3 <= reply.attempts[0].waited < 0.32


async def test_a_wish_beyond_the_time_left_ends_with_the_servers_words() -> None:
    backend = Backend(RateLimitedError("come back tomorrow", retry_after=86_400))
    began = time.monotonic()
    with pytest.raises(RateLimitedError, match=r"^come back tomorrow \(it asks to wait 86400 s, and 1800 s"):
        await ask(Caller(backend, QUICK))
    assert time.monotonic() - began < 0.2
    assert len(backend.asked) == 1


async def test_a_silent_call_meets_the_deadline_and_is_sent_again() -> None:
    backend = Backend(5.0)
    reply = await ask(Caller(backend, Patience(call_seconds=0.1, first_delay=0.01)))
    assert (reply.text, backend.cancelled) == ("hi", 1)
    assert [one.error for one in reply.attempts] == ["DeadlineError"]
    assert 0.1 <= reply.attempts[0].seconds < 0.3
    assert "no whole answer within 0 s" in reply.attempts[0].message


async def test_the_total_time_ends_a_call_that_is_under_way() -> None:
    backend = Backend(5.0)
    with pytest.raises(DeadlineError) as caught:
        await ask(Caller(backend, Patience(total_seconds=0.1)))
    assert backend.cancelled == 1
    assert len(caught.value.attempts) == 1


@pytest.mark.parametrize(
    "error",
    [ZeroDivisionError("division\nby zero"), TimeoutError(), ConnectionResetError(104, "reset"), OSError()],
)
async def test_anybodys_exception_does_not_pass(error: Exception) -> None:
    backend = Backend(error)
    with pytest.raises(ModelError) as caught:
        await ask(Caller(backend, QUICK))
    assert type(caught.value) is ModelError
    assert str(caught.value).startswith(f"backend: {type(error).__name__}")
    assert "\n" not in str(caught.value)
    assert len(backend.asked) == len(caught.value.attempts) == 1


async def test_an_error_in_a_backends_task_group_keeps_its_class() -> None:
    backend = Backend(ExceptionGroup("tasks", [RateLimitedError("slow down")]))
    assert (await ask(Caller(backend, QUICK))).attempts[0].error == "RateLimitedError"


async def test_what_is_no_reply_is_an_error() -> None:
    with pytest.raises(ModelError, match="returned a str"):
        await ask(Caller(Backend("hello"), QUICK))


@pytest.mark.parametrize(
    "script", [(5.0,), (ServerFailedError("down", retry_after=5),)], ids=["call", "wait"]
)
async def test_cancellation_passes_through_at_once(script: tuple[Any, ...]) -> None:
    backend = Backend(*script)
    running = asyncio.create_task(ask(Caller(backend, QUICK)))
    await asyncio.sleep(0.05)
    began = time.monotonic()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert time.monotonic() - began < 0.1
    assert len(backend.asked) == 1


async def test_capabilities_are_probed_once() -> None:
    backend = Probed(Capabilities(tools=True, n=True))
    caller = Caller(backend, QUICK)
    assert not caller.can("tools")
    await asyncio.gather(*(ask(caller) for _ in range(5)))
    assert caller.can("tools")
    assert caller.can("n")
    assert backend.probes == 1


async def test_a_probe_is_tried_again() -> None:
    caller = Caller(Probed(ServerFailedError("starting"), Capabilities(tools=True)), QUICK)
    assert (await caller.probe()).tools


async def test_a_failed_probe_is_said_and_text_remains() -> None:
    backend, said = Probed(AuthenticationError("no key")), list[str]()
    caller = Caller(backend, QUICK, said.append)
    assert (await ask(caller)).text == "hi"
    assert caller.capabilities == Capabilities()
    assert len(said) == 1
    assert "no key" in said[0]
    await ask(caller)
    assert backend.probes == 1


async def test_what_is_too_long_for_sure_is_not_sent() -> None:
    backend = Backend(capabilities=Capabilities(context_length=1000))
    with pytest.raises(ContextOverflowError, match="of 1000 in all"):
        await ask(Caller(backend), (Message(role="user", content="word " * 8000),))
    assert backend.asked == []


async def test_what_may_fit_is_left_to_the_server_and_never_sent_again() -> None:
    backend = Backend(
        ContextOverflowError("maximum context length"), capabilities=Capabilities(context_length=2000)
    )
    caller = Caller(backend, QUICK)
    perhaps = (Message(role="user", content="word " * 1200),)
    with pytest.raises(ContextOverflowError, match="maximum"):
        await ask(caller, perhaps)
    with pytest.raises(ContextOverflowError, match="this very conversation"):
        await ask(caller, perhaps)
    assert len(backend.asked) == 1
    assert (await ask(caller)).text == "hi"


async def test_the_reply_is_no_longer_than_the_context_has_room() -> None:
    backend = Backend(capabilities=Capabilities(context_length=4000))
    caller = Caller(backend, QUICK)
    await ask(caller, max_tokens=8192)
    await ask(caller, max_tokens=100)
    assert 3900 < backend.asked[0].max_tokens < 4000
    assert backend.asked[1].max_tokens == 100


async def test_what_the_server_reported_is_believed() -> None:
    long = Message(role="user", content="word " * 2000)
    backend = Backend(Reply(usage=Usage(input=2001)), capabilities=Capabilities(context_length=8000))
    caller = Caller(backend, QUICK)
    await ask(caller, (long,), max_tokens=8192)
    await ask(caller, (long, Message(role="assistant", content="yes")), max_tokens=8192)
    first, second = (asked.max_tokens for asked in backend.asked)
    assert first < 2000
    assert 5900 < second < 6000


async def test_a_caller_is_a_model() -> None:
    backend = Backend(capabilities=Capabilities(tools=True))
    caller = Caller(backend)
    assert isinstance(caller, Model)
    assert caller.name == "backend"
    assert caller.capabilities.tools
