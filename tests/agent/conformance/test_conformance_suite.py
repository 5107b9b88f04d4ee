"""A backend that keeps every promise passes, and for each promise there is one that breaks it and fails."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace

import pytest

from agent.conformance import CHECKS, Subject, run_checks, subject_of
from agent.messages import Reply, ToolCall, Usage
from agent.models.base import Capabilities
from agent.models.errors import ModelError
from tests.agent.conformance.obedient import EVERYTHING, KEY, Obedient

NAMES = [check.name for check in CHECKS]


def subject(model=None, key_shows: bool = False) -> Subject:
    shown = "sk-wrong-key"

    def wrong_key() -> Obedient:
        return KeyTold() if key_shows else Obedient(key=shown)

    return Subject(
        model or Obedient(delay=0.05),
        faulty={"wrong_key": wrong_key, "wrong_name": lambda: Obedient(served="other")},
        secrets=(KEY, shown),
    )


async def outcomes(tested: Subject, *names: str) -> dict[str, str]:
    checks = [check for check in CHECKS if not names or check.name in names]
    return {found.check: found.outcome async for found in run_checks(tested, checks, seconds=5)}


async def test_a_backend_that_keeps_every_promise_passes():
    found = await outcomes(subject())
    assert [name for name, outcome in found.items() if outcome == "failed"] == []
    assert [name for name, outcome in found.items() if outcome == "not offered"] == ["unreachable"]
    assert list(found) == NAMES


async def test_what_is_not_declared_is_not_offered():
    class Plain(Obedient):
        capabilities = Capabilities()

        async def generate(self, messages, tools, sampling):
            assert not tools
            sampling = sampling.model_copy(
                update={"stop": (), "labels": (), "logprobs": 0, "prompt_logprobs": 0}
            )
            return (await super().generate(messages, (), sampling)).model_copy(update={"usage": Usage()})

    found = await outcomes(subject_of(Plain()))
    assert {name for name, outcome in found.items() if outcome == "passed"} == {
        "plain-reply", "system-message", "unicode", "long-input", "identity", "frozen",
        "cancellation", "timeout", "many-at-once",
    }  # fmt: skip
    assert "failed" not in found.values()


class Changed(Obedient):
    """Changes each reply of an obedient backend."""

    def __init__(self, **changes) -> None:
        super().__init__()
        self.changes = changes

    async def generate(self, messages, tools, sampling):
        return (await super().generate(messages, tools, sampling)).model_copy(update=self.changes)


class Asked(Obedient):
    """Does not do what part of a request asks."""

    def __init__(self, **changes) -> None:
        super().__init__()
        self.changes = changes

    async def generate(self, messages, tools, sampling):
        return await super().generate(messages, tools, sampling.model_copy(update=self.changes))


class NoSystem(Obedient):
    async def generate(self, messages, tools, sampling):
        said = [message for message in messages if message.role != "system"]
        return await super().generate(said, tools, sampling)


class Ascii(Obedient):
    async def generate(self, messages, tools, sampling):
        reply = await super().generate(messages, tools, sampling)
        return reply.model_copy(update={"text": reply.text.encode("ascii", "ignore").decode()})


class NoTools(Obedient):
    async def generate(self, messages, tools, sampling):
        return await super().generate(messages, (), sampling)


class NoResults(Obedient):
    async def generate(self, messages, tools, sampling):
        if messages[-1].role == "tool":
            raise KeyError("tool")
        return await super().generate(messages, tools, sampling)


class Unseeded(Obedient):
    count = 0

    async def generate(self, messages, tools, sampling):
        self.count += 1
        return await super().generate(messages, tools, sampling.model_copy(update={"seed": 1 << self.count}))


class Swallowing(Obedient):
    """Makes a model error of a cancellation."""

    async def generate(self, messages, tools, sampling):
        try:
            await asyncio.sleep(0.2 if "Count" in messages[-1].content else 0)
        except asyncio.CancelledError:
            raise ModelError("something happened") from None
        return await super().generate(messages, tools, sampling)


class Deaf(Obedient):
    """Goes on although it was cancelled."""

    async def generate(self, messages, tools, sampling):
        work = asyncio.ensure_future(asyncio.sleep(4.0 if "Count" in messages[-1].content else 0))
        while not work.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(work)
        return await super().generate(messages, tools, sampling)


class OneForAll(Obedient):
    """Gives calls that run at the same time each other's answers."""

    last = ()

    async def generate(self, messages, tools, sampling):
        self.last = messages
        await asyncio.sleep(0.01)
        return await super().generate(self.last, tools, sampling)


