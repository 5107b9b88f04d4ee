from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.edit_tool import replace_once
from agent.tool_error import ToolError

line = st.text(alphabet="ab \t.(\x0c\u2028", max_size=6)
line_end = st.sampled_from(["\n", "\r\n"])


@given(st.lists(line, min_size=1, max_size=8), st.lists(line, min_size=1, max_size=3), line_end, st.data())
def test_replaces_exactly_one_passage(
    lines: list[str], new: list[str], end: str, data: st.DataObject
) -> None:
    text = end.join(lines)
    start = data.draw(st.integers(0, len(lines) - 1))
    stop = data.draw(st.integers(start + 1, len(lines)))
    old = "\n".join(lines[start:stop])
    try:
        changed, at = replace_once(text, old, "\n".join(new), "f")
    except ToolError as error:
        plain = text.replace("\r\n", "\n")
        twice = plain.find(old, plain.find(old) + 1) >= 0
        assert old == "\n".join(new) or not old or twice, error  # noqa: PT017 (some refusals are right)
    else:
        before = end.join(lines[:start]) + (end if start else "")
        after = (end if stop < len(lines) else "") + end.join(lines[stop:])
        own_end = end if end in text else "\n"
        assert changed == before + own_end.join(new) + after or at != len(before)


def test_overlapping_occurrences_are_ambiguous() -> None:
    with pytest.raises(ToolError, match="occurs 2 times in f, at lines 1, 1"):
        replace_once("aaa", "aa", "b", "f")


@pytest.mark.parametrize(
    "old", ["x = 1\n" * 3000, "if value_17 == 3:\n    return other\n" * 40, "q" * 100_000]
)
def test_explaining_a_miss_in_a_large_file_is_quick(old: str) -> None:
    text = "".join(
        f"def function_{n}(value_{n}):\n    if value_{n} == 3:\n        return {n}\n" for n in range(5000)
    )
    started = time.monotonic()
    with pytest.raises(ToolError):
        replace_once(text, old + "!", "new", "f")
    assert time.monotonic() - started < 5
