"""The vLLM client against the stub, which answers as `vllm serve` does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from importlib.util import find_spec
from typing import Any

import pytest

from agent.messages import Message, Sampling
from agent.models.base import Capabilities
from agent.models.chat.endpoint import Endpoint
from agent.models.chat.probe import probe_context_length, probe_features
from agent.models.compatible import CompatibleModel
from agent.models.counting import Counting
from agent.models.errors import AuthenticationError, BadReplyError, ModelError
from agent.models.registry import load_model
from agent.models.stub import Act, Exchange, Stub, acts
from agent.models.vllm import Metrics, VllmModel, read_metrics
from agent.models.vllm.model import SERVED

pytestmark = pytest.mark.skipif(find_spec("openai") is None, reason='needs pip install "mangabey[openai]"')

HELLO = (Message(role="user", content="hello"),)
METRICS = """\
# HELP vllm:prefix_cache_queries_total tokens looked up
# TYPE vllm:prefix_cache_queries_total counter
vllm:prefix_cache_queries_total{engine="0",model_name="x"} 1430.0
vllm:prefix_cache_queries_total{engine="1",model_name="x"} 1000.0
# TYPE vllm:prefix_cache_hits_total counter
vllm:prefix_cache_hits_total{engine="0",model_name="x"} 1536.0
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="x"} 3.0
vllm:num_requests_waiting{engine="0",model_name="x"} 2.0
# TYPE vllm:prompt_tokens_total counter
vllm:prompt_tokens_total{engine="0",model_name="x"} 2430.0
# TYPE python_info gauge
python_info{version="3"} 1.0
"""


@pytest.fixture
async def stub() -> AsyncIterator[Stub]:
    async with Stub() as stub:
        stub.play(acts.says("hi"))
        yield stub


@pytest.fixture
async def model(stub: Stub) -> AsyncIterator[VllmModel]:
    model = VllmModel(f"x@{stub.address}", declared=SERVED)
    yield model
    await model.close()


async def tokenize(exchange: Exchange) -> None:
    """Answer with one token for each character."""
    tokens = [ord(letter) for letter in exchange.asked.body["prompt"]]
    await exchange.answer(200, {"count": len(tokens), "tokens": tokens})


async def test_the_session_goes_along_for_routers(stub: Stub, model: VllmModel) -> None:
    await model.generate(HELLO, (), Sampling(session="issue-7"))
    await model.generate(HELLO, (), Sampling())
    first, second = stub.chats
    assert (first.headers["x-session-id"], first.body["user"]) == ("issue-7", "issue-7")
    assert "x-session-id" not in second.headers
    assert "user" not in second.body


async def test_priority_only_where_the_server_has_it(stub: Stub, model: VllmModel) -> None:
    await model.generate(HELLO, (), Sampling(priority=3))
    other = VllmModel(f"x@{stub.address}", declared=SERVED.model_copy(update={"priority": True}))
    await other.generate(HELLO, (), Sampling(priority=3))
    assert "priority" not in stub.chats[0].body
    assert stub.chats[1].body["priority"] == 3
    await other.close()


async def test_prompt_log_probabilities_come_whole(stub: Stub, model: VllmModel) -> None:
    told = [None, {"5": {"logprob": -0.5, "decoded_token": "lo"}}]
    stub.play(acts.answers(acts.completion({"content": "hi"}) | {"prompt_logprobs": told}))
    reply = await model.generate(HELLO, (), Sampling(prompt_logprobs=2))
    assert stub.chats[0].body["prompt_logprobs"] == 2
    assert "stream" not in stub.chats[0].body
    assert reply.prompt_logprobs == ({}, {"lo": -0.5})


async def test_a_schema_guides_decoding(stub: Stub, model: VllmModel) -> None:
    await model.generate(HELLO, (), Sampling(response_schema={"type": "object"}))
    asked = stub.chats[0].body["response_format"]
    assert (asked["type"], asked["json_schema"]["schema"]) == ("json_schema", {"type": "object"})


async def test_label_tokens_are_named_once_they_are_known(stub: Stub, model: VllmModel) -> None:
    stub.pages["/tokenize"] = tokenize
    for _ in range(2):
        await model.generate(HELLO, (), Sampling(labels=("YES", "NO")))
    assert [chat.body["logprob_token_ids"] for chat in stub.chats] == [[ord("Y"), ord(" "), ord("N")]] * 2
    assert len(stub.asked) - len(stub.chats) == 4


async def test_a_last_message_of_the_assistant_is_the_beginning_of_the_reply(
    stub: Stub, model: VllmModel
) -> None:
    await model.generate(HELLO, (), Sampling())
    await model.generate((*HELLO, Message(role="assistant", content="<judgement>")), (), Sampling())
    plain, begun = (chat.body for chat in stub.chats)
    assert "continue_final_message" not in plain
    assert (begun["continue_final_message"], begun["add_generation_prompt"]) == (True, False)
    assert begun["messages"][-1] == {"role": "assistant", "content": "<judgement>"}


async def test_labels_without_a_tokenizer_route(stub: Stub, model: VllmModel) -> None:
    reply = await model.generate(HELLO, (), Sampling(labels=("YES",)))
    assert stub.chats[0].body["top_logprobs"] == 20
    assert "logprob_token_ids" not in stub.chats[0].body
    assert reply.labels == {"YES": None}


async def test_tokens_are_counted_by_the_server(stub: Stub, model: VllmModel) -> None:
    stub.pages["/tokenize"] = tokenize
    assert isinstance(model, Counting)
    assert await model.count_tokens("NO") == 2
    assert stub.asked[-1].body["add_special_tokens"] is False
    stub.pages["/tokenize"] = acts.answers({"detail": "?"})
    with pytest.raises(BadReplyError, match="number of tokens"):
        await model.count_tokens("NO")


async def test_metrics(stub: Stub, model: VllmModel) -> None:
    stub.pages["/metrics"] = acts.answers(METRICS)
    metrics = await model.metrics()
    assert metrics == Metrics(prefix_queries=2430, prefix_hits=1536, running=3, waiting=2, prompt_tokens=2430)
    assert metrics.prefix_share == pytest.approx(0.632, abs=1e-3)
    assert metrics.since(Metrics(prefix_queries=430, prefix_hits=536)).prefix_share == 0.5
    assert Metrics().prefix_share is None
    stub.pages["/metrics"] = acts.answers("<html>")
    with pytest.raises(ModelError):
        await model.metrics()


def test_other_metrics_are_zero() -> None:
    assert read_metrics("# TYPE a counter\na_total 3\n") == Metrics()


def test_address_and_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VLLM_BASE_URL", raising=False)
    model = load_model("vllm/org/model")
    assert isinstance(model, VllmModel)
    assert (model.name, model._endpoint.address) == ("vllm/org/model", "http://127.0.0.1:8000/v1")
    monkeypatch.setenv("VLLM_BASE_URL", "http://h:1/v1/")
    assert VllmModel("x")._endpoint.address == "http://h:1/v1"


def answering(**refused: Act) -> Act:
    """Answer each probe as a server does that can everything but what is refused."""

    async def act(exchange: Exchange) -> None:
        body = exchange.asked.body
        for field, refusal in refused.items():
            if field in body:
                return await refusal(exchange)
        logprobs = {
            "content": [{"token": "a", "logprob": -1, "top_logprobs": [{"token": "b", "logprob": -2}]}]
        }
        if "tools" in body:
            return await acts.calls('{"word": "ready"}', name="ping")(exchange)
        if "n" in body:
            ends = [acts.part({"content": "a"}, finish="length", index=index) for index in range(body["n"])]
            return await acts.streams(*ends, "[DONE]")(exchange)
        if "logprobs" in body:
            one = acts.part({"content": "a"}, finish="stop", logprobs=logprobs)
            return await acts.streams(one, "[DONE]")(exchange)
        return await acts.says('{"done": true}' if "response_format" in body else "hi")(exchange)

    return act


async def test_probing_a_server_that_can_everything(stub: Stub) -> None:
    stub.play(answering())
    stub.pages["/v1/models"] = acts.answers({"data": [{"id": "x", "max_model_len": 2048}, {"id": "y"}]})
    model = CompatibleModel(f"x@{stub.address}")
    assert not model.capabilities.tools
    found = await model.probe()
    assert found == model.capabilities
    assert found == Capabilities(
        tools=True, n=True, seed=True, stop=True, logprobs=True, labels=True, response_schema=True,
        prefix_cache=True, context_length=2048,
    )  # fmt: skip
    assert len(stub.chats) == 4
    await model.close()


@pytest.mark.parametrize("refusal", [acts.refuses(400, "no"), acts.refuses(500, "tools need --jinja")])
async def test_a_refused_feature_is_missing_and_no_error(stub: Stub, refusal: Act) -> None:
    stub.play(answering(tools=refusal, n=refusal, response_format=refusal, logprobs=refusal))
    endpoint = Endpoint("m", stub.address)
    assert await probe_features(endpoint, "x") == ()
    assert await probe_context_length(endpoint, "x") is None
    await endpoint.close()


async def test_an_ignored_feature_is_missing(stub: Stub) -> None:
    stub.play(acts.says("Hello! Good morning.", usage={"prompt_tokens": 1}))
    endpoint = Endpoint("m", stub.address)
    assert await probe_features(endpoint, "x") == ()
    await endpoint.close()


async def test_a_server_that_cannot_be_asked_is_an_error(stub: Stub) -> None:
    stub.play(acts.refuses(401, "who?"))
    model = CompatibleModel(f"x@{stub.address}")
    with pytest.raises(AuthenticationError):
        await model.probe()
    await model.close()


async def test_what_is_declared_is_not_asked_for(stub: Stub, model: VllmModel) -> None:
    assert await model.probe() == SERVED
    assert not stub.asked


async def test_probing_vllm_asks_for_tools_and_priority_only(stub: Stub) -> None:
    stub.play(answering(tools=acts.refuses(400, "requires --enable-auto-tool-choice")))
    stub.pages["/v1/models"] = acts.answers({"data": [{"id": "x", "max_model_len": 512}]})
    model = VllmModel(f"x@{stub.address}")
    found = await model.probe()
    assert found == SERVED.model_copy(update={"priority": True, "context_length": 512})
    assert len(stub.chats) == 2
    await model.close()


@pytest.mark.parametrize(
    ("path", "body", "length"),
    [
        ("/v1/models", {"data": [{"id": "other", "context_length": 9}]}, 9),
        ("/v1/models", {"data": [{"id": "gguf", "meta": {"n_ctx_train": 32768}}]}, 32768),
        ("/props", {"default_generation_settings": {"n_ctx": 4096}}, 4096),
        ("/info", {"max_input_tokens": 1000, "max_total_tokens": 2000}, 2000),
        ("/api/v0/models", {"data": [{"id": "x", "max_context_length": 9, "loaded_context_length": 7}]}, 7),
        ("/api/ps", {"models": [{"name": "x", "context_length": 8192}]}, 8192),
        ("/v1/models", {"data": [{"id": "x", "max_model_len": "many"}]}, None),
        ("/v1/models", ["?"], None),
    ],
)  # fmt: skip
async def test_context_length_as_servers_tell_it(
    stub: Stub, path: str, body: Any, length: int | None
) -> None:
    stub.pages[path] = acts.answers(body)
    endpoint = Endpoint("m", stub.address)
    assert await probe_context_length(endpoint, "x") == length
    await endpoint.close()


async def test_the_stub_notes_who_hangs_up(stub: Stub) -> None:
    stub.play(acts.hangs_before_headers())
    _, writer = await asyncio.open_connection("127.0.0.1", int(stub.address.split(":")[2].split("/")[0]))
    writer.write(b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}")
    await stub.came.wait()
    assert stub.open == 1
    writer.close()
    await writer.wait_closed()
    await asyncio.wait_for(stub.chats[0].over.wait(), 2)
    assert stub.chats[0].hung_up
    assert stub.open == 0
