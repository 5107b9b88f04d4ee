from __future__ import annotations

import json
import pickle
import subprocess
import sys

import pytest

from envs.git import git
from envs.sources import open_source
from envs.swebench import commands
from envs.swebench.families import FAMILIES
from envs.swebench.rows import read_row
from envs.swebench.source import to_task
from envs.task import Grading, Task, TaskError


@pytest.fixture(autouse=True)
def no_platform(monkeypatch):
    monkeypatch.delenv("MANGABEY_PLATFORM", raising=False)


@pytest.fixture
def source(row, tmp_path):
    """Return a function that opens a file with the row and more columns."""

    def make(image: str = "", /, **columns):
        path = tmp_path / "rows.jsonl"
        path.write_text(json.dumps(row | columns))
        return open_source(str(path), image=image)

    return make


def made(family: str, columns) -> tuple[Task, Grading]:
    task = to_task(read_row(columns, "here"), FAMILIES[family])
    assert task.grading is not None
    return task, task.grading.unseal()


def test_an_instance_of_swe_bench_is_completed(row):
    task, grading = made("verified", row)
    assert (task.instance_id, task.repo, task.problem_statement) == (
        "psf__requests-1",
        "psf/requests",
        "It fails\n\nBadly.",
    )
    assert task.base_commit == row["base_commit"].lower()
    environment = task.environment
    assert environment.image == "swebench/sweb.eval.x86_64.psf_1776_requests-1:latest"
    assert (environment.workdir, environment.grades_as, environment.hidden) == ("/testbed", "root", ())
    assert environment.env["CONDA_DEFAULT_ENV"] == "testbed"
    assert environment.build is None
    assert grading.test_command == "pytest -rA tests/test_a.py"
    assert grading.log_parser == "parse_log_requests"
    assert grading.test_files == ("tests/test_a.py", "tests/data/a.json")
    assert (grading.gold_patch, grading.test_patch) == (row["patch"], row["test_patch"])
    assert (grading.fail_to_pass, grading.pass_to_pass) == (
        ("tests/test_a.py::test_secret",),
        ("tests/test_a.py::test_kept",),
    )
    assert (grading.eval_type, grading.version, grading.bug_patch) == ("pass_and_fail", "2.4", "")


@pytest.mark.parametrize(
    ("repo", "parser", "end"),
    [
        ("django/django", "parse_log_django", "--parallel 1 test_a"),
        ("sphinx-doc/sphinx", "parse_log_sphinx", "-v -- tests/test_a.py"),
        ("sympy/sympy", "parse_log_sympy", "bin/test -C --verbose tests/test_a.py"),
        ("o/unknown", "", ""),
    ],
)
def test_command_and_parser_of_an_older_row_are_its_repositorys(row, repo, parser, end):
    _, grading = made("full", row | {"repo": repo})
    assert grading.log_parser == parser
    assert grading.test_command.endswith(end)


def test_what_a_row_says_itself_wins(row):
    own = {"test_command": "pytest x.py", "log_parser": "parse_log_django", "environment": "export A=1"}
    own |= {"test_files": ["x.py"], "workdir": "/src", "setup": ["make"], "env": {"B": "2", "PATH": "/mine"}}
    task, grading = made("verified", row | own | {"known_failures": ["k"]})
    assert grading.test_command == "export A=1\npytest x.py"
    assert (grading.log_parser, grading.test_files) == ("parse_log_django", ("x.py",))
    assert grading.known_failures == ("k",)
    assert (task.environment.workdir, task.environment.setup) == ("/src", ("make",))
    assert (task.environment.env["B"], task.environment.env["PATH"]) == ("2", "/mine")


@pytest.mark.parametrize(
    ("named", "parser"),
    [
        ("junit", "junit"),
        ("pytest", "parse_log_pytest"),
        ("parse_mine", "parse_mine"),
        ("", "parse_log_pytest_v2"),
    ],
)
def test_the_parser_is_the_one_that_the_row_names(row, named, parser):
    columns = row | {"repo": "o/r", "test_command": "pytest a.py", "log_parser": named}
    assert made("rows", columns)[1].log_parser == parser


def test_the_script_of_harness_5_is_kept(row):
    more = {
        "eval_script": "#!/bin/bash\nx",
        "eval_type": "fail_only",
        "log_parser": "parse_log_jest",
        "image": "i:1",
    }
    task, grading = made("multilingual", row | more)
    assert (grading.eval_script, grading.eval_type) == ("#!/bin/bash\nx", "fail_only")
    assert grading.log_parser == "parse_log_jest"
    assert task.environment.image == "i:1"
    assert task.environment.env == {}


