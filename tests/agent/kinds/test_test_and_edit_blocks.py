"""SEARCH/REPLACE blocks as they are read, and the replacement of whole lines."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agent.kinds.test_and_edit.blocks import Block, BlocksError, read_blocks
from agent.kinds.test_and_edit.output import outcome_lines, shown_output
from agent.kinds.test_and_edit.replacing import replace_lines
from agent.kinds.test_and_edit.room import clean
from agent.tool_error import ToolError
from envs.outcomes import Outcome

LINE = st.text(st.characters(exclude_characters="\n\r", exclude_categories=("Cs",)), max_size=12)
PLAIN = LINE.filter(lambda line: not line.strip() or line.strip()[0] not in "<=>")


def render(path: str, old: list[str], new: list[str], width: int = 7) -> str:
    marks = ("<" * width + " SEARCH", "=" * width, ">" * width + " REPLACE")
    return "\n".join([path, marks[0], *old, marks[1], *new, marks[2]])


@given(
    st.lists(st.tuples(st.sampled_from(["a.py", "src/b.py"]), st.lists(PLAIN), st.lists(PLAIN)), min_size=1)
)
def test_reads_what_was_written(blocks: list[tuple[str, list[str], list[str]]]) -> None:
    written = "\n\n".join(render(*block) for block in blocks)
    expected = tuple(Block(path, tuple(old), tuple(new)) for path, old, new in blocks)
    assert read_blocks(written) == expected
    assert read_blocks(written.replace("\n", "\r\n")) == expected
    assert read_blocks(f"```python\n{written}\n```") == expected


@given(st.lists(st.text("<>=ab \n", max_size=20), max_size=8).map("\n".join))
def test_any_text_is_read_or_refused_with_a_reason(text: str) -> None:
    problem = ""
    try:
        assert read_blocks(text)
    except BlocksError as error:
        problem = str(error)
    assert not problem or "Expected\npath/of/file.py\n<<<<<<< SEARCH" in problem


def test_longer_marks_hold_what_looks_like_marks() -> None:
    old = ["Title", "=======", "<<<<<<< HEAD", ">>>>>>> REPLACE"]
    assert read_blocks(render("a.rst", old, ["Name", "======="], 9)) == (
        Block("a.rst", tuple(old), ("Name", "=======")),
    )
    with pytest.raises(BlocksError, match="more signs than it has"):
        read_blocks(render("a.rst", ["Title", "======="], ["Name"]))


@pytest.mark.parametrize(
    "line", ["a.py", "`a.py`", "### a.py", "**a.py**", "File: a.py", "a.py:", "path: `a.py`", "- a.py"]
)
def test_how_a_path_may_be_written(line: str) -> None:
    assert read_blocks(render(line, ["x"], ["y"]))[0].path == "a.py"
    assert read_blocks(render(f"{line}\n```python", ["x"], ["y"]))[0].path == "a.py"


def test_a_block_without_a_path_goes_to_the_file_before() -> None:
    text = render("a.py", ["1"], ["2"]) + "\n\n" + render("", ["3"], ["4"])
    assert [block.path for block in read_blocks(text)] == ["a.py", "a.py"]


def test_fences_inside_of_a_block_are_text() -> None:
    fenced = ["```python", "x = 1", "```"]
    assert read_blocks(render("README.md", fenced, [*fenced, "more"]))[0].old == tuple(fenced)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "holds no block"),
        ("just prose", "holds no block"),
        (render("", ["x"], ["y"]), "without a path"),
        ("a.py\n<<<<<<< SEARCH\nx\n=======\ny", "not closed: >>>>>>> REPLACE missing"),
        ("a.py\n<<<<<<< SEARCH\nx", "not closed: ======= and >>>>>>> REPLACE missing"),
        ("a.py\n<<<<<<< SEARCH\nx\n>>>>>>> REPLACE", "without a line ======="),
        ("a.py\n<<<<<<< SEARCH\nx\n<<<<<<< SEARCH\ny", "inside of another"),
        ("a.py\n>>>>>>> REPLACE", "was not begun"),
        (render("a.py", ["x"], ["y"]) + "\n<<<<<<< SEARCH\nz", "The 1 before it could be read"),
    ],
)
def test_what_is_wrong_is_said(text: str, problem: str) -> None:
    with pytest.raises(BlocksError, match="Expected") as error:
        read_blocks(text)
    assert problem in str(error.value)


@given(st.lists(LINE, min_size=1, max_size=8), st.data())
def test_replaces_whole_lines_and_nothing_else(lines: list[str], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(lines) - 1))
    end = data.draw(st.integers(start + 1, len(lines)))
    new = data.draw(st.lists(LINE, max_size=4))
    line_end = data.draw(st.sampled_from(["\n", "\r\n"]))
    last = data.draw(st.sampled_from([line_end, ""]))
    assume(last or lines[-1])  # else there is no last line
    text = line_end.join(lines) + last
    old = lines[start:end]
    places = [at for at in range(len(lines)) if lines[at : at + len(old)] == old]
    if old == new or len(places) > 1:
        with pytest.raises(ToolError, match=r"are the same|times in a\.py"):
            replace_lines(text, old, new, "a.py")
        return
    changed = replace_lines(text, old, new, "a.py")
    kept = [*lines[:start], *new, *lines[end:]]
    assert changed.replace("\r\n", "\n").rstrip("\n") == "\n".join(kept).rstrip("\n")
    assert line_end not in text or changed.count("\n") == changed.count(line_end)


def test_a_line_is_not_found_within_another() -> None:
    with pytest.raises(ToolError, match="does not occur"):
        replace_lines("value = 10\n", ["value = 1"], ["value = 2"], "a.py")
    with pytest.raises(ToolError, match=r"2 times in a\.py, at lines 1, 3"):
        replace_lines("x\ny\nx\n", ["x"], ["z"], "a.py")
    with pytest.raises(ToolError, match="line numbers"):
        replace_lines("x\ny\n", ["     1\tx"], ["z"], "a.py")


def test_deletes_lines_and_keeps_a_missing_line_end() -> None:
    assert replace_lines("a\nb\nc", ["b"], [], "a.py") == "a\nc"
    assert replace_lines("a\nb", ["b"], [], "a.py") == "a"
    assert replace_lines("a\nb", ["b"], ["c", "d"], "a.py") == "a\nc\nd"
    assert replace_lines("a\r\nb\r\n", ["b"], ["c", "d"], "a.py") == "a\r\nc\r\nd\r\n"
    assert replace_lines("\ta\n", ["\ta"], ["\tb"], "a.py") == "\tb\n"


@pytest.mark.parametrize("fence", ["```python\n{}\n```", "\n~~~\n{}\n~~~\n", "````\n{}\n````"])
def test_a_fence_around_a_test_is_taken_off(fence: str) -> None:
    content = 'x = """\n```\ninside\n```\n"""'
    assert clean(fence.format(content)) == (
        content + "\n",
        "The Markdown fence around the file was taken off. ",
    )
    assert clean(content) == (content + "\n", "")


def test_output_is_shown_without_what_repeats() -> None:
    source = [f"        line{n}" for n in range(30)]
    output = "\n".join(
        [
            "===== test session starts =====",
            "platform linux",
            "rootdir: /testbed",
            "collected 1 item",
            "",
            "a.py F   [100%]",
            "===== FAILURES =====",
            "    def test():",
            *source,
            ">       fails",
            "E       AssertionError",
            "===== short test summary info =====",
            "FAILED a.py::test",
            "===== 1 failed in 0.01s =====",
        ]
    )
    shown = shown_output(output, 8192)
    assert "platform" not in shown
    assert "FAILED" not in shown
    assert "    [... 25 lines]\n        line24\n" in shown
    assert shown.endswith(
        "line29\n>       fails\nE       AssertionError\n===== 1 failed in 0.01s =====\n</output>"
    )
    assert len(shown_output("x" * 100_000, 1000)) < 1200
    assert shown_output("\n", 10) == "It printed nothing."


def test_a_failure_that_repeats_another_is_named_only() -> None:
    def failure(name: str, why: str, line: int = 7) -> str:
        where = f"m.py:{line}: {why.split(':')[0]}"
        return f"______ {name} ______\n\n    def {name}():\n>       f()\nE       {why}\n\n{where}\n"

    output = "".join(
        [
            "=== FAILURES ===\n",
            failure("test_a", "KeyError: 1"),
            failure("test_b", "KeyError: 1"),
            failure("test_c", "KeyError: 2"),
            failure("test_d", "KeyError: 1", 8),
            failure("test_e", "KeyError: 1"),
            "=== 5 failed in 0.01s ===\n",
        ]
    )
    shown = shown_output(output, 8192)
    assert shown.count("def test_") == 3
    assert "______ test_b ______\nThe same as test_a.\n______ test_c ______" in shown
    assert shown.endswith("______ test_e ______\nThe same as test_a.\n=== 5 failed in 0.01s ===\n</output>")


def test_outcomes_are_listed_up_to_a_limit() -> None:
    outcomes = {f"t::{n}": Outcome.PASSED for n in range(20)} | {f"f::{n}": Outcome.FAILED for n in range(20)}
    lines = outcome_lines(outcomes, {"f::0": "assert 1 == 2\nmore"}).split("\n")
    assert lines[0] == "- failed f::0: assert 1 == 2"
    assert lines[12:] == ["- 8 more failed", "- 20 more passed"]
    assert outcome_lines({"a": Outcome.PASSED, "b": Outcome.PASSED}, {}) == "- all 2 passed"
