"""What the authors of candidates from elsewhere did, from their files to the verifier that reads it."""

from __future__ import annotations

import asyncio
import json

import pytest

from agent.messages import Reply, ToolCall
from agent.trajectory import ExitReason, Observation, Trajectory
from runs.candidates import read_from_anywhere
from runs.journal import Journal
from runs.judging import EVIDENCE
from runs.outside import record_outside, recorded_outside
from runs.recorded import record
from runs.tape import JournalTape
from runs.variation import Variation
from selection.evidence_file import read_evidence
from selection.pool import RawCandidate
from selection.verifiers.digest import Step, digest
from tests.agent.foreign import files
from tests.interpreter import lean_python
from tests.runs.conftest import ISSUE
from tests.runs.desk import diff
from tests.runs.players import RIGHT, WRONG

PRAISE = "Certainly the best patch of all"
READER = """
import json
import os
from pathlib import Path

from agent import Capabilities, Reply


class Reader:
    name = "reader"
    capabilities = Capabilities()

    async def generate(self, messages, tools, sampling):
        with Path(os.environ["CALLS"]).open("a") as file:
            file.write(json.dumps(messages[1].content) + "\\n")
        return Reply(text="NO" if "width" in messages[1].content else "YES")
"""


async def put_run(folder, patch):
    """Record a run of one trajectory: it looks, says how good it is, and submits."""
    call = ToolCall(id="a", name="bash", arguments={"command": "cat /home/mangabey/tiny.py"})
    with Journal(folder / "tiny-1") as journal:
        await journal.append("task", {"instance_id": "tiny-1"})
        tape = JournalTape(journal, 0)
        await tape.keep_reply(0, Reply(text=PRAISE, tool_calls=(call,)), "k")
        await tape.keep_observation(0, 0, Observation(call_id="a", text="def last(items)"))
        submit = ToolCall(id="b", name="submit", arguments={"message": PRAISE})
        await tape.keep_reply(1, Reply(tool_calls=(submit,)), "l")
        made = Trajectory(sample=0, model="big", exit_reason=ExitReason.SUBMITTED, diff=patch)
        await record(made, Variation(kind="tool-agent", round=1, model="big", temperature=0.0), journal)


def put_mini(path, patch):
    """Write a file of mini-swe-agent, in which a command names the agent."""
    content = files.mini_1()
    content["info"]["submission"] = patch
    content["messages"][3]["content"] += "\n/opt/mini-swe-agent/run"
    path.write_text(json.dumps(content))


def test_digests_of_a_run_and_of_another_agents_file_are_read_by_select(mangabey, checkout, tmp_path):
    (tmp_path / "reader.py").write_text(READER)
    run, mini, out = tmp_path / "run", tmp_path / "a.traj.json", tmp_path / "out"
    asyncio.run(put_run(run, diff(RIGHT)))
    put_mini(mini, diff(WRONG))
    done = mangabey(
        *("select", "--repo", checkout, "--issue", ISSUE, "--python", lean_python()),
        *("--sandbox", "daemonless", "--out", out, "--model", f"verify={tmp_path}/reader.py:Reader"),
        *("--candidates", run, mini, "--rule", "swe-gym", "-c", "selection.views=[digest]"),
    )
    assert done.returncode == 0, done.stderr
    asked = (tmp_path / "calls").read_text()
    prompts = [text for text in map(json.loads, asked.splitlines()) if "<digest>" in text]
    shown = sorted(text.partition("<digest>\n")[2].partition("\n</digest>")[0] for text in prompts)
    assert shown[0] == "[1] $ cat /home/agent/tiny.py\ndef last(items)\n[2] submit\n[end] submitted"
    assert shown[1].startswith("[1] $ cat shapes.py\n")
    assert "[2] $ (\ncd . && sed -i 's/width + self/width * self/' shapes.py\n)" in shown[1]
    for text in prompts:
        assert not any(name in text.lower() for name in ("mini", "mangabey", "big", PRAISE.lower()))
    (journal,) = out.glob("*/journal.jsonl")
    evidence = next(read_evidence(journal.parent / EVIDENCE))
    told = {one.candidate: one.score for one in evidence.verdicts if one.judge == "verifier:digest"}
    by_origin = {one.origin: told[one.id] for one in evidence.candidates}
    assert by_origin["run sample 0"] > 0.5 > by_origin["vendor/big (a.traj.json)"]
    # killed before the decision, and the files are gone
    lines = [line for line in journal.read_text().splitlines(keepends=True) if '"decision"' not in line]
    journal.write_text("".join(lines))
    mini.unlink()
    again = mangabey("select", "--resume", out)
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "calls").read_text() == asked


@pytest.mark.parametrize("made", [files.mini_1, files.mini_2, files.swe_agent_1])
def test_every_format_brings_what_its_author_did(tmp_path, made):
    path = tmp_path / ("a.traj" if made is files.swe_agent_1 else "a.traj.json")
    path.write_text(json.dumps(made()))
    (found,) = read_from_anywhere([path])
    text = digest(found.steps, found.exit_reason)
    assert text.count("submit") >= 1
    assert text.startswith("[1] ")
    assert "$ " in text


def test_what_swe_agent_does_in_its_window_is_read_too(tmp_path):
    content = files.swe_agent_0()
    edit = "edit 3:3\n    return width * height\nend_of_edit\n"
    step = {"action": edit, "observation": "[File: shapes.py]", "response": PRAISE, "thought": PRAISE}
    content["trajectory"].insert(1, step)
    (tmp_path / "a.traj").write_text(json.dumps(content))
    (found,) = read_from_anywhere([tmp_path / "a.traj"])
    assert [step.action for step in found.steps] == [
        "$ open shapes.py 10",
        f"$ {edit.strip()}",
        "$ python -m pytest",
        "submit",
    ]
    assert found.steps[1].observation == "[File: shapes.py]"
    assert PRAISE not in digest(found.steps)
    content = files.swe_agent_1()
    function = {"name": "think", "arguments": json.dumps({"thought": PRAISE})}
    said = {
        "role": "assistant",
        "action": f"think {PRAISE}",
        "tool_calls": [{"id": "t", "function": function}],
    }
    content["trajectory"].insert(0, {"action": said["action"], "observation": "", "response": PRAISE})
    content["history"].insert(3, said)
    (tmp_path / "b.traj").write_text(json.dumps(content))
    (found,) = read_from_anywhere([tmp_path / "b.traj"])
    actions = [step.action for step in found.steps]
    assert actions[0] == "think"
    assert "$ str_replace_editor undo_edit /testbed/new.py" in actions


async def test_patches_from_elsewhere_come_back_with_their_steps(tmp_path):
    found = [RawCandidate("a", "+\udcff\n", steps=(Step("$ ls", "x"),)), RawCandidate("b", "")]
    with Journal(tmp_path) as journal:
        assert recorded_outside(journal) is None
        await record_outside(found, journal)
    with Journal(tmp_path) as journal:
        kept = recorded_outside(journal)
    assert [(one.origin, one.diff, one.steps) for one in kept] == [
        ("a", "+\udcff\n", (Step("$ ls", "x"),)),
        ("b", "", ()),
    ]
