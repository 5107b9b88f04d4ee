"""Tool calls that a server's parser left in the text."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent import prompts
from agent.arguments import MALFORMED, specifications
from agent.dialect import render_call
from agent.messages import Message, Reply
from agent.salvage import salvage
from agent.speech import NativeSpeech
from agent.trajectory import Observation

TOOLS = tuple(tool.name for tool in specifications())
LS = {"command": "ls"}


def dumped(name: str, arguments: Any, key: str = "arguments") -> str:
    return json.dumps({"name": name, key: arguments})


JSON_FORMS = {
    "hermes": lambda name, given: f"<tool_call>\n{dumped(name, given)}\n</tool_call>",
    "hermes on one line": lambda name, given: f"<tool_call>{dumped(name, given)}</tool_call>",
    "hermes without an end": lambda name, given: f"<tool_call>\n{dumped(name, given)}",
    "mistral list": lambda name, given: f"[TOOL_CALLS] [{dumped(name, given)}]",
    "mistral name": lambda name, given: f"[TOOL_CALLS]{name}[ARGS]{json.dumps(given)}",
    "mistral id": lambda name, given: f"[TOOL_CALLS]{name}[CALL_ID]abc123XYZ[ARGS]{json.dumps(given)}</s>",
    "llama": lambda name, given: f"<|python_tag|>{dumped(name, given, 'parameters')}<|eom_id|>",
    "llama function": lambda name, given: f"<function={name}>{json.dumps(given)}</function>",
    "bare": lambda name, given: dumped(name, given),
    "bare parameters": lambda name, given: dumped(name, given, "parameters") + "<|eot_id|>",
    "bare list": lambda name, given: f"[{dumped(name, given)}]",
    "fenced": lambda name, given: f"```json\n{dumped(name, given)}\n```",
    "twice encoded": lambda name, given: dumped(name, json.dumps(given)),
    "api": lambda name, given: json.dumps(
        {"id": "x", "type": "function", "function": {"name": name, "arguments": json.dumps(given)}}
    ),
}
TEXT_FORMS = {
    "dialect": render_call,
    "qwen": lambda name, given: f"<tool_call>\n{render_call(name, given)}\n</tool_call>",
    "qwen on one line": lambda name, given: f"<tool_call>{render_call(name, given)}</tool_call>",
}

names = st.sampled_from(TOOLS)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
json_arguments = st.dictionaries(st.text(max_size=8), json_values, max_size=3)
text_arguments = st.dictionaries(
    st.from_regex(r"[a-z_]{1,8}", fullmatch=True),
    st.text(st.characters(exclude_characters="\r"), max_size=40),
    max_size=3,
)
prose = st.sampled_from(
    ["", "I look around.\n", "A list: [1, 2]\n\n", "It's `{}`.\n```python\nx = {1}\n```\n", "{\n"]
)


@pytest.mark.parametrize("form", JSON_FORMS)
@settings(max_examples=25, deadline=None)
@given(before=prose, calls=st.lists(st.tuples(names, json_arguments), min_size=1, max_size=3))
def test_every_form_of_json_comes_back(form: str, before: str, calls: list[tuple[str, Any]]) -> None:
    text = before + "\n".join(JSON_FORMS[form](name, given) for name, given in calls)
    found = salvage(text, TOOLS)
    assert found is not None
    assert [(call.name, call.arguments) for call in found.calls] == calls
    assert found.prose == before.strip()
    assert len({call.id for call in found.calls}) == len(calls)


@pytest.mark.parametrize("form", TEXT_FORMS)
@settings(max_examples=25, deadline=None)
@given(before=prose, calls=st.lists(st.tuples(names, text_arguments), min_size=1, max_size=3))
def test_every_form_of_text_comes_back(form: str, before: str, calls: list[tuple[str, Any]]) -> None:
    text = before + "\n".join(TEXT_FORMS[form](name, given) for name, given in calls)
    found = salvage(text, TOOLS)
    assert found is not None
    assert [(call.name, call.arguments) for call in found.calls] == calls
    assert found.prose == before.strip()


PIECES = (
    *("<tool_call>", "</tool_call>", "<function=bash>", "<parameter=command>", "</parameter>", "</function>"),
    *("[TOOL_CALLS]", "[ARGS]", "<|python_tag|>", '{"name": "bash", "arguments": {}}', "{", "}", "[", "```"),
    *("\n", "\n", " ", "ls", '"', ";", "name", "\ud800", "\0"),
)
pieces = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)


@settings(max_examples=400, deadline=None)
@given(st.text(max_size=200) | pieces)
def test_nothing_raises_and_only_offered_names_come_back(text: str) -> None:
    found = salvage(text, ("bash",))
    if found is not None:
        assert found.calls
        assert {call.name for call in found.calls} == {"bash"}


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([*JSON_FORMS.values(), *TEXT_FORMS.values()]),
    st.sampled_from(["That is how one calls it.", "Then I would look at the output.\n", "x"]),
)
def test_a_call_in_the_midst_of_prose_is_none(form: Any, behind: str) -> None:
    assert salvage(f"A call looks so:\n\n{form('bash', LS)}\n\n{behind}", TOOLS) is None


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([*JSON_FORMS.values(), *TEXT_FORMS.values()]), st.sampled_from(["> ", "say ", "- ", "# "])
)
def test_a_quoted_call_is_none(form: Any, mark: str) -> None:
    quoted = "\n".join(mark + line for line in form("bash", LS).splitlines())
    assert salvage(quoted, TOOLS) is None


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(exclude_characters="<[{`"), max_size=300))
def test_prose_has_no_calls(text: str) -> None:
    assert salvage(text, TOOLS) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        dumped("fly", {"to": "the moon"}),
        f"{dumped('bash', LS)}\n{dumped('fly', {})}",
        json.dumps({"name": "bash", "arguments": LS, "why": "a row of data"}),
        json.dumps({"name": "bash"}),
        json.dumps({"name": "bash", "version": "5.2"}),
        json.dumps([{"name": "bash", "arguments": LS}, 3]),
        '<tool_call>\n{"name": "bash", "arguments": {"command": "l',
        "<function=bash>\n<parameter=command>\nls",
        "```json\n{}\n```",
        "[]",
    ],
)
def test_what_is_no_call(text: str) -> None:
    assert salvage(text, TOOLS) is None


@pytest.mark.parametrize("given", [["ls"], "ls", None, 3])
def test_arguments_that_are_no_object_are_answered(given: Any) -> None:
    found = salvage(f"<tool_call>{dumped('bash', given)}</tool_call>", TOOLS)
    assert found is not None
    assert list(found.calls[0].arguments) == [MALFORMED]


@pytest.mark.parametrize(
    "piece",
    [
        "<tool_call>{\n",
        "[\n",
        '{"a":\n',
        "<function=bash>\n",
        "```\n",
        '{"name": "bash", "arguments": {}}\nx\n',
    ],
)
def test_long_nonsense_is_read_in_good_time(piece: str) -> None:
    began = time.process_time()
    assert salvage(piece * (200_000 // len(piece)) + "!", TOOLS) is None
    assert time.process_time() - began < 3


def test_native_speech_hears_and_answers_a_lost_call() -> None:
    speech = NativeSpeech(specifications(), prompts.SYSTEM, prompts.NO_CALL)
    heard = speech.hear(Reply(text=f"I look.\n<tool_call>{dumped('bash', LS)}</tool_call>"), 4)
    (call,) = heard.reply.tool_calls
    assert (call.id, call.name, call.arguments) == ("turn4-0", "bash", LS)
    assert speech.said(heard) == Message(role="assistant", content="I look.", tool_calls=(call,))
    answer = speech.answer(heard, [Observation(call_id=call.id, text="a.py")], "[note]")
    assert answer == [Message(role="tool", content="a.py\n\n[note]", tool_call_id=call.id)]


def test_native_speech_says_what_a_torn_call_should_be() -> None:
    speech = NativeSpeech(specifications(), prompts.SYSTEM, prompts.NO_CALL)
    heard = speech.hear(Reply(text='<tool_call>{"name": "bash", "arg'), 0)
    assert heard.reply.tool_calls == ()
    (answer,) = speech.answer(heard, [], "[note]")
    assert "`<tool_call>` in its text but no readable call" in answer.content
    assert "bash, " in answer.content
