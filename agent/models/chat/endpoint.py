"""One server that speaks OpenAI's chat completions.

Requests go out through the `openai` SDK, and its errors come back as those of `agent.models.errors`.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from agent.messages import Reply, Sampling
from agent.models.chat.assemble import Assembly
from agent.models.chat.broken import accounted, used
from agent.models.chat.events import parts
from agent.models.chat.failures import failure, stream_failure, without_secrets
from agent.models.chat.http import http_library
from agent.models.chat.watch import Deadlines, Watch
from agent.models.errors import (
    BadReplyError,
    ConnectionLostError,
    DeadlineError,
    ModelUnavailableError,
)

if TYPE_CHECKING:
    import ssl

    from openai import AsyncOpenAI, RequestOptions


LANE = 32
"""Calls at a time through one client.

A client looks at all its connections for every call: the work of many calls in one grows with their square.
"""
ASKING = 30.0
"""Seconds a server may take to answer a question about itself."""


@dataclass(slots=True)
class _Lane:
    """A client, and the calls that go through it at this moment."""

    client: AsyncOpenAI
    calls: int = 0


class Endpoint:
    """A server at an address, asked with a key or without, over connections that are used again.

    Raises:
        ModelUnavailableError: the `openai` SDK is not installed, or the address is none.
    """

    def __init__(self, name: str, address: str, key: str = "", deadlines: Deadlines | None = None) -> None:
        if importlib.util.find_spec("openai") is None:
            raise ModelUnavailableError(f'{name} needs the openai SDK: pip install "mangabey[openai]"')
        self.name = name
        self.address = _checked(name, address)
        self.deadlines = deadlines or Deadlines()
        self._key = key
        self._lanes: WeakKeyDictionary[asyncio.AbstractEventLoop, list[_Lane]] = WeakKeyDictionary()
        self._trust: ssl.SSLContext | None = None

    @property
    def root(self) -> str:
        """The address without `/v1`, where servers answer about themselves."""
        return self.address.removesuffix("/v1")

    async def complete(
        self, body: Mapping[str, Any], sampling: Sampling, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Send one chat completion request and return its reply.

        Args:
            body: the request; a reply that comes whole though a stream was asked for is taken too.
            sampling: says which log-probabilities are read from the reply.
            headers: further headers.

        Raises:
            ModelError: by class, see `agent.models.errors`.
        """
        assembly = Assembly(self.name)
        with self._lane() as client, accounted(assembly, body):
            async with Watch(self.name, self.deadlines) as watch:
                await self._stream(client, body, headers or {}, assembly, watch)
            return assembly.reply(
                sampling,
                usage=used(assembly, body),
                seconds=watch.seconds,
                first_token=watch.first_token,
            )

    async def _stream(
        self,
        client: AsyncOpenAI,
        body: Mapping[str, Any],
        headers: Mapping[str, str],
        assembly: Assembly,
        watch: Watch,
    ) -> None:
        """Send a request and take in its reply."""
        from openai import AsyncStream

        with self._typed():
            stream = await client.post(
                "/chat/completions",
                body=dict(body),
                cast_to=object,
                stream=True,
                stream_cls=AsyncStream[object],
                options={"headers": self._headers(headers)},
            )
            async with stream:
                if "json" in stream.response.headers.get("content-type", ""):
                    assembly.add(self._whole(await stream.response.aread()))
                    watch.token()
                else:
                    async for part in parts(stream.response.aiter_bytes()):
                        if isinstance(part, dict) and part.get("error"):
                            raise stream_failure(self.name, part, (self._key,))
                        if assembly.add(part):
                            watch.token()

    async def get(self, path: str) -> str:
        """Return what the server has at a path below its address, or at a whole URL, as text.

        Raises:
            ModelError: it has nothing there, or was not reached.
        """
        kind = http_library().Response
        with self._typed(), self._lane() as client:
            response = await client.get(path, cast_to=kind, options=self._asking())
            return str(response.text)

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Return the JSON that the server answers at a path or whole URL.

        Raises:
            ModelError: it does not answer so, or was not reached.
        """
        kind = http_library().Response
        with self._typed(), self._lane() as client:
            response = await client.post(path, body=dict(body), cast_to=kind, options=self._asking())
            return response.json()

    async def close(self) -> None:
        """Close the connections of the running event loop."""
        for lane in self._lanes.pop(asyncio.get_running_loop(), []):
            await lane.client.close()

    @contextmanager
    def _lane(self) -> Iterator[AsyncOpenAI]:
        """Give a client with room; connections belong to the event loop that opened them."""
        lanes = self._lanes.setdefault(asyncio.get_running_loop(), [])
        lane = next((lane for lane in lanes if lane.calls < LANE), None)
        if lane is None:
            lane = _Lane(self._opened())
            lanes.append(lane)
        lane.calls += 1
        try:
            yield lane.client
        finally:
            lane.calls -= 1

    def _opened(self) -> AsyncOpenAI:
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient

        httpx = http_library()
        timeout = httpx.Timeout(None, connect=self.deadlines.connect)
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=LANE)
        self._trust = self._trust or httpx.create_ssl_context()  # costs tens of milliseconds
        return AsyncOpenAI(
            base_url=self.address,
            api_key=self._key or "none",
            max_retries=0,
            timeout=timeout,
            http_client=DefaultAsyncHttpxClient(timeout=timeout, limits=limits, verify=self._trust),
        )

    def _headers(self, headers: Mapping[str, str]) -> dict[str, Any]:
        """Return the headers of a request; without a key there is no Authorization, as the SDK would send."""
        from openai import Omit

        return {**headers} if self._key else {**headers, "Authorization": Omit()}

    def _asking(self) -> RequestOptions:
        httpx = http_library()
        timeout = httpx.Timeout(ASKING, connect=self.deadlines.connect)
        return {"headers": self._headers({}), "timeout": timeout}

    def _whole(self, content: bytes) -> Any:
        """Return a reply that did not come as a stream."""
        reply = json.loads(content)
        if isinstance(reply, dict) and reply.get("error"):
            raise stream_failure(self.name, reply, (self._key,))
        return reply

    @contextmanager
    def _typed(self) -> Iterator[None]:
        """Turn what the SDK raises into the errors of `agent.models.errors`.

        What may hold the server's words is not chained: they may hold the key.
        """
        import openai

        httpx = http_library()
        try:
            yield
        except openai.APIStatusError as error:
            raise failure(
                self.name, error.status_code, _body(error.response), error.response.headers, (self._key,)
            ) from None
        except openai.APITimeoutError as error:
            raise self._late(error) from error
        except openai.APIConnectionError as error:
            cause = without_secrets(str(error.__cause__ or error), (self._key,))
            raise ConnectionLostError(f"{self.name}: {self.address} cannot be reached: {cause}") from error
        except openai.APIError as error:
            raise stream_failure(self.name, {"error": error.body}, (self._key,)) from None
        except httpx.TransportError as error:
            cause = f"{type(error).__name__} {error}".rstrip()
            raise ConnectionLostError(f"{self.name}: the connection broke in the reply: {cause}") from error
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise BadReplyError(f"{self.name} sent torn JSON: {error}") from None

    def _late(self, error: Exception) -> DeadlineError:
        httpx = http_library()
        if isinstance(error.__cause__, httpx.ConnectTimeout):
            limit = self.deadlines.connect
            return DeadlineError(f"{self.name}: no connection to {self.address} within {limit:g} s")
        return DeadlineError(f"{self.name}: {self.address} did not answer within {ASKING:g} s")


def _checked(name: str, address: str) -> str:
    try:
        parts = urlsplit(address)
        host = parts.hostname if parts.scheme in ("http", "https") else None
    except ValueError:
        host = None
    if not host:
        raise ModelUnavailableError(f"{name}: {address!r} is no address; expected http://HOST:PORT/v1")
    return address.rstrip("/")


def _body(response: Any) -> Any:
    try:
        return response.json()
    except ValueError:
        return response.text
