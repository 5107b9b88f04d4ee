from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envs.canary import Canary, canary_for

A = ["tests/test_a.py"]
BIN_TEST = "PYTHONWARNINGS='ignore::UserWarning,ignore::SyntaxWarning' bin/test -C --verbose"


def added(command: str, files: list[str] = A) -> str:
    """What the canary puts at the end of a command, with its token left out."""
    canary = canary_for(command, files)
    assert canary is not None
    assert canary.command.startswith(command.rstrip())
    assert canary.token in canary.path
    return canary.command.removeprefix(command.rstrip()).replace(canary.token, "T")


@pytest.mark.parametrize(
    ("command", "files", "end"),
    [
        ("pytest -rA tests/test_a.py", A, " tests/test_T.py"),
        ("pytest -rA test_a.py", ["test_a.py"], " test_T.py"),
        ("pytest -rA x/test_x.py tests/test_a.py", [*A, "x/test_x.py"], " x/test_T.py"),
        ("pytest tests/test_a.py::TestA::test_b", A, " tests/test_T.py"),
        ('PYTHONPATH="$PWD" python -m pytest -o addopts= tests/test_a.py', A, " tests/test_T.py"),
        ("pytest $OPTIONS ${MORE:-} tests/test_a.py", A, " tests/test_T.py"),
        ("pytest -rA tests", ["tests/deep/test_b.py"], ""),
        ("py.test tests/test_a.py", A, " tests/test_T.py"),
        ("/opt/venv/bin/pytest tests/test_a.py", A, " tests/test_T.py"),
        ("python -X dev -m pytest -rA --durations 25 tests/test_a.py", A, " tests/test_T.py"),
        ("tox --current-env -epy39 -v -- tests/test_a.py", A, " tests/test_T.py"),
        ("pytest -k 'a and (b or c)' tests/test_a.py", A, " tests/test_T.py"),
        ('pytest -W "ignore:a;b" tests/test_a.py', A, " tests/test_T.py"),
        ("pytest -rA -p no:cacheprovider -o addopts= tests/test_a.py \n", A, " tests/test_T.py"),
        (
            f"{BIN_TEST} sympy/core/tests/test_a.py",
            ["sympy/core/tests/test_a.py"],
            " sympy/core/tests/test_T.py",
        ),
        (
            "./tests/runtests.py --verbosity 2 --settings=test_sqlite --parallel 1 admin_views.tests",
            ["tests/admin_views/tests.py"],
            " admin_views.test_T",
        ),
        (
            "export URL=http://h/; (gunicorn -w 1 >/tmp/h.log 2>&1 &) ; sleep 3\npytest -rA tests/test_a.py",
            A,
            " tests/test_T.py",
        ),
    ],
)
def test_the_canary_runs_beside_the_last_test_file(command, files, end):
    assert added(command, files) == end


def test_a_folder_with_unusual_characters_is_quoted():
    assert added("pytest 'a b/test_a.py'", ["a b/test_a.py"]) == " 'a b/test_T.py'"


@pytest.mark.parametrize(
    "command",
    [
        "pytest tests/test_a.py; echo done",
        "pytest tests/test_a.py --color=no; echo done",
        "pytest tests/test_a.py && true",
        "pytest tests/test_a.py | tee log",
        "pytest tests/test_a.py > log 2>&1",
        "pytest $(cat files) tests/test_a.py",
        "pytest `cat files` tests/test_a.py",
        "(cd tests; pytest test_a.py)",
        "pytest tests/test_a.py # all of it",
        "pytest 'tests/test_a.py",
        "pytest tests/test_a.py \\",
    ],
)
def test_a_command_in_which_the_shell_has_a_say_has_none(command):
    assert canary_for(command, A) is None


@pytest.mark.parametrize(
    "option", ["-x", "-vx", "-xq", "--exitfirst", "--maxfail=1", "--maxfail 1", "--sw", "--stepwise"]
)
def test_a_run_that_stops_at_the_first_failure_has_none(option):
    assert canary_for(f"pytest {option} tests/test_a.py", A) is None
    assert canary_for(f"pytest -rx {option} tests/test_a.py", A) is None
    assert canary_for("pytest -rx tests/test_a.py", A) is not None


@pytest.mark.parametrize(
    ("command", "files"),
    [
        ("go test ./...", ["a_test.go"]),
        ("npm test -- tests/test_a.py", A),
        ("make check tests/test_a.py", A),
        ("nosetests tests/test_a.py", A),
        ("pytest tests/data.json", ["tests/data.json"]),
        ("pytest tests/test_a.py", []),
        ("", A),
        ("pytest tests/test_a.py\nmake report", A),
    ],
)
def test_an_unknown_runner_or_one_that_takes_no_files_has_none(command, files):
    assert canary_for(command, files) is None


@pytest.mark.parametrize("command", ["pytest -rA", "pytest tests/test_b.py", "cd x\npython -m pytest"])
def test_a_command_that_names_no_test_file_finds_the_canary_beside_one(command):
    canary = canary_for(command, A)
    assert canary is not None
    assert canary.command == command
    assert canary.path.startswith("tests/test_q")


def test_each_canary_has_a_name_of_its_own():
    names = {canary_for("pytest tests/test_a.py", A).path for _ in range(20)}
    assert len(names) == 20


@given(command=st.text(max_size=40), files=st.lists(st.text(max_size=10), max_size=3))
def test_no_command_breaks_it(command, files):
    canary_for(command, files)
    canary_for(f"pytest {command}", files)


@pytest.mark.parametrize(
    ("low", "high", "sings"),
    [
        ("FAILED", "PASSED", True),
        ("failed", "passed", True),
        ("ERROR", "PASSED", True),
        ("PASSED", "PASSED", False),
        ("FAILED", "FAILED", False),
        ("FAILED", "", False),
        ("", "PASSED", False),
        ("SKIPPED", "PASSED", False),
    ],
)
def test_it_sings_where_the_one_failed_and_the_other_passed(low, high, sings):
    canary = Canary("q1", "tests/test_q1.py", "", "")
    found = {"tests/test_q1.py::test_q1_low": low, "tests/test_q1.py::test_q1_high": high, "other": "PASSED"}
    statuses = {test: status for test, status in found.items() if status}
    assert canary.sings(statuses) is sings
    assert canary.seen(statuses)
    assert not canary.seen({"other": "PASSED"})


@pytest.mark.parametrize(
    ("command", "file", "told"),
    [
        (
            "python -m pytest -rA -p no:cacheprovider tests/test_a.py",
            "tests/test_a.py",
            "FAILED tests/{}.py::{}_low",
        ),
        ("python runtests.py a.test_a", "tests/a/test_a.py", "FAIL: {1}_low"),
    ],
)
def test_in_a_real_run_the_one_fails_and_the_other_passes(tmp_path, command, file, told):
    canary = canary_for(command, [file])
    assert canary is not None
    for path, text in ((file, "def test_a(): pass\n"), (canary.path, canary.content)):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    (tmp_path / "runtests.py").write_text(
        "import sys, unittest\nsys.path.insert(0, 'tests')\n"
        "unittest.main(module=None, argv=['x', '-v', *sys.argv[1:]])\n"
    )
    words = canary.command.replace("python", sys.executable, 1).split()
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    name = f"test_{canary.token}"
    assert told.format(name, name) in done.stdout + done.stderr
    assert done.returncode == 1
