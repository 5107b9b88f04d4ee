"""All our backends keep what a backend promises, each in the conversations that it answers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from agent.conformance import *  # noqa: F403
from agent.conformance import CHECKS, Subject, run_checks, subject_of
from agent.messages import Message, Reply, Sampling, ToolSpec
from agent.models import manual
from agent.models.caller import Caller
from agent.models.closing import closing
from agent.models.mixture import Mixture
from agent.models.registry import load_model
from agent.models.scripted import ScriptedModel
from agent.tape import request_key
from tests.agent.conformance.obedient import KEY, Obedient, answer
from tests.agent.conformance.server import serving
from tests.agent.foreign.files import mini_1

WRONG = "sk-wrong-key-of-the-tests"
KINDS = [
    *("obedient", "builtin", "scripted", "manual_model", "replay", "mixture"),
    *("hosted", "compatible", "vllm", "called"),
]


@pytest.fixture(params=KINDS)
def model(request):
    """Each backend in turn; one more is one more name here and a fixture of that name."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def obedient():
    return Obedient()


@pytest.fixture
def builtin():
    return load_model("builtin/repair")


@pytest.fixture
def scripted():
    """A script answers anything, and nothing that it is asked for."""
    return Subject(ScriptedModel([Reply(text="So be it.", model="script")] * 20), obeys=False)


@pytest.fixture
def replay(recording):
    return load_model(f"replay/{recording}")


@pytest.fixture(scope="session")
def recording(tmp_path_factory):
    """A whole check of an obedient backend, as a journal records it."""
    path = tmp_path_factory.mktemp("recording") / "journal.jsonl"

    async def record() -> None:
        found = [finding async for finding in run_checks(subject_of(Recorded(path)), CHECKS)]
        assert "failed" not in {finding.outcome for finding in found}

    asyncio.run(record())
    return path


class Recorded(Obedient):
    """Leaves each reply in a journal."""

    capabilities = Obedient.capabilities.model_copy(update={"context_length": None})

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    async def generate(self, messages, tools, sampling):
        reply = answer(messages, tools, sampling)  # at once: what is cancelled is recorded too
        turn = sum(message.role == "assistant" for message in messages)
        key = request_key(messages, tools, sampling)
        data = {"sample": sampling.sample, "turn": turn, "request": key, "reply": reply.model_dump()}
        with self.path.open("a") as file:
            file.write(json.dumps({"kind": "reply", "data": data}) + "\n")
        return reply


@pytest.fixture
async def manual_folder(tmp_path, monkeypatch):
    """A folder with a program that answers what is written there."""
    monkeypatch.setattr(manual, "POLL", 0.01)
    program = asyncio.create_task(answering(tmp_path))
    yield tmp_path
    program.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await program


async def answering(folder: Path) -> None:
    while True:
        for path in folder.glob("*.request.json"):  # noqa: ASYNC240
            reply = path.with_name(path.name.replace(".request.", ".reply."))
            if not reply.exists():
                asked = json.loads(path.read_text())
                said = [Message.model_validate(one) for one in asked["messages"]]
                told = answer(
                    [one for one in said if len(one.content) < 10_000],  # who writes files has no window
                    [ToolSpec.model_validate(one) for one in asked["tools"]],
                    Sampling.model_validate(asked["sampling"]),
                )
                part = reply.with_suffix(".part")
                part.write_text(told.model_dump_json())
                part.rename(reply)
        await asyncio.sleep(0.005)


@pytest.fixture
def manual_model(manual_folder):
    return load_model(f"manual/{manual_folder}")


@pytest.fixture
def mixture():
    return Mixture("1*a + 1*b", [(1, Obedient()), (1, Obedient(delay=0.001))])


@pytest.fixture
async def address():
    async with serving() as stub:
        yield stub.address


@pytest.fixture
def environment(address, monkeypatch):
    monkeypatch.setenv("OPENAI_API_BASE", address)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("VLLM_API_KEY", KEY)
    return monkeypatch


@pytest.fixture
def hosted(environment):
    """A hosted model behind an OpenAI-compatible server on this machine."""
    if find_spec("litellm") is None:
        pytest.skip('needs pip install "mangabey[litellm]"')

    model = load_model("litellm/openai/obedient")
    return Subject(
        model,
        faulty={
            "wrong_key": lambda: Elsewhere(model, environment, "OPENAI_API_KEY", WRONG),
            "wrong_name": lambda: load_model("litellm/openai/other"),
            "unreachable": lambda: Elsewhere(model, environment, "OPENAI_API_BASE", f"{nobody()}/v1"),
        },
        secrets=(KEY, WRONG),
    )


@pytest.fixture
async def compatible(environment, address):
    """A client of any server of chat completions, which finds out what the server can do."""
    async for subject in client("compatible", "OPENAI_API_KEY", environment, address):
        yield subject


@pytest.fixture
async def vllm(environment, address):
    async for subject in client("vllm", "VLLM_API_KEY", environment, address):
        yield subject


@pytest.fixture
async def called(vllm):
    """A backend with all that stands around each call."""
    faulty = {fault: lambda make=make: Caller(make()) for fault, make in vllm.faulty.items()}
    del faulty["unreachable"]  # that is tried again and again
    return replace(vllm, model=Caller(vllm.model), faulty=faulty)


async def client(kind, variable, environment, address):
    """Give a client of the server on this machine, and close its connections."""
    if find_spec("openai") is None:
        pytest.skip('needs pip install "mangabey[openai]"')
    model = load_model(f"{kind}/obedient@{address}")
    yield Subject(
        model,
        faulty={
            "wrong_key": lambda: Elsewhere(model, environment, variable, WRONG, f"{kind}/obedient@{address}"),
            "wrong_name": lambda: load_model(f"{kind}/other@{address}"),
            "unreachable": lambda: load_model(f"{kind}/obedient@{nobody()}/v1"),
        },
        secrets=(KEY, WRONG),
    )
    await model.close()


class Elsewhere:
    """A model in another environment, loaded by its name or another."""

    def __init__(self, model, environment, variable, value, name=""):
        self.name, self.capabilities = model.name, model.capabilities
        self.environment, self.variable, self.value = environment, variable, value
        self.loaded = name or model.name

    async def generate(self, messages, tools, sampling):
        with self.environment.context() as changed:
            changed.setenv(self.variable, self.value)
            async with closing(load_model(self.loaded)) as model:
                return await model.generate(messages, tools, sampling)


def nobody() -> str:
    """Return an address at which nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


async def test_a_recording_of_something_else_has_one_reply_and_fails_nothing(tmp_path):
    (tmp_path / "a.traj").write_text(json.dumps(mini_1()))
    found = [one async for one in run_checks(subject_of(load_model(f"replay/{tmp_path / 'a.traj'}")))]
    assert [one.check for one in found if one.outcome != "not offered"] == ["plain-reply"]
    assert found[0].outcome == "passed"


async def test_a_recording_of_the_whole_check_is_played_back_whole(recording):
    found = {one.check: one async for one in run_checks(subject_of(load_model(f"replay/{recording}")))}
    passed = {name for name, finding in found.items() if finding.outcome == "passed"}
    assert passed >= {
        "plain-reply", "system-message", "unicode", "tools", "parallel-tools", "tool-results",
        "usage", "identity", "frozen", "cancellation", "timeout", "many-at-once",
    }  # fmt: skip
