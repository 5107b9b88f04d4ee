"""The LiteLLM backend against a real HTTP server that speaks OpenAI's chat completions."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from typing import Any

import pytest

from agent.arguments import MALFORMED, specifications
from agent.messages import Message, Reply, Sampling, ToolCall
from agent.models import litellm as backend
from agent.models.errors import (
    AuthenticationError,
    ContextOverflowError,
    ModelError,
    ModelUnavailableError,
)
from agent.models.registry import load_model

pytestmark = pytest.mark.skipif(find_spec("litellm") is None, reason='needs pip install "mangabey[litellm]"')

HELLO = (Message(role="system", content="s"), Message(role="user", content="hello"))


class Server(ThreadingHTTPServer):
    """Answers with what was put into `answers`, and keeps what was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[tuple[int, Any, dict[str, str]]] = []
        self.asked: list[dict[str, Any]] = []

    def answer(self, body: Any, status: int = 200, **headers: str) -> None:
        self.answers.append(
            (status, body, {name.replace("_", "-"): value for name, value in headers.items()})
        )


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        self.server.asked.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        status, body, headers = self.server.answers[min(len(self.server.asked), len(self.server.answers)) - 1]
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {
            "content-type": "application/json",
            "content-length": str(len(data)),
            **headers,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setenv("OPENAI_API_BASE", f"http://127.0.0.1:{server.server_port}/v1")
        monkeypatch.setenv("OPENAI_API_KEY", "key")
        monkeypatch.setattr(backend, "FIRST_DELAY", 0.01)
        yield server
        server.shutdown()


def completion(message: dict[str, Any], finish: str = "stop") -> dict[str, Any]:
    return {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": "x-2026",
        "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}],
        "usage": {
            "prompt_tokens": 100,
            "completion_tokens": 20,
            "total_tokens": 120,
            "prompt_tokens_details": {"cached_tokens": 60},
            "completion_tokens_details": {"reasoning_tokens": 7},
        },
    }


def called(*arguments: str) -> dict[str, Any]:
    calls = [
        {"id": f"c{n}", "type": "function", "function": {"name": "bash", "arguments": text}}
        for n, text in enumerate(arguments)
    ]
    return completion({"content": None, "tool_calls": calls}, "tool_calls")


def failure(message: str, code: str = "") -> dict[str, Any]:
    return {"error": {"message": message, "type": "error", "param": None, "code": code or None}}


async def ask(messages: tuple[Message, ...] = HELLO, **sampling: Any) -> Reply:
    return await load_model("litellm/openai/x").generate(messages, specifications(), Sampling(**sampling))


async def test_plain_reply(server: Server) -> None:
    server.answer(completion({"content": "hi"}))
    reply = await ask(temperature=0.5, seed=7, sample=2, stop=("END",))
    assert (reply.text, reply.finish_reason, reply.model) == ("hi", "stop", "x-2026")
    assert (reply.usage.input, reply.usage.cached_input) == (100, 60)
    assert (reply.usage.output, reply.usage.reasoning) == (20, 7)
    assert reply.cost is None
    assert reply.seconds > 0
    asked = server.asked[0]
    assert asked["messages"] == [{"role": "system", "content": "s"}, {"role": "user", "content": "hello"}]
    assert (asked["temperature"], asked["seed"], asked["stop"]) == (0.5, 9, ["END"])
    assert [tool["function"]["name"] for tool in asked["tools"]][:2] == ["bash", "view"]


async def test_price_of_a_known_model(server: Server) -> None:
    server.answer({**completion({"content": "hi"}), "model": "gpt-4o"})
    reply = await load_model("litellm/openai/gpt-4o").generate(HELLO, (), Sampling())
    assert reply.cost is not None
    assert 0 < reply.cost < 0.01


async def test_tool_calls_and_the_conversation_with_them(server: Server) -> None:
    server.answer(called('{"command": "ls"}', '{"command": "pwd", "timeout": 5}'))
    reply = await ask()
    assert reply.finish_reason == "tool_calls"
    assert reply.tool_calls == (
        ToolCall(id="c0", name="bash", arguments={"command": "ls"}),
        ToolCall(id="c1", name="bash", arguments={"command": "pwd", "timeout": 5}),
    )
    answers = tuple(Message(role="tool", content="", tool_call_id=call.id) for call in reply.tool_calls)
    await ask((*HELLO, reply.as_message(), *answers))
    assistant, *tools = server.asked[1]["messages"][2:]
    assert json.loads(assistant["tool_calls"][0]["function"]["arguments"]) == {"command": "ls"}
    assert [tool["tool_call_id"] for tool in tools] == ["c0", "c1"]


@pytest.mark.parametrize("raw", ['{"command": "l', "[1]", "true", '{"command": "a\\qb"}'])
async def test_arguments_that_are_no_json_object(server: Server, raw: str) -> None:
    server.answer(called(raw))
    reply = await ask()
    assert list(reply.tool_calls[0].arguments) == [MALFORMED]
    await ask((*HELLO, reply.as_message(), Message(role="tool", content="wrong", tool_call_id="c0")))
    sent = server.asked[1]["messages"][2]["tool_calls"][0]["function"]["arguments"]
    assert isinstance(json.loads(sent), dict)


async def test_raw_line_ends_in_arguments_are_read(server: Server) -> None:
    server.answer(called('{"command": "a\nb"}'))
    assert (await ask()).tool_calls[0].arguments == {"command": "a\nb"}


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_a_passing_failure_is_tried_again(server: Server, status: int) -> None:
    server.answer(failure("slow down"), status, retry_after="0.05")
    server.answer(completion({"content": "hi"}))
    assert (await ask()).text == "hi"
    assert len(server.asked) == 2


async def test_retry_after_is_obeyed(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(backend.asyncio, "sleep", sleep)
    server.answer(failure("slow down"), 429, retry_after="17")
    server.answer(completion({"content": "hi"}))
    await ask()
    assert 17.0 in slept


async def test_a_lasting_failure_ends(server: Server) -> None:
    server.answer(failure("broken"), 500)
    with pytest.raises(ModelUnavailableError, match="try again later"):
        await ask()
    assert len(server.asked) == backend.ATTEMPTS


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, failure("This model's maximum context length is 4096 tokens."), ContextOverflowError),
        (401, failure("Incorrect API key"), AuthenticationError),
        (403, failure("no access"), AuthenticationError),
        (404, failure("no model x"), ModelUnavailableError),
        (400, failure("bad temperature"), ModelError),
        (429, failure("You exceeded your current quota", "insufficient_quota"), ModelUnavailableError),
    ],
)
async def test_other_failures_are_told_once_in_one_line(
    server: Server, status: int, body: dict[str, Any], error: type[ModelError]
) -> None:
    server.answer(body, status)
    with pytest.raises(error) as caught:
        await ask()
    assert type(caught.value) is error
    assert "\n" not in str(caught.value)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "body", [b"<html>gateway</html>", b'{"choices": []}', b"[]", b'{"choices": [{"index"']
)
async def test_garbage(server: Server, body: bytes) -> None:
    server.answer(body)
    with pytest.raises(ModelError) as caught:
        await ask()
    assert "\n" not in str(caught.value)


async def test_no_server(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_BASE", "http://127.0.0.1:9/v1")
    monkeypatch.setattr(backend, "ATTEMPTS", 2)
    with pytest.raises(ModelUnavailableError):
        await ask()
