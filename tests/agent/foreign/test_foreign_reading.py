"""Trajectories of mini-swe-agent and SWE-agent become ours."""

from __future__ import annotations

import json
import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.foreign import TrajectoryFileError, is_foreign, read_trajectory
from agent.foreign.actions import line, own_shell
from agent.messages import Usage
from agent.trajectory import ExitReason
from tests.agent.foreign import files


def read(tmp_path, content):
    path = tmp_path / "a.traj.json"
    path.write_text(json.dumps(content, indent=2))
    return read_trajectory(path)


def commands(trajectory) -> list[list[tuple[str, object]]]:
    return [
        [(call.name, call.arguments.get("command")) for call in turn.actions] for turn in trajectory.turns
    ]


def test_mini_1(tmp_path):
    found = read(tmp_path, files.mini_1())
    assert commands(found) == [
        [("bash", "cat shapes.py")],
        [("bash", "(\ncd . && sed -i 's/width + self/width * self/' shapes.py\n)")],
        [("submit", None)],
    ]
    assert found.turns[0].reply.text.startswith("THOUGHT: look")
    assert "class Rectangle" in found.turns[0].observations[0].text
    assert found.usage == Usage(input=300, cached_input=120, output=30)
    assert (found.model, found.cost, found.seconds) == ("vendor/big", 1.0, 12.0)
    assert (found.diff, found.exit_reason) == (files.PATCH, ExitReason.SUBMITTED)
    assert found.turns[0].reply.cost == 0.5


def test_mini_that_wrote_its_messages_alone(tmp_path):
    found = read(tmp_path, files.mini_1()["messages"])
    assert len(found.turns) == 3
    assert (found.diff, found.exit_reason, found.model) == ("", ExitReason.CANCELLED, "big-1")


def test_mini_2(tmp_path):
    found = read(tmp_path, files.mini_2())
    assert commands(found) == [[("bash", "ls"), ("bash", "cat nowhere")], [], [("submit", None)]]
    assert found.turns[0].reply.reasoning == "Let me see."
    assert [seen.call_id for seen in found.turns[0].observations] == ["a", "b"]
    assert found.turns[1].reply.text == "What now?"
    assert (found.model, found.cost, found.seconds) == ("big-2", None, 2.0)
    assert found.turns[0].reply.cost == 0.25


def test_mini_over_the_responses_vocabulary(tmp_path):
    found = read(tmp_path, files.mini_responses())
    assert commands(found) == [[("bash", "ls")]]
    assert found.turns[0].reply.text == "I look."
    assert found.turns[0].observations[0].text == "shapes.py\n"
    assert found.usage == Usage(input=90, cached_input=25, output=30, reasoning=20)
    assert (found.exit_reason, found.model) == (ExitReason.CANCELLED, "big-3")


def test_swe_agent_0(tmp_path):
    found = read(tmp_path, files.swe_agent_0())
    assert commands(found) == [[], [("bash", "python -m pytest")], [("submit", None)]]
    assert found.turns[0].reply.text.startswith("I open it.")
    assert [turn.foreign for turn in found.turns] == ["open shapes.py 10", "", ""]
    assert found.turns[0].observations[0].text == "[File: shapes.py]"
    assert (found.usage, found.cost) == (Usage(input=900, output=80), 0.75)
    assert (found.exit_reason, found.diff) == (ExitReason.SUBMITTED, files.PATCH)


def test_swe_agent_1(tmp_path):
    found = read(tmp_path, files.swe_agent_1())
    names = [[call.name for call in turn.actions] for turn in found.turns]
    assert names == [["view"], ["edit"], ["bash"], [], ["bash"], ["submit"]]
    assert found.turns[0].actions[0].arguments == {"path": "/testbed/shapes.py", "start": 1, "end": 20}
    assert found.turns[1].actions[0].arguments["new"] == "width *"
    assert (found.model, found.exit_reason) == ("vendor/big", ExitReason.COST_LIMIT)
    assert (found.seconds, found.cost) == (3.0, 0.25)


@pytest.mark.parametrize(
    ("status", "reason"),
    [("LimitsExceeded", ExitReason.STEP_LIMIT), ("ContextWindowExceededError", ExitReason.CONTEXT_LIMIT),
     ("AuthenticationError", ExitReason.MODEL_ERROR), (None, ExitReason.CANCELLED)],
)  # fmt: skip
def test_exits_of_mini(tmp_path, status, reason):
    content = files.mini_1()
    content["info"]["exit_status"] = status
    assert read(tmp_path, content).exit_reason is reason


