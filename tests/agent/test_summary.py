"""What is kept of an ended trajectory for those that come after it."""

from __future__ import annotations

import pytest

from agent.messages import Reply, ToolCall
from agent.summary import summarise
from agent.trajectory import ExitReason, Observation, Trajectory, Turn


def act(name: str, given: dict[str, object], text: str, status: str = "ok", thought: str = "") -> Turn:
    call = ToolCall(id="a", name=name, arguments=given)
    seen = Observation.model_validate({"call_id": "a", "text": text, "status": status})
    return Turn(reply=Reply(text=thought, tool_calls=(call,)), observations=(seen,))


def ended(*turns: Turn, message: str = "gave in") -> Trajectory:
    return Trajectory(
        sample=0, model="m", exit_reason=ExitReason.GAVE_UP, diff="", turns=turns, message=message
    )


def test_tells_what_was_read_tried_and_failed() -> None:
    told = summarise(
        ended(
            act("view", {"path": "a.py"}, "1\tx", thought="Perhaps the parser.\nMore."),
            act("view", {"path": "a.py"}, "1\tx"),
            act("search", {"query": "Parser.read"}, "a.py:1-2"),
            act("edit", {"path": "a.py", "old": "x", "new": "y"}, "Edited a.py.\n1\ty"),
            act("edit", {"path": "b.py", "old": "x", "new": "y"}, "`old` is not in b.py.", "error"),
            act("bash", {"command": "python -m pytest\nls"}, "E  boom\n1 failed in 0.1s\n[exit code 1]"),
            act("bash", {"command": "true"}, "[exit code 0]"),
            act("bash", {"command": "sleep 99"}, "[timed out after 60 s; all ended]", "timed_out"),
        )
    )
    assert told.startswith("Ended:\n- gave_up after 8 steps\nRead:\n- a.py (2x)\n")
    assert "Searched for:\n- Parser.read\n" in told
    assert "Changed:\n- a.py\n" in told
    assert "refused:\n- `old` is not in b.py.\n" in told
    assert "- `python -m pytest`: E  boom | 1 failed in 0.1s\n- `sleep 99`: [timed out" in told
    assert "`true`" not in told
    assert "- Perhaps the parser.\n" in told
    assert told.endswith("Last words:\n- gave in")


def test_tells_what_a_machine_did() -> None:
    block = "<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE"
    told = summarise(
        ended(
            act("look", {"what": "a.py:1-9\nParser"}, "## a.py"),
            act("look", {"what": "Parser"}, "## a.py"),
            act("edit", {"changes": f"a.py\n{block}\n{block}\n\nsrc/b.py\n{block}"}, "Changed."),
            act("edit", {"changes": f"c.py\n{block}"}, "Nothing was changed.", "error"),
            act("edit", {"changes": "c.py"}, "holds no block", "format_error"),
        )
    )
    assert "Looked at:\n- a.py:1-9\n- Parser (2x)\n" in told
    assert "Changed:\n- a.py\n- src/b.py\n" in told
    assert "refused:\n- Nothing was changed." in told


@pytest.mark.parametrize("limit", [100, 1_000, 4_000])
def test_is_bounded(limit: int) -> None:
    turns = [
        act("view", {"path": f"{number}/" + "p" * 900}, "x" * 90_000, thought="t" * 9_000)
        for number in range(99)
    ]
    assert len(summarise(ended(*turns, message="w" * 50_000), limit)) <= limit


def test_survives_what_models_give() -> None:
    odd = act("view", {"malformed_arguments": 3}, "no", "format_error")
    nothing = Turn(reply=Reply())
    assert summarise(ended(odd, nothing, message="")) == "Ended:\n- gave_up after 2 steps"
