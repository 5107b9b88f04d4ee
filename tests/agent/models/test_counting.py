"""Tokens before sending: never fewer than there are, and only for what is new."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.arguments import specifications
from agent.messages import Message, ToolCall
from agent.models.counting import Count, Counter, estimate
from agent.models.tokenization import tokenizer_of

HOME = Path(__file__).parent.parent.parent.parent
DICE = random.Random(7)
TEXTS = {
    "code": (HOME / "agent" / "talk.py").read_text(),
    "prose": (HOME / "docs" / "decisions.md").read_text(),
    "base64": base64.b64encode(DICE.randbytes(6000)).decode(),
    "hex": DICE.randbytes(3000).hex(),
    "digits": "".join(DICE.choices("0123456789", k=4000)),
    "letters": "".join(DICE.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=4000)),
    "single letters": "q z x j " * 500,
    "punctuation": "".join(DICE.choices("!@#$%^&*(){}[]<>?/|~", k=4000)),
    "Chinese": "模型在密封的沙箱里修改代码，并在补丁旁边写测试。" * 40,
    "rare ideographs": "".join(chr(DICE.randrange(0x4E00, 0x9FFF)) for _ in range(2000)),
    "Japanese": "テストを書いてから修正します。関数は空のリストで失敗する。" * 40,
    "Korean": "빈 목록에서 함수가 실패합니다. 테스트를 먼저 작성합니다. " * 40,
    "emoji": "".join(chr(DICE.randrange(0x1F300, 0x1F9FF)) for _ in range(1000)),
    "tabs": "\t\tx = 1\n" * 400,
    "spaces": " " * 3000,
    "log": "2026-11-23T20:00:01.123 INFO /usr/lib/python3/x.py:123 0x7f01a2b3c4d5\n" * 40,
}


@pytest.fixture(params=["cl100k_base", "o200k_base", "anthropic"])
def tokenize(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], int]:
    """A real tokenizer; those of providers come with litellm."""
    if find_spec("litellm") is None:
        pytest.skip('needs pip install "mangabey[litellm]"')
    spec = find_spec("litellm")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "litellm_core_utils" / "tokenizers"
    if request.param == "anthropic":
        tokenizers = pytest.importorskip("tokenizers")
        loaded = tokenizers.Tokenizer.from_file(str(folder / "anthropic_tokenizer.json"))
        return lambda text: len(loaded.encode(text).ids)
    tiktoken = pytest.importorskip("tiktoken")
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(folder))
    encoding = tiktoken.get_encoding(request.param)
    return lambda text: len(encoding.encode(text, disallowed_special=()))


def small_tokenizer() -> Callable[[str], int]:
    tokenizers = pytest.importorskip("tokenizers")
    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=4096, initial_alphabet=alphabet, show_progress=False)
    made.train_from_iterator([TEXTS["code"], TEXTS["prose"]], trainer)
    return lambda text: len(made.encode(text).ids)


@pytest.mark.parametrize("kind", TEXTS)
def test_the_bounds_hold(kind: str, tokenize: Callable[[str], int]) -> None:
    count, exact = estimate(TEXTS[kind]), tokenize(TEXTS[kind])
    assert exact <= count.most
    if kind != "spaces":  # no conversation consists of them
        assert count.least <= exact
    if kind in ("code", "prose"):
        assert count.most < 3.5 * exact


@pytest.mark.parametrize("kind", ["code", "prose", "Chinese", "log"])
def test_the_bounds_hold_for_ordinary_text_with_a_small_tokenizer(kind: str) -> None:
    assert small_tokenizer()(TEXTS[kind]) <= estimate(TEXTS[kind]).most


@given(st.text(max_size=200))
def test_no_text_has_more_tokens_than_bytes(text: str) -> None:
    count = estimate(text)
    assert 0 <= count.least <= count.most <= len(text.encode("utf-8", "surrogatepass"))


class Counting:
    """A backend that counts words, and how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def count_tokens(self, text: str) -> int:
        self.asked.append(text)
        return len(text.split())


def conversation(turns: int) -> list[Message]:
    messages = [Message(role="system", content="be good"), Message(role="user", content="one two three")]
    for turn in range(turns):
        call = ToolCall(id=f"c{turn}", name="bash", arguments={"command": f"ls {turn}"})
        messages.append(Message(role="assistant", content="look", tool_calls=(call,)))
        messages.append(Message(role="tool", content=f"file{turn}", tool_call_id=call.id))
    return messages


async def test_a_growing_conversation_costs_what_is_new() -> None:
    backend = Counting()
    counter = Counter(backend)
    tools = specifications()
    await counter.count(conversation(1), tools)
    before = len(backend.asked)
    await counter.count(conversation(2), tools)
    assert backend.asked[before:] == ['look\n[["bash", {"command": "ls 1"}]]', "file1"]


async def test_what_a_server_reported_counts_for_the_beginning() -> None:
    counter = Counter(object())
    counter.learn(conversation(3), (), 1000)
    whole = await counter.count(conversation(3), ())
    longer = await counter.count(conversation(4), ())
    assert whole == Count(1000, 1000)
    assert 1000 < longer.most < 1100
    changed = [Message(role="system", content="be bad"), *conversation(3)[1:]]
    assert (await counter.count(changed, ())).least < 1000
    assert (await counter.count(conversation(3), specifications())).least != 1000


async def test_an_impossible_report_is_not_believed() -> None:
    counter, long = Counter(object()), [Message(role="user", content="word " * 1000)]
    counter.learn(long, (), 3)
    assert (await counter.count(long, ())).most > 1000


async def test_who_cannot_count_is_asked_once() -> None:
    class Failing(Counting):
        async def count_tokens(self, text: str) -> int:
            self.asked.append(text)
            raise RuntimeError("no such endpoint")

    backend = Failing()
    count = await Counter(backend).count(conversation(2), ())
    assert len(backend.asked) == 1
    assert count.most > count.least > 0


async def test_a_tokenizer_beside_the_model_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0, "b": 1, "?": 2}, unk_token="?"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    snapshot = tmp_path / "models--org--name" / "snapshots" / "1"
    snapshot.mkdir(parents=True)
    made.save(str(snapshot / "tokenizer.json"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    for name in ("vllm/org/name", f"vllm/{snapshot}"):
        tokenize = tokenizer_of(name)
        assert tokenize is not None
        assert tokenize("a b a \ud800") == 4
        count = await Counter(object(), tokenize).count([Message(role="user", content="a b a")], ())
        assert (count.least, count.most) == (3, 19)
    assert tokenizer_of("vllm/org/other") is None
    (snapshot / "tokenizer.json").write_text("{}")
    assert tokenizer_of("vllm/org/name") is None


def test_nothing_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    assert tokenizer_of("litellm/openai/gpt-4o") is None