@pytest.mark.parametrize(
    ("status", "reason"),
    [("exit_context", ExitReason.CONTEXT_LIMIT), ("submitted (exit_format)", ExitReason.FORMAT_ERRORS),
     ("exit_forfeit", ExitReason.GAVE_UP), (None, ExitReason.CANCELLED),
     ("exit_api", ExitReason.MODEL_ERROR)],
)  # fmt: skip
def test_exits_of_swe_agent(tmp_path, status, reason):
    content = files.swe_agent_1()
    content["info"]["exit_status"] = status
    assert read(tmp_path, content).exit_reason is reason


def test_two_blocks_are_a_refused_reply(tmp_path):
    content = files.mini_1()
    content["messages"][2]["content"] *= 2
    assert read(tmp_path, content).turns[0].actions == ()


@pytest.mark.parametrize(
    ("command", "wrapped"),
    [("ls; cd /", True), ("X=1", True), ("export A=1\nls", True), ("X=1 ls", False), ("grep 'cd' a", False),
     ("cat <<'E' > a\nhello\nE", False), ("a && { cd b; }", True)],
)  # fmt: skip
def test_what_would_last_is_put_into_a_shell_of_its_own(command, wrapped):
    ours = own_shell(command, "a").arguments["command"]
    assert (ours != command) == wrapped
    assert subprocess.run(["bash", "-n", "-c", ours], check=False).returncode == 0


def test_the_editor_as_a_program(tmp_path):
    viewed = line("str_replace_editor view /a/b.py --view_range 3 9", "x")
    assert viewed.arguments == {"path": "/a/b.py", "start": 3, "end": 9}
    path = tmp_path / "sub" / "it's.py"
    for action, after in [
        (f"""str_replace_editor create "{path}" --file_text 'one\ntwo\n'""", "one\ntwo\n"),
        (f"""str_replace_editor insert "{path}" --insert_line 1 --new_str 'mid'""", "one\nmid\ntwo\n"),
    ]:
        subprocess.run(["bash", "-ec", line(action, "x").arguments["command"]], check=True)
        assert path.read_text() == after
    assert line("str_replace_editor view 'unclosed", "x") is None
    assert line("str_replace_editor create a --colour red", "x") is None
    assert line("scroll_down", "x") is None
    assert line("submit 'flag{won}'", "x") is None


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"", "is no JSON"), (b"[]", "is no trajectory"), (b'{"messages": 1}', "is no trajectory"),
     (b'{"messages": [1]}', "damaged trajectory: messages.0"), (b"\xff", "is no JSON"),
     (b"[" * 99999, "is no JSON"),
     (b'{"trajectory": [{"execution_time": "long"}]}', "damaged trajectory: trajectory.0.execution_time")],
)  # fmt: skip
def test_damaged_files_are_told_in_one_line(tmp_path, content, told):
    path = tmp_path / "a.traj"
    path.write_bytes(content)
    with pytest.raises(TrajectoryFileError, match=told) as caught:
        read_trajectory(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file(tmp_path):
    with pytest.raises(TrajectoryFileError, match="cannot read"):
        read_trajectory(tmp_path / "none.traj")


def test_files_are_told_apart_by_their_content(tmp_path):
    path = tmp_path / "anything.json"
    for make in files.ALL:
        path.write_text(json.dumps(make()))
        assert is_foreign(path)
    path.write_text('{"v": 1, "kind": "reply"}\n{"v": 1}\n')
    assert not is_foreign(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_wrong_is_a_typed_error(tmp_path, data):
    content = data.draw(st.sampled_from(files.ALL))()
    for _ in range(data.draw(st.integers(1, 3))):
        place, key = data.draw(st.sampled_from(list(slots(content))))
        place[key] = data.draw(JSON)
    text = json.dumps(content)
    path = tmp_path / "a.traj"
    path.write_text(text[: data.draw(st.just(len(text)) | st.integers(0, len(text)))])
    told = ""
    try:
        read_trajectory(path)
    except TrajectoryFileError as error:
        told = str(error)
    assert "\n" not in told


def slots(value):
    """Every place in a value where another could stand."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from slots(value[key])
