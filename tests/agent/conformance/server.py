"""An OpenAI-compatible HTTP server on this machine that answers as `Obedient` does."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from agent.messages import Message, Reply, Sampling, ToolCall, ToolSpec
from agent.models.errors import ContextOverflowError
from tests.agent.conformance.obedient import KEY, answer

DELAY = 0.02
"""Seconds of a reply that is longer than a few words."""


@contextmanager
def serving() -> Iterator[str]:
    """Serve the model `obedient` for the length of a `with` block, and give the base URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._send(200, {"object": "list", "data": [{"id": "obedient", "max_model_len": 3000}]})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.headers.get("authorization") != f"Bearer {KEY}":
            self._fail(401, "Incorrect API key provided.", "invalid_api_key")
        elif asked["model"] != "obedient":
            self._fail(404, f"The model {asked['model']!r} does not exist.", "model_not_found")
        else:
            self._answer(asked)

    def _answer(self, asked: dict[str, Any]) -> None:
        try:
            reply = answer(*read_request(asked))
        except ContextOverflowError as error:
            said = f"This model's maximum context length is 3000 tokens. {error}"
            return self._fail(400, said, "context_length_exceeded")
        if len(reply.text) > 100:
            time.sleep(DELAY)
        if asked.get("stream"):
            return self._stream(reply, bool((asked.get("stream_options") or {}).get("include_usage")))
        choices = [
            {"index": place, "message": _message(one), **_rest(one)}
            for place, one in enumerate((reply, *reply.others))
        ]
        return self._send(200, {**_head("chat.completion"), "choices": choices, "usage": _usage(reply)})

    def _stream(self, reply: Reply, counted: bool) -> None:
        chunks = [
            {"choices": [{"index": place, "delta": _message(one), **_rest(one)}]}
            for place, one in enumerate((reply, *reply.others))
        ]
        if counted:
            chunks.append({"choices": [], "usage": _usage(reply)})
        events = [json.dumps({**_head("chat.completion.chunk"), **chunk}) for chunk in chunks]
        body = "".join(f"data: {event}\n\n" for event in [*events, "[DONE]"]).encode()
        self._write(200, "text/event-stream", body)

    def _fail(self, status: int, message: str, code: str) -> None:
        self._send(status, {"error": {"message": message, "type": "invalid_request_error", "code": code}})

    def _send(self, status: int, body: object) -> None:
        self._write(status, "application/json", json.dumps(body).encode())

    def _write(self, status: int, kind: str, body: bytes) -> None:
        try:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except ConnectionError:
            self.close_connection = True  # the client has cancelled

    def log_message(self, *arguments: Any) -> None:
        pass


def read_request(asked: dict[str, Any]) -> tuple[list[Message], list[ToolSpec], Sampling]:
    """Return what a request asks, in our words."""
    messages = [
        Message(
            role=one["role"],
            content=one.get("content") or "",
            tool_call_id=one.get("tool_call_id"),
            tool_calls=tuple(
                ToolCall(
                    id=call["id"],
                    name=call["function"]["name"],
                    arguments=json.loads(call["function"]["arguments"]),
                )
                for call in one.get("tool_calls") or ()
            ),
        )
        for one in asked["messages"]
    ]
    tools = [ToolSpec(**tool["function"]) for tool in asked.get("tools") or ()]
    stop = asked.get("stop") or ()
    sampling = Sampling(
        temperature=asked.get("temperature", 1.0),
        max_tokens=asked.get("max_completion_tokens") or asked.get("max_tokens") or 100,
        n=asked.get("n") or 1,
        seed=asked.get("seed") or 0,
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        logprobs=asked.get("top_logprobs") or 0,
    )
    return messages, tools, sampling


def _head(kind: str) -> dict[str, Any]:
    return {"id": "chat-1", "object": kind, "created": 1, "model": "obedient-1"}


def _message(reply: Reply) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or None}
    if reply.tool_calls:
        message["tool_calls"] = [
            {
                "index": place,
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
            }
            for place, call in enumerate(reply.tool_calls)
        ]
    return message


def _rest(reply: Reply) -> dict[str, Any]:
    scores = [
        {
            "token": "x",
            "logprob": position["x"],
            "top_logprobs": [{"token": token, "logprob": score} for token, score in position.items()],
        }
        for position in reply.logprobs
    ]
    return {"finish_reason": reply.finish_reason, "logprobs": {"content": scores} if scores else None}


def _usage(reply: Reply) -> dict[str, int]:
    usage = reply.usage
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
    }
