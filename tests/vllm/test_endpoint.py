"""One replica of the real vLLM, as `mangabey serve` starts it, asked by plain HTTP."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request

import pytest

pytestmark = pytest.mark.vllm

HELLO = [{"role": "user", "content": "Say which file holds the defect."}]


def chat(endpoint, **fields):
    return endpoint.post("/chat/completions", {"messages": HELLO, "max_tokens": 8} | fields)


def test_names_its_model_and_the_length_it_was_made_for(endpoint):
    with urllib.request.urlopen(f"{endpoint.url}/models") as answer:
        [model] = json.load(answer)["data"]
    assert model["id"] == endpoint.model
    assert model["max_model_len"] == 4096


def test_several_samples_in_one_request(endpoint):
    answer = chat(endpoint, n=3, temperature=1.0, seed=7)
    texts = [choice["message"]["content"] for choice in answer["choices"]]
    assert len(set(texts)) == 3
    assert answer["usage"]["completion_tokens"] <= 24


def test_a_seed_draws_the_same_again(endpoint):
    first, second = (chat(endpoint, temperature=1.0, seed=11) for _ in range(2))
    assert first["choices"][0]["message"] == second["choices"][0]["message"]


def test_log_probabilities_of_reply_and_prompt(endpoint):
    answer = chat(endpoint, logprobs=True, top_logprobs=4, prompt_logprobs=1)
    tokens = answer["choices"][0]["logprobs"]["content"]
    assert len(tokens) == answer["usage"]["completion_tokens"]
    assert all(len(token["top_logprobs"]) >= 4 for token in tokens)
    assert all(-20 < token["logprob"] < 0 for token in tokens)
    assert len(answer["prompt_logprobs"]) == answer["usage"]["prompt_tokens"]


def test_a_reply_by_schema(endpoint):
    schema = {
        "type": "object",
        "properties": {"verdict": {"enum": ["yes", "no"]}, "score": {"type": "integer", "enum": [1, 2, 3]}},
        "required": ["verdict", "score"],
        "additionalProperties": False,
    }
    shape = {"type": "json_schema", "json_schema": {"name": "reply", "schema": schema, "strict": True}}
    answer = chat(endpoint, response_format=shape, max_tokens=500, temperature=1.0, seed=1)
    if answer["choices"][0]["finish_reason"] == "stop":  # random weights like white space
        assert json.loads(answer["choices"][0]["message"]["content"])["verdict"] in {"yes", "no"}
    choice = chat(endpoint, structured_outputs={"choice": ["right", "wrong"]})
    assert choice["choices"][0]["message"]["content"] in {"right", "wrong"}


def test_tools_are_taken(endpoint):
    parameters = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
    tools = [{"type": "function", "function": {"name": "view", "parameters": parameters}}]
    plain, told = chat(endpoint), chat(endpoint, tools=tools, tool_choice="auto")
    assert told["usage"]["prompt_tokens"] > plain["usage"]["prompt_tokens"] + 20


def test_a_priority_is_taken(endpoint):
    assert chat(endpoint, priority=5)["choices"]


def test_a_stream_ends_with_its_usage(endpoint):
    body = {"messages": HELLO, "max_tokens": 8, "stream": True, "stream_options": {"include_usage": True}}
    with endpoint.open("/chat/completions", body) as answer:
        lines = [line.decode().strip() for line in answer if line.strip()]
    assert lines[-1] == "data: [DONE]"
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]
    assert chunks[-1]["usage"]["completion_tokens"] == 8
    assert len(chunks) > 5


def test_a_closed_stream_ends_at_the_server(endpoint):
    before = endpoint.metric("generation_tokens_total")
    body = {"messages": HELLO, "max_tokens": 4000, "stream": True, "ignore_eos": True}
    with endpoint.open("/chat/completions", body) as answer:
        answer.readline()
        assert endpoint.metric("num_requests_running") == 1
    deadline = time.monotonic() + 20
    while endpoint.metric("num_requests_running") and time.monotonic() < deadline:
        time.sleep(0.1)
    assert endpoint.metric("num_requests_running") == 0
    assert endpoint.metric("generation_tokens_total") - before < 3000


def test_too_long_a_conversation_is_refused(endpoint):
    body = {"messages": [{"role": "user", "content": "word " * 9000}], "max_tokens": 8}
    with pytest.raises(urllib.error.HTTPError) as refused:
        endpoint.post("/chat/completions", body)
    with refused.value as answer:
        assert answer.code == 400
        assert b"maximum context length" in answer.read()


def test_tokenize_counts_as_the_usage_does(endpoint):
    counted = endpoint.post("/tokenize", {"messages": HELLO})
    assert counted["count"] == chat(endpoint)["usage"]["prompt_tokens"]


def test_a_prompt_that_begins_alike_comes_from_the_cache(endpoint):
    long = "def function(argument): return argument\n" * 240
    before = endpoint.metric("prefix_cache_hits_total")

    def ask(question: str):
        messages = [{"role": "system", "content": long}, {"role": "user", "content": question}]
        return endpoint.post("/chat/completions", {"messages": messages, "max_tokens": 2})["usage"]

    first, second = ask("What is it?"), ask("Which argument?")
    cached = second["prompt_tokens_details"]["cached_tokens"]
    assert cached > 0.8 * second["prompt_tokens"]
    assert (first.get("prompt_tokens_details") or {}).get("cached_tokens", 0) < cached
    assert endpoint.metric("prefix_cache_hits_total") - before >= cached
