"""`manual/DIR`: each request becomes files in a folder, and a reply file answers it.

A person, or any program that can write a file, can be the model.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from agent import dialect
from agent.messages import Message, Reply, Sampling, ToolSpec
from agent.models.base import Capabilities
from agent.models.errors import ModelUnavailableError
from agent.tape import request_key

EXAMPLE = '{"text": "...", "tool_calls": [{"id": "a", "name": "bash", "arguments": {"command": "ls"}}]}'
POLL = 0.2
"""Seconds between two looks at the folder."""


class BadReplyError(ValueError):
    """A reply file cannot be read as a reply; the message says what is wrong."""


class ManualModel:
    """Writes `NNN-sS-tT.request.md` and `.request.json`, and waits for `.reply.md` or `.reply.json`.

    A reply file that cannot be read is answered by `.error.txt` and waited for again. A request that lies in
    the folder already, from an earlier run, is not written again, and its reply counts.
    """

    capabilities = Capabilities(tools=True)

    def __init__(self, folder: Path) -> None:
        self.name = f"manual/{folder}"
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / ".writable"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise ModelUnavailableError(
                f"cannot write to {folder}: {error.strerror}; name a folder you own"
            ) from error

    async def generate(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        """Write the request and wait for its reply.

        Raises:
            ModelUnavailableError: the folder cannot be written or read any longer.
        """
        started = time.monotonic()
        try:
            stem = self._ask(messages, tools, sampling)
            reply = await self._answer(stem, tools)
        except OSError as error:
            raise ModelUnavailableError(f"{self._folder}: {error.strerror or error}") from error
        return reply.model_copy(update={"seconds": reply.seconds or time.monotonic() - started})

    def _ask(self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling) -> str:
        """Return the stem of the request's files, which are there when this returns."""
        key = request_key(messages, tools, sampling)
        turn = sum(message.role == "assistant" for message in messages)
        ending = f"-s{sampling.sample}-t{turn}"
        for path in sorted(self._folder.glob(f"*{ending}.request.json")):
            if _key_of(path) == key:
                return path.name.removesuffix(".request.json")
        request = {
            "request": key,
            "messages": [message.model_dump(mode="json") for message in messages],
            "tools": [tool.model_dump(mode="json") for tool in tools],
            "sampling": sampling.model_dump(mode="json"),
        }
        stem = self._claim(ending)
        _write(self._folder / f"{stem}.request.json", json.dumps(request, indent=1, ensure_ascii=False))
        _write(self._folder / f"{stem}.request.md", render_request(stem, messages, tools))
        return stem

    def _claim(self, ending: str) -> str:
        """Return a stem whose number nobody else has, however many write to the folder."""
        numbers = [
            int(found.group()) for path in self._folder.iterdir() if (found := re.match(r"\d+", path.name))
        ]
        number = max(numbers, default=0) + 1
        while True:
            try:
                (self._folder / f"{number:03}.claim").touch(exist_ok=False)
            except FileExistsError:
                number += 1
            else:
                return f"{number:03}{ending}"

    async def _answer(self, stem: str, tools: Sequence[ToolSpec]) -> Reply:
        error = self._folder / f"{stem}.error.txt"
        seen: tuple[str, int, int] | None = None
        refused: tuple[str, int, int] | None = None
        while True:
            found = self._reply_file(stem)
            state = (found.name, found.stat().st_mtime_ns, found.stat().st_size) if found else None
            # a file that is still growing is looked at again once it rests
            if found and state == seen and state != refused:
                try:
                    reply = read_reply(found, tools)
                except BadReplyError as problem:
                    refused = state
                    _write(error, f"{found.name}: {problem}\nWrite the file again.\n")
                else:
                    error.unlink(missing_ok=True)
                    return reply
            seen = state
            await asyncio.sleep(POLL)

    def _reply_file(self, stem: str) -> Path | None:
        paths = [self._folder / f"{stem}.reply.{ending}" for ending in ("json", "md")]
        return next((path for path in paths if path.is_file() and path.stat().st_size), None)


def read_reply(path: Path, tools: Sequence[ToolSpec]) -> Reply:
    """Return the reply in a file: a `Reply` in JSON, or text with calls in the dialect if tools were offered.

    Raises:
        BadReplyError: it holds no such reply.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadReplyError(f"it is not UTF-8 (byte {error.start})") from None
    if path.suffix == ".json":
        try:
            return Reply.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise BadReplyError(f"it is no reply: {where + ': ' if where else ''}{first['msg']}") from None
    if not tools or "<function=" not in text:
        return Reply(text=text.strip("\r\n"), model="manual")
    parsed = dialect.parse(text, prefix=path.name.partition(".")[0])
    if parsed.problem:
        raise BadReplyError(parsed.problem)
    thought = text.partition("<function=")[0].strip()
    return Reply(text=thought, tool_calls=parsed.calls, finish_reason="tool_calls", model="manual")


def render_request(stem: str, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> str:
    """Return a request as a page to read: how to answer, the tools, and the whole conversation."""
    how = f"Answer by writing `{stem}.reply.md` beside this file"
    if tools:
        how += ": text, with calls of the tools as shown below. Or"
    else:
        how += ": plain text. Or"
    parts = [
        f"# Request {stem}",
        f"{how} `{stem}.reply.json`: a JSON object such as `{EXAMPLE}`.",
    ]
    if tools:
        parts.append(dialect.render_tools(tools))
    names = {call.id: call.name for message in messages for call in message.tool_calls}
    for place, message in enumerate(messages):
        answered = message.tool_call_id or ""
        about = f" (what {names.get(answered, 'call')} {answered} returned)" if answered else ""
        parts.append(f"{'-' * 80}\n# Message {place}: {message.role}{about}")
        calls = [dialect.render_call(call.name, call.arguments) for call in message.tool_calls]
        parts += [part for part in (message.content, *calls) if part]
    return "\n\n".join(parts) + "\n"


def _key_of(path: Path) -> str:
    try:
        return str(json.loads(path.read_bytes())["request"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _write(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, "utf-8", "backslashreplace")
    part.replace(path)