def test_swe_bench_pro_lies_in_another_folder(row):
    task, _ = made("pro", row | {"dockerhub_tag": "t"})
    assert (task.environment.image, task.environment.workdir) == ("jefzda/sweap-images:t", "/app")


def test_swe_gym_runs_the_tests_of_the_patch(row):
    task, grading = made("gym", row | {"repo": "getmoto/moto", "instance_id": "getmoto__moto-1"})
    assert task.environment.image == "xingyaoww/sweb.eval.x86_64.getmoto_s_moto-1:latest"
    assert grading.test_command == "pytest -n0 -rA tests/test_a.py"
    assert grading.log_parser == "parse_log_pytest"


def test_swe_rebench_appends_the_test_files_to_its_command(row):
    config = {"test_cmd": "pytest --no-header -rA", "log_parser": "parse_log_pytest", "python": "3.9"}
    more = {
        "repo": "o/r",
        "install_config": config,
        "environment": "name: x",
        "requirements": "six==1.16.0\n",
    }
    task, grading = made("rebench", row | more)
    assert grading.test_command == "pytest --no-header -rA tests/test_a.py"
    assert grading.log_parser == "parse_log_pytest"
    assert task.environment.build is None


def test_swe_smith_makes_the_bug_and_takes_it_back(row):
    columns = {
        "instance_id": "a__b.1.x",
        "repo": "swesmith/a__b.1",
        "patch": row["patch"],
        "FAIL_TO_PASS": ["tests/test_a.py::test_secret", "tests/b c.py::test"],
        "PASS_TO_PASS": ["tests/test_a.py::test_kept", "tests/test_d.py::test"],
    }
    task, grading = made("smith", columns)
    assert grading.bug_patch == row["patch"]
    assert "-SECRET = 2\n+SECRET = 1\n" in grading.gold_patch
    assert grading.test_files == ("tests/test_a.py", "tests/b c.py")
    assert grading.test_command.endswith(" -rA tests/test_a.py 'tests/b c.py' tests/test_d.py")
    assert grading.log_parser == "parse_log_pytest_v2"
    assert task.environment.image == "swebench/swesmith.x86_64.a_1776_b.1"


def test_r2e_gym_has_its_own_rule_and_hides_its_tests():
    columns = {
        "repo_name": "pandas",
        "commit_hash": "0123456789abcdef0123456789abcdef01234567",
        "docker_image": "namanjain12/pandas_final:0123",
        "expected_output_json": '{"\\u001b[1mTestA.test_b\\u001b[0m": "PASSED"}',
    }
    task, grading = made("r2e", columns)
    assert (task.base_commit, grading.log_parser) == ("", "r2e")
    assert grading.expected == {"TestA.test_b": "PASSED"}
    assert "/r2e_tests" in task.environment.hidden
    assert task.environment.env["VIRTUAL_ENV"] == "/testbed/.venv"


def test_an_image_is_built_where_the_row_says_how(row):
    pins = {"python": "3.9", "requirements": ["six==1.16.0"], "setup": ["apt-get install x"]}
    pins |= {"pre_install": ["sed x"], "install": ["pip install -e ."], "env": {"A": "1"}}
    for columns in (pins, pins | {"image": "build"}):
        environment = made("rows", row | columns)[0].environment
        assert environment.image is None
        assert environment.build is not None
        assert environment.build.setup == ("apt-get install x",)
        assert environment.build.script == "sed x\npip install -e ."
        assert (environment.python, environment.requirements) == ("3.9", ("six==1.16.0",))
        assert (environment.env, environment.setup, environment.grades_as) == ({"A": "1"}, (), "agent")


def test_build_leaves_aside_the_published_image_and_what_belongs_to_it(row):
    environment = made("verified", row | {"image": "build", "base_image": "mine:1"})[0].environment
    assert (environment.image, environment.env, environment.grades_as) == (None, {}, "agent")
    assert environment.build is not None
    assert environment.build.base == "mine:1"


def test_a_row_without_image_and_pins_has_neither(row):
    environment = made("rows", row)[0].environment
    assert environment.image is None
    assert environment.build is None


async def test_one_image_for_all_instances(source, tmp_path):
    task, repository = await source("mine:2", image="theirs:1").load("psf__requests-1", tmp_path)
    assert (task.environment.image, repository) == ("mine:2", None)


