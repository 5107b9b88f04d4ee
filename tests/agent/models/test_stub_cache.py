"""The stub's prefix cache counts the longest common beginning with an earlier prompt."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.models.stub.cache import BLOCK, TOKEN, PrefixCache, _prompt

WORDS = st.lists(st.sampled_from(["a" * 90, "b" * 90, "c" * 5]), min_size=1, max_size=8)


def asked(words):
    return {"messages": [{"role": "user", "content": word} for word in words]}


def common(one, other):
    """How many characters two texts begin with alike."""
    return next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )


@given(st.lists(WORDS, min_size=1, max_size=6))
def test_what_is_cached_is_the_longest_common_beginning_in_whole_blocks(conversations):
    cache, earlier = PrefixCache(), []
    for words in conversations:
        usage = cache.usage(asked(words), 3)
        prompt = _prompt(asked(words))
        longest = max((common(prompt, one) for one in earlier), default=0)
        size = BLOCK * TOKEN
        whole = min(longest, len(prompt) - 1) // size * size // TOKEN
        assert usage["prompt_tokens_details"]["cached_tokens"] == whole
        assert usage["total_tokens"] == usage["prompt_tokens"] + 3
        earlier.append(prompt)


def test_a_conversation_that_goes_on_is_cached_up_to_what_is_new():
    cache = PrefixCache()
    first = cache.usage(asked(["a" * 4000]), 1)
    second = cache.usage(asked(["a" * 4000, "b" * 400]), 1)
    assert first["prompt_tokens_details"]["cached_tokens"] == 0
    assert 980 < second["prompt_tokens_details"]["cached_tokens"] <= first["prompt_tokens"]
