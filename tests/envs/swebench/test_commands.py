from __future__ import annotations

import pytest

from envs.swebench import commands
from envs.swebench.commands import agents_runner, log_parser, with_tests
from envs.swebench.verdict import statuses_in

RUNTESTS = "./tests/runtests.py --verbosity 2 --settings=test_sqlite --parallel 1"
BIN_TEST = "PYTHONWARNINGS='ignore::UserWarning,ignore::SyntaxWarning' bin/test -C --verbose"


def patch(*files: str, gone: str = "") -> str:
    parts = [f"--- a/{file}\n+++ b/{file}\n@@ -1 +1 @@\n-a\n+b\n" for file in files]
    return "".join([*parts, *([f"--- a/{gone}\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n"] if gone else [])])


@pytest.mark.parametrize(
    ("repo", "files", "command"),
    [
        ("psf/requests", ["test_requests.py"], "pytest -rA test_requests.py"),
        (
            "pytest-dev/pytest",
            ["testing/test_a.py", "testing/b.py"],
            "pytest -rA testing/test_a.py testing/b.py",
        ),
        (
            "astropy/astropy",
            ["astropy/io/tests/test_a.py"],
            "pytest -rA -vv -o console_output_style=classic --tb=no astropy/io/tests/test_a.py",
        ),
        (
            "django/django",
            ["tests/admin_views/tests.py", "tests/queries/test_q.py"],
            f"{RUNTESTS} admin_views.tests queries.test_q",
        ),
        ("sphinx-doc/sphinx", ["tests/test_a.py"], "tox --current-env -epy39 -v -- tests/test_a.py"),
        (
            "sympy/sympy",
            ["sympy/core/tests/test_a.py"],
            f"{BIN_TEST} sympy/core/tests/test_a.py",
        ),
        ("mwaskom/seaborn", ["tests/test_a.py"], "pytest --no-header -rA tests/test_a.py"),
        ("getmoto/moto", ["tests/test_a.py"], "pytest -n0 -rA tests/test_a.py"),
        ("conan-io/conan", ["t/a.py"], 'export PYTHONPATH="${PYTHONPATH:-}:$PWD"\npytest -n0 -rA t/a.py'),
    ],
)
def test_the_command_of_a_repository_takes_the_test_files_of_the_patch(repo, files, command):
    assert commands.test_command(repo, patch(*files)) == command


def test_files_that_are_no_tests_and_those_that_go_away_are_not_run():
    diff = patch("tests/test_a.py", "tests/a.json", "tests/a.PNG.txt", "README.md", gone="tests/test_old.py")
    assert commands.test_command("psf/requests", diff) == "pytest -rA tests/test_a.py"


def test_names_are_quoted_for_the_shell():
    assert commands.test_command("psf/requests", patch("tests/a b;c.py")) == "pytest -rA 'tests/a b;c.py'"


def test_a_repository_that_is_not_known_has_no_command():
    assert commands.test_command("o/r", patch("tests/test_a.py")) == ""
    assert commands.test_command("", "") == ""


def test_a_runner_of_the_row_gets_the_test_files():
    assert with_tests("pytest -rA", "o/r", patch("t/a.py", "t/a.yml")) == "pytest -rA t/a.py"


def test_the_parser_of_a_repository_and_else_that_of_pytest():
    assert log_parser("django/django") == "parse_log_django"
    assert log_parser("getmoto/moto") == "parse_log_pytest"
    assert log_parser("o/r", "python -m pytest a") == "parse_log_pytest_v2"
    assert log_parser("o/r", "make check") == ""


@pytest.mark.parametrize("repo", sorted({*commands._COMMANDS, *commands._GYM_COMMANDS}))
def test_every_repository_has_a_parser_of_the_package(repo):
    columns = {"FAIL_TO_PASS": [], "PASS_TO_PASS": [], "eval_type": "pass_and_fail", "eval_script": ""}
    row = columns | {
        "instance_id": "a-1",
        "image": "",
        "repo": repo,
        "version": "",
        "log_parser": log_parser(repo),
    }
    assert statuses_in(row, ["nothing"]) == [{}]


def test_agents_run_pytest_with_the_repository_on_the_path_where_it_is_not_installed():
    assert agents_runner("o/r") == "python -m pytest -p no:cacheprovider -o addopts="
    assert agents_runner("sympy/sympy").startswith('PYTHONPATH="$PWD" python -m pytest')