async def test_the_repository_of_an_image_that_is_made_is_fetched(
    source, make_repository, tmp_path, monkeypatch
):
    mirror = make_repository({"lib/a.py": "SECRET = 1\n"}, "psf__requests")
    commit = git(mirror, "rev-parse", "HEAD").decode().strip()
    (tmp_path / "mirrors" / "psf").mkdir(parents=True)
    git(tmp_path, "clone", "--quiet", "--bare", str(mirror), "mirrors/psf/requests.git")
    monkeypatch.setenv("MANGABEY_MIRRORS", str(tmp_path / "mirrors"))
    monkeypatch.delenv("MANGABEY_GITHUB", raising=False)
    task, repository = await source("build", base_commit=commit).load("psf__requests-1", tmp_path / "home")
    assert task.environment.build is not None
    assert repository is not None
    assert git(repository, "cat-file", "-t", commit) == b"commit\n"


def test_what_is_shown_of_an_instance_holds_no_hint(source, row):
    shown = source(
        image="i:1", difficulty="1-4 hours", known_failures=["SECRET"], test_command="pytest SECRET"
    ).describe("psf__requests-1")
    assert shown == {
        "repository": "psf/requests",
        "base": row["base_commit"],
        "difficulty": "1-4 hours",
        "image": "i:1",
        "issue": row["problem_statement"],
    }


def test_what_is_shown_says_where_it_runs(source):
    assert source().describe("psf__requests-1")["image"] == "none"
    assert source("build").describe("psf__requests-1")["image"] == "made here"


@pytest.mark.parametrize("family", FAMILIES)
def test_what_an_agent_may_know_holds_no_hint_at_tests_and_fix(row, family):
    more = {
        "test_command": "pytest SECRET",
        "expected_output_json": '{"SECRET": "PASSED"}',
        "eval_script": "SECRET",
    }
    task, _ = made(family, row | more)
    for shown in (repr(task.public()), repr(task), str(task.environment), task.test_runner):
        assert not any(word in shown for word in ("SECRET", "test_secret", "test_kept", "test_a"))
    assert task.test_runner.startswith(("python -m pytest", 'PYTHONPATH="$PWD" python -m pytest'))
    with pytest.raises(TypeError, match="never serialised"):
        pickle.dumps(task)


def test_an_unknown_instance_names_the_nearest(source):
    with pytest.raises(
        TaskError, match=r"there is no task psf__request-1 in .*; did you mean psf__requests-1\?"
    ):
        source().describe("psf__request-1")
    with pytest.raises(TaskError, match="there is no task zzz in"):
        source().describe("zzz")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            {"repo": "python/mypy"},
            "neither its row nor the swebench package says how python/mypy runs its tests",
        ),
        (
            {"repo": "redis/redis"},
            "add the columns test_command and log_parser, or eval_script and log_parser",
        ),
        ({"repo": "redis/redis", "test_command": "make test"}, "add the column log_parser"),
        ({"repo": "redis/redis", "eval_script": "make test"}, "who reads the log of redis/redis"),
    ],
)
def test_a_row_that_cannot_be_graded_says_which_columns_to_add(row, columns, message):
    _, grading = made("multilingual", row | columns)
    assert message in grading.missing


def test_of_multimodal_the_package_knows_parsers_and_how_results_count(row):
    _, grading = made("multimodal", row | {"repo": "chartjs/Chart.js", "test_command": "npm test"})
    assert (grading.log_parser, grading.eval_type, grading.missing) == ("parse_log_chart_js", "fail_only", "")
    _, other = made("multimodal", row | {"repo": "grommet/grommet", "test_command": "npm test"})
    assert (other.log_parser, other.eval_type) == ("parse_log_grommet", "pass_and_fail")
    assert made("full", row)[1].missing == ""


def test_what_is_told_of_multimodal_is_what_the_package_holds():
    script = (
        "import json\n"
        "from swebench.harness.constants import FAIL_ONLY_REPOS\n"
        "from swebench.harness.log_parsers import PARSER_REGISTRY\n"
        "print(json.dumps([sorted(FAIL_ONLY_REPOS), sorted(PARSER_REGISTRY)]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    fail_only, parsers = json.loads(done.stdout.splitlines()[-1])
    assert sorted(commands._FAIL_ONLY) == fail_only
    assert set(commands._MULTIMODAL_PARSERS.values()) <= set(parsers)
