from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envs.git import git
from envs.outcomes import Outcome
from envs.prepare import prepare
from envs.task import Environment, Task
from envs.testrun import outcome_of, quote_targets, run_tests
from sandbox.base import Status
from tests.interpreter import lean_python

RUNNER = "python -m pytest -p no:cacheprovider -o addopts="
FILES = {
    "tests/test_a.py": (
        "import pytest\n\ndef test_good(): pass\n\ndef test_bad(): assert 0, 'why'\n\n"
        "@pytest.mark.parametrize('x', ['a b', '$(touch /tmp/x) [y::z]'])\ndef test_p(x): pass\n\n"
        "class TestC:\n    def test_in(self): pass\n"
    ),
    "tests/test_broken.py": "import nowhere_at_all\n\ndef test_x(): pass\n",
    "tests/test_slow.py": "import time\n\ndef test_x(): time.sleep(60)\n",
    "odd dir/test_b.py": "def test_x(): pass\n",
}


@pytest.fixture
async def room(make_repository, tmp_path, host):
    folder = make_repository(FILES)
    base = git(folder, "rev-parse", "HEAD").decode().strip()
    task = Task("x", "local/x", base, "issue", Environment(python=str(lean_python())), RUNNER)
    return await host.start((await prepare(task, folder, tmp_path / "home")).root)


async def test_each_target_has_an_outcome(room):
    targets = [
        "tests/test_a.py::test_good",
        "tests/test_a.py::test_bad",
        "tests/test_a.py::test_p[$(touch /tmp/x) [y::z]]",
        "tests/test_a.py::TestC",
        "odd dir/test_b.py",
        "tests/test_broken.py::test_x",
    ]
    run = await run_tests(room, RUNNER, targets, timeout=60)
    assert (
        run.outcomes
        == {
            "tests/test_a.py::test_good": Outcome.PASSED,
            "tests/test_a.py::test_bad": Outcome.FAILED,
            "tests/test_a.py::test_p[$(touch /tmp/x) [y::z]]": Outcome.PASSED,
            "tests/test_a.py::TestC::test_in": Outcome.PASSED,
            "odd dir/test_b.py::test_x": Outcome.PASSED,
            "tests/test_broken.py": Outcome.ERROR,
            "tests/test_broken.py::test_x": Outcome.ERROR,
        }
        or run.exit_code == 2
    )
    assert (await room.exec("ls /tmp")).output.split() == []
    assert outcome_of(run, "tests/test_broken.py::test_other") is Outcome.ERROR
    assert outcome_of(run, "tests/test_none.py::test_other") is Outcome.MISSING


async def test_a_target_that_does_not_exist_does_not_hide_the_others(room):
    targets = [
        "tests/test_a.py::test_good",
        "tests/test_a.py::test_gone",
        "tests/test_none.py",
        "tests/test_a.py::test_bad",
    ]
    run = await run_tests(room, RUNNER, targets, timeout=60)
    assert run.outcomes == {
        "tests/test_a.py::test_good": Outcome.PASSED,
        "tests/test_a.py::test_bad": Outcome.FAILED,
        "tests/test_a.py::test_gone": Outcome.MISSING,
        "tests/test_none.py": Outcome.MISSING,
    }
    assert run.messages["tests/test_a.py::test_bad"] == "AssertionError: why"


async def test_a_timeout_is_told_for_what_was_not_reported(room):
    run = await run_tests(room, RUNNER, ["tests/test_slow.py", "tests/test_a.py::test_good"], timeout=4)
    assert run.status is Status.TIMED_OUT
    assert set(run.outcomes.values()) == {Outcome.TIMED_OUT}


async def test_a_thousand_targets_fit(room):
    many = [f"tests/test_a.py::test_p[{'x' * 100}{number}]" for number in range(1500)]
    run = await run_tests(room, RUNNER, ["tests/test_a.py::test_good", *many], timeout=60)
    assert run.outcomes["tests/test_a.py::test_good"] is Outcome.PASSED
    assert run.outcomes[many[7]] is Outcome.MISSING


GOOD = "tests/test_a.py::test_good"
REPORT = (
    '<testsuites><testcase classname="tests.test_a" name="test_good" file="tests/test_a.py"/></testsuites>'
)
FORGE = f"""
import atexit, os, sys
path = next(word.partition("=")[2] for word in sys.argv if word.startswith("--junitxml="))
def forge():
    open(path, "w").write('''{REPORT}''')
"""


@pytest.mark.parametrize(
    ("conftest", "outcome"),
    [
        ("import os\nos._exit(0)\n", Outcome.MISSING),
        ("def pytest_unconfigure():\n    import os; os._exit(3)\n", Outcome.ERROR),
        (f"{FORGE}\nforge()\nos._exit(1)\n", Outcome.ERROR),
        (f"{FORGE}\nforge()\nos._exit(4)\n", Outcome.ERROR),
        (f"{FORGE}\nforge()\nos.kill(os.getpid(), 9)\n", Outcome.ERROR),
        (f"{FORGE}\nos.mkdir(path)\nos._exit(0)\n", Outcome.MISSING),
        (f"{FORGE}\nos.symlink('/etc/passwd', path)\nos._exit(0)\n", Outcome.MISSING),
        (f"{FORGE}\nopen(path, 'w').write('<x')\nos._exit(0)\n", Outcome.MISSING),
    ],
    ids=["exit", "code3", "forged1", "forged4", "killed", "folder", "link", "torn"],
)
async def test_a_report_that_the_exit_code_denies_gives_no_pass(room, conftest, outcome):
    await room.write("conftest.py", conftest.encode())
    run = await run_tests(room, RUNNER, [GOOD], timeout=60)
    assert run.outcomes[GOOD] is outcome
    assert Outcome.PASSED not in run.outcomes.values()


async def test_failures_with_an_exit_code_of_0_take_the_passes_with_them(room):
    await room.write("conftest.py", b"def pytest_sessionfinish(session): session.exitstatus = 0\n")
    run = await run_tests(room, RUNNER, ["tests/test_a.py"], timeout=60)
    assert run.exit_code == 0
    assert run.outcomes["tests/test_a.py::test_bad"] is Outcome.FAILED
    assert run.outcomes[GOOD] is Outcome.ERROR
    assert "exited with code 0" in run.messages[GOOD]


async def test_a_runner_that_is_not_there(room):
    run = await run_tests(room, "no-such-program", [GOOD], timeout=60)
    assert run.outcomes == {GOOD: Outcome.MISSING}


async def test_a_suite_without_tests(room):
    await room.write("empty/test_none.py", b"")
    run = await run_tests(room, RUNNER, ["empty"], timeout=60)
    assert run.exit_code == 5
    assert run.outcomes == {"empty": Outcome.MISSING}


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)))
def test_quoted_targets_are_one_word_each(targets):
    words = shlex.split(quote_targets(targets))
    assert words == [f"./{one}" if one.startswith("-") else one for one in targets]
