from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from agent.arguments import specifications
from agent.dialect import render_call
from agent.messages import Message, Reply, Sampling, ToolCall
from agent.models import manual
from agent.models.errors import ModelUnavailableError
from agent.models.registry import load_model

HELLO = (Message(role="system", content="be good"), Message(role="user", content="fix it, naïve 🐒"))
CODE = "```python\nif a < b: print('</parameter> </x>')\n```\n"


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manual, "POLL", 0.01)


async def appears(folder: Path, pattern: str) -> Path:
    for _ in range(1000):
        if found := sorted(folder.glob(pattern)):  # noqa: ASYNC240
            return found[-1]
        await asyncio.sleep(0.01)
    raise AssertionError(f"no {pattern} in {folder}")


def ask(folder: Path, messages: tuple[Message, ...] = HELLO, sample: int = 0) -> asyncio.Task[Reply]:
    model = load_model(f"manual/{folder}")
    return asyncio.create_task(model.generate(messages, specifications(), Sampling(sample=sample)))


async def test_text_dialect_reply(tmp_path: Path) -> None:
    asked = ask(tmp_path)
    request = await appears(tmp_path, "*.request.md")
    assert request.name == "001-s0-t0.request.md"
    page = request.read_text("utf-8")
    for part in ("be good", "fix it, naïve 🐒", "## write_test", "<function=TOOL>", "001-s0-t0.reply.md"):
        assert part in page
    exact = json.loads((tmp_path / "001-s0-t0.request.json").read_text("utf-8"))
    assert [Message.model_validate(message) for message in exact["messages"]] == list(HELLO)
    call = render_call("write_test", {"path": "test_a.py", "content": CODE})
    (tmp_path / "001-s0-t0.reply.md").write_text(f"First a test.\n\n{call}\n")
    reply = await asked
    assert reply.text == "First a test."
    assert reply.tool_calls == (
        ToolCall(id="001-s0-t0-0", name="write_test", arguments={"path": "test_a.py", "content": CODE}),
    )


async def test_plain_and_json_replies(tmp_path: Path) -> None:
    asked = ask(tmp_path)
    await appears(tmp_path, "001*.request.md")
    (tmp_path / "001-s0-t0.reply.md").write_text("just words\n")
    assert (await asked).text == "just words"
    asked = ask(tmp_path, (*HELLO, Message(role="assistant", content="just words"), HELLO[1]))
    await appears(tmp_path, "002-s0-t1.request.md")
    reply = Reply(text="x", tool_calls=(ToolCall(id="q", name="view", arguments={"path": "a"}),), seconds=1)
    (tmp_path / "002-s0-t1.reply.json").write_text(reply.model_dump_json())
    assert await asked == reply


@pytest.mark.parametrize(
    ("ending", "bad", "said"),
    [
        ("json", b'{"text": 1, "calls": []}', "it is no reply"),
        ("json", b"{", "it is no reply"),
        ("md", b"<function=bash>\n<parameter=command>ls", "`command` of the call of `bash` is not closed"),
        ("md", b"\xff\xfe", "not UTF-8"),
    ],
)
async def test_malformed_replies_are_answered_and_waited_for_again(
    tmp_path: Path, ending: str, bad: bytes, said: str
) -> None:
    asked = ask(tmp_path)
    await appears(tmp_path, "*.request.md")
    answer = tmp_path / f"001-s0-t0.reply.{ending}"
    answer.write_bytes(bad)
    error = await appears(tmp_path, "001-s0-t0.error.txt")
    assert said in error.read_text()
    good = b'{"text": "good"}' if ending == "json" else b"good"
    answer.write_bytes(good)
    assert (await asyncio.wait_for(asked, 10)).text == "good"
    assert not error.exists()


async def test_several_samples_at_once(tmp_path: Path) -> None:
    asked = [ask(tmp_path, sample=sample) for sample in range(5)]
    for sample in range(5):
        request = await appears(tmp_path, f"*-s{sample}-t0.request.md")
        reply = request.with_name(request.name.replace("request", "reply"))
        reply.write_text(f"I am {sample}")
    assert [reply.text for reply in await asyncio.gather(*asked)] == [f"I am {sample}" for sample in range(5)]
    numbers = {path.name[:3] for path in tmp_path.glob("*.request.json")}  # noqa: ASYNC240
    assert numbers == {"001", "002", "003", "004", "005"}


async def test_a_reply_of_an_earlier_run_counts_for_the_same_request_only(tmp_path: Path) -> None:
    asked = ask(tmp_path)
    await appears(tmp_path, "*.request.md")
    asked.cancel()
    (tmp_path / "001-s0-t0.reply.md").write_text("kept")
    assert (await ask(tmp_path)).text == "kept"
    other = ask(tmp_path, (HELLO[0], Message(role="user", content="another issue")))
    assert (await appears(tmp_path, "002-s0-t0.request.md")).exists()
    other.cancel()


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelUnavailableError, match="cannot write") as caught:
        load_model(f"manual/{tmp_path / 'file' / 'below'}")
    assert "\n" not in str(caught.value)