class Mutating(Obedient):
    async def generate(self, messages, tools, sampling):
        for tool in tools:
            tool.parameters["additionalProperties"] = False
        return await super().generate(messages, tools, sampling)


class WrongError(Obedient):
    async def generate(self, messages, tools, sampling):
        try:
            return await super().generate(messages, tools, sampling)
        except ModelError as error:
            raise RuntimeError(str(error)) from None


class KeyTold(Obedient):
    async def generate(self, messages, tools, sampling):
        raise ModelError("the server refuses sk-wrong-key")


TWICE = (ToolCall(id="a", name="weather", arguments={"city": "Paris"}),) * 2


@pytest.mark.parametrize(
    ("model", "broken"),
    [
        (Changed(text="", tool_calls=()), "plain-reply"),
        (Changed(usage=Usage(input=1, output=-1)), "plain-reply"),
        (NoSystem(), "system-message"),
        (Ascii(), "unicode"),
        (NoTools(), "tools"),
        (Changed(tool_calls=(TWICE[0].model_copy(update={"name": "other"}),)), "tools"),
        (Changed(finish_reason="stop"), "tools"),
        (Changed(tool_calls=(TWICE[0].model_copy(update={"arguments": {"town": 1}}),)), "tools"),
        (Changed(tool_calls=TWICE), "parallel-tools"),
        (NoResults(), "tool-results"),
        (Asked(stop=()), "stop"),
        (Unseeded(), "seed"),
        (Asked(n=1), "samples"),
        (Changed(text="a cat"), "response-schema"),
        (Changed(text='{"animal": "yak"}'), "response-schema"),
        (Asked(logprobs=0), "logprobs"),
        (Changed(logprobs=({"a": 0.5},)), "logprobs"),
        (Asked(prompt_logprobs=0), "prompt-logprobs"),
        (Asked(labels=(" yes",)), "labels"),
        (Changed(labels={" yes": None, " no": None}), "labels"),
        (Changed(labels={" yes": -0.1, " no": -0.1}), "labels"),
        (WrongError(), "overflow"),
        (Changed(usage=Usage(input=5, output=1)), "usage"),
        (Changed(usage=Usage(input=5)), "usage"),
        (Changed(model=""), "identity"),
        (Changed(seconds=0.1, first_token=50.0), "identity"),
        (Mutating(), "frozen"),
        (Swallowing(), "cancellation"),
        (Deaf(), "cancellation"),
        (Swallowing(), "timeout"),
        (Deaf(), "timeout"),
        (OneForAll(), "many-at-once"),
    ],
)
async def test_a_broken_promise_is_found(model, broken):
    assert await outcomes(subject(model), broken) == {broken: "failed"}


async def test_wrong_errors_are_found():
    tested = replace(subject(), faulty={"wrong_key": KeyTold, "wrong_name": lambda: Obedient(key="x")})
    assert (await outcomes(tested, "wrong-key"))["wrong-key"] == "failed"
    hidden = subject(key_shows=True)
    found = [finding async for finding in run_checks(hidden, [CHECKS[NAMES.index("keys-stay-inside")]])]
    assert found[0].outcome == "failed"
    assert "sk-wrong" not in found[0].note


async def test_keys_never_stand_in_a_finding():
    class Telling(Obedient):
        async def generate(self, messages, tools, sampling):
            raise ModelError(f"{KEY} was refused\nby the server")

    async for finding in run_checks(subject(Telling()), CHECKS[:1]):
        assert finding.note == "ModelError: [key] was refused by the server"


async def test_a_capability_that_is_not_declared_must_not_show():
    class Generous(Obedient):
        capabilities = EVERYTHING.model_copy(update={"n": False})

        async def generate(self, messages, tools, sampling):
            return await super().generate(messages, tools, sampling.model_copy(update={"n": 2}))

    assert await outcomes(subject(Generous()), "samples") == {"samples": "failed"}


async def test_a_silent_backend_fails_in_time():
    class Silent(Obedient):
        async def generate(self, messages, tools, sampling):
            await asyncio.sleep(60)
            return Reply()

    async for finding in run_checks(subject(Silent()), CHECKS[:1], seconds=0.1):
        assert finding.outcome == "failed"
        assert finding.note == "no answer within 0 s"
