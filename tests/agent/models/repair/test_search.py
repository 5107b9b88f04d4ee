from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.messages import Message, ToolCall
from agent.models.repair import trial
from agent.models.repair.edits import Edit
from agent.models.repair.model import read_problem
from agent.models.repair.progress import Limits, Step
from agent.models.repair.search import exit_code, reproduces, search
from agent.models.repair.trace import read_trace

SHORT = Limits(trying=20, checking=10, batch=3, batches=10, after_first=60)


def run(opening: tuple[Message, ...], perform: Callable[[ToolCall], str], seed: str = "0") -> list[Step]:
    steps: list[Step] = []
    program = search(read_problem(opening, 0.0), random.Random(seed), SHORT)
    step = next(program)
    while True:
        steps.append(step)
        calls = [ToolCall(id=str(n), name=name, arguments=dict(a)) for n, (name, a) in enumerate(step.calls)]
        try:
            step = program.send([perform(call) for call in calls])
        except StopIteration:
            return steps


def test_a_bug_is_repaired_end_to_end(opening, perform, repository: Path):
    steps = run(opening, perform)
    assert "no language model" in steps[0].text
    assert steps[-1].calls[0][0] == "submit"
    assert "if end and text.endswith(end)" in (repository / "words.py").read_text()
    left = sorted(path.name for path in (repository / "tests").glob("test_*.py"))
    assert len(left) > 1
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-o", "addopts=", "-p", "no:cacheprovider", "tests"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_an_issue_that_says_nothing_is_given_up(opening, perform):
    silent = opening[1].content.replace("```", "").replace("`", "").replace(">>>", "").replace("==", "like")
    silent = silent[: silent.index("<issue>")] + "<issue>\nIt is slow.\n" + silent[silent.index("</issue>") :]
    steps = run((opening[0], Message(role="user", content=silent)), perform)
    assert steps[-1].calls[0][0] == "give_up"


def test_nothing_is_changed_when_no_edit_helps(opening, perform, repository: Path):
    before = (repository / "words.py").read_text()
    content = opening[1].content.replace('== "name.py"`', '== "a dog, a cat and 17 birds"`')
    steps = run((opening[0], Message(role="user", content=content)), perform)
    assert steps[-1].calls[0][0] == "give_up"
    assert (repository / "words.py").read_text() == before


@pytest.mark.parametrize(
    ("runner", "wanted"),
    [
        ("python -m pytest -q", "python /tmp/repair/x.py A -- -q"),
        (
            'PYTHONPATH="$PWD/src" python3.9 -m pytest',
            'PYTHONPATH="$PWD/src" python3.9 /tmp/repair/x.py A --',
        ),
        ("pytest -rA", "python /tmp/repair/x.py A -- -rA"),
        ("env A=1 py.test -p x", "env A=1 python /tmp/repair/x.py A -- -p x"),
    ],
)
def test_programs_run_as_the_test_command_does(runner: str, wanted: str):
    assert trial.command(runner, "x.py", "A") == wanted


def test_a_test_command_without_pytest_is_refused():
    with pytest.raises(ValueError, match="pytest"):
        trial.command("./runtests.py", "x.py", "")


def test_results_are_read():
    text = "base 3:E: x\n"
    text += "0-2 5 = pass 0,1\n3 = 3:E: x = y\n[tried 5 of 9 edits in 1.5 s after 0.5 s of loading"
    trials = trial.read_trials(text)
    assert trials.results == {0: "pass 0,1", 1: "pass 0,1", 2: "pass 0,1", 5: "pass 0,1", 3: "3:E: x = y"}
    assert (trials.base, trials.tried, trials.seconds) == ("3:E: x", 5, 2.0)


def test_a_batch_holds_the_edits_as_data():
    edit = Edit("a.py", ((0, 1, "'\n$x`"),), "o", 0.5)
    text = trial.batch("python -m pytest", "trial.py", [(4, edit)], ["t.py"], 5.0)
    assert '"id": 4' in text
    assert text.splitlines()[0].endswith("<<'JOB'")


def test_a_trace_is_read():
    trace = read_trace(
        "function a.py:3 f calls=2 last=9\nlines a.py 3-5 9\nframe a.py:5 f\nfailure 4:E: x\nnoise"
    )
    assert trace.lines == {"a.py": frozenset({3, 4, 5, 9})}
    assert trace.frames == (("a.py", 5, "f"),)
    assert (trace.functions[0].name, trace.functions[0].recency, trace.failure) == ("f", 0, "4:E: x")


def test_only_a_failing_test_reproduces():
    assert reproduces("1 failed in 0.1s\n[exit code 1]\n[9 steps left]")
    assert not reproduces("1 passed in 0.1s\n[exit code 0]")
    assert not reproduces("1 error in 0.1s\n[exit code 2]")
    assert not reproduces("1 failed, 1 error in 0.1s\n[exit code 1]")
    assert exit_code("[timed out after 3 s; all its processes were ended]") is None
