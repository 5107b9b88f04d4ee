from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.models.chat.failures import failure, retry_after, stream_failure, without_secrets
from agent.models.errors import (
    AuthenticationError,
    BadRequestError,
    ContentPolicyError,
    ContextOverflowError,
    ModelError,
    QuotaSpentError,
    RateLimitedError,
    ServerFailedError,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["error", "message", "detail", "code", "type", "x"]), inner, max_size=4
    ),
    max_leaves=12,
)  # fmt: skip


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens"),
        (400, "The decoder prompt (length 3000) is longer than the maximum model length of 2048."),
        (400, "the model's context length is only 2048 tokens, resulting in a maximum input length of 1948"),
        (400, "Input length (900) exceeds model's maximum context length (512)."),
        (400, "prompt is too long: 213462 tokens > 200000 maximum"),
        (400, "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000"),
        (400, "the request exceeds the available context size, try increasing it"),
        (500, "context size has been exceeded"),
        (400, "The input (5000 tokens) is longer than the model's context length (4096 tokens)."),
        (400, "Requested token count exceeds the model's maximum context length of 4096 tokens."),
        (422, "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000"),
        (422, "Input validation error: `inputs` must have less than 1024 tokens. Given: 2000"),
        (400, "the input length exceeds the context length"),
        (400, "prompt too long; exceeded max context length by 12 tokens"),
        (400, "The number of tokens to keep from the initial prompt is greater than the context length."),
        (400, "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."),
        (413, "Request exceeds the maximum size"),
    ],
)
def test_overflow_by_the_words_of_many_servers(status: int, words: str) -> None:
    assert type(failure("m", status, {"error": {"message": words}}, {})) is ContextOverflowError


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, {"error": {"code": "context_length_exceeded", "message": "?"}}, ContextOverflowError),
        (400, {"error": {"type": "exceed_context_size_error", "message": "?"}}, ContextOverflowError),
        (400, {"object": "error", "message": "bad top_p", "code": 400}, BadRequestError),
        (400, {"detail": [{"msg": "field required"}]}, BadRequestError),
        (400, {"error": "no such parameter"}, BadRequestError),
        (400, {"error": {"message": "the length of `stop` is exceeded"}}, BadRequestError),
        (400, {"error": {"message": "Your credit balance is too low to access"}}, QuotaSpentError),
        (400, {"error": {"code": "content_filter", "message": "?"}}, ContentPolicyError),
        (400, {"error": {"message": "triggered our content management policy"}}, ContentPolicyError),
        (403, {"error": {"message": "your input was flagged"}}, ContentPolicyError),
        (403, {"error": {"message": "this key may not"}}, AuthenticationError),
        (429, {"error": {"code": "insufficient_quota", "message": "?"}}, QuotaSpentError),
        (429, {"error": {"message": "You exceeded your current quota, please check"}}, QuotaSpentError),
        (429, {"error": {"message": "You exceeded your current quota. Retry in 31s"}}, RateLimitedError),
        (429, {"error": {"message": "maximum context length"}}, RateLimitedError),
        (408, None, ServerFailedError),
        (529, {"type": "error", "error": {"type": "overloaded_error"}}, ServerFailedError),
        (418, "", BadRequestError),
    ],
)  # fmt: skip
def test_classes(status: int, body: Any, error: type[ModelError]) -> None:
    assert type(failure("m", status, body, {})) is error


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"error": {"message": "died"}}, ServerFailedError),
        ({"error": {"message": "slow", "code": 429}}, RateLimitedError),
        ({"error": {"message": "slow", "code": "429"}}, RateLimitedError),
        ({"error": {"message": "slow", "type": "rate_limit_error"}}, RateLimitedError),
        ({"error": {"message": "maximum context length", "code": 400}}, ContextOverflowError),
        ({"error": "text"}, ServerFailedError),
    ],
)
def test_failures_told_inside_a_stream(body: Any, error: type[ModelError]) -> None:
    assert type(stream_failure("m", body)) is error


@given(status=st.integers(300, 599), body=JSON)
def test_any_body_is_a_typed_error_in_one_line(status: int, body: Any) -> None:
    problem = failure("m", status, body, {})
    assert isinstance(problem, ModelError)
    assert "\n" not in str(problem)
    assert len(str(problem)) < 700
    assert isinstance(stream_failure("m", body), ModelError)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "17"}, 17),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_retry_after_as_a_date() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert retry_after({"retry-after": later}) == pytest.approx(90, abs=3)


@pytest.mark.parametrize(
    "text", ["bad key my-own-secret!", "Incorrect API key: sk-proj-abcdefgh12345", "Bearer my-own-secret!"]
)
def test_no_secret_is_shown(text: str) -> None:
    shown = str(failure("m", 401, {"error": {"message": text}}, {}, ("my-own-secret", "")))
    assert "my-own-secret" not in shown
    assert "abcdefgh" not in shown


def test_texts_are_cut_and_put_in_one_line() -> None:
    assert without_secrets("a\n b" + "x" * 1000).startswith("a bxx")
    assert len(without_secrets("x" * 1000)) < 520
