"""SWE-bench Pro: a small repository with the layout of the data set's own, and an instance in an image."""

from __future__ import annotations

import json

import pytest

from envs.git import commit_tree, git
from envs.grading import GradeStatus, grade
from envs.judging import official_run
from envs.outcomes import Outcome
from envs.prepare import prepare
from envs.sources import open_source
from envs.swebench.pro import CHECKOUT, pro_scripts
from envs.swebench.rows import read_row
from envs.task import TaskError
from sandbox.base import Limits
from sandbox.docker.host import DockerHost
from tests.envs.packaged import image_of

INSTANCE = "instance_tiny__tiny-0123"
BUGGY = "def half(n):\n    return n // 2\n"
FIXED = BUGGY.replace("//", "/")
OLD = "import tiny\n\n\ndef test_even():\n    assert tiny.half(4) == 2\n"
NEW = (
    f"import os\n{OLD}\n\ndef test_odd():\n    assert tiny.half(5) == 2.5\n\n\n"
    'def test_mode():\n    assert os.environ["TINY_MODE"] == "c i"\n'
)
RUN_SCRIPT = """#!/bin/bash
set -e
[ $# -eq 1 ]
IFS=',' read -r -a files <<< "$1"
echo "warming up" >&2
python -m pytest -v -p no:cacheprovider "${files[@]}"
"""
PARSER = """import json, re, sys
out, err = open(sys.argv[1]).read(), open(sys.argv[2]).read()
found = {}
for name, status in re.findall(r"^(\\S+::\\S+) (PASSED|FAILED)", out, re.MULTILINE):
    found[name] = status
found["stderr apart"] = "PASSED" if "warming up" in err and "warming up" not in out else "FAILED"
tests = [{"name": name, "status": found[name]} for name in found]
with open(sys.argv[3], "w") as file:
    json.dump({"tests": tests}, file)
"""
ODD, EVEN = "tests/test_tiny.py::test_odd", "tests/test_tiny.py::test_even"
PASSING = "".join(f"\n{test} PASSED\n" for test in (ODD, EVEN, "tests/test_tiny.py::test_mode"))
EVERYTHING = (ODD, EVEN, "tests/test_tiny.py::test_mode", "stderr apart")
RESULT = json.dumps({"tests": [{"name": name, "status": "PASSED"} for name in EVERYTHING]})
PARSING = f"def dump(data, file):\n    file.write({RESULT!r})\n"
FORGED = f"""
import os
for path, text in {{
    "/tmp/output.json": {RESULT!r},
    "/workspace/output.json": {RESULT!r},
    "/tmp/json.py": {PARSING!r},
}}.items():
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
"""
TELL = f"""
import os, stat
for name in os.listdir("/proc/self/fd"):  # past what pytest captures, to the stdout that it has put aside
    if int(name) > 2 and os.path.exists(f"/proc/self/fd/{{name}}"):
        if stat.S_IFMT(os.fstat(int(name)).st_mode) in (stat.S_IFIFO, stat.S_IFSOCK):
            os.write(int(name), {PASSING!r}.encode())
"""
LIMITS = Limits(memory=512 << 20, disk=256 << 20, seconds=60)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pro")
    for name, text in {
        f"run_scripts/{INSTANCE}/run_script.sh": RUN_SCRIPT,
        f"run_scripts/{INSTANCE}/parser.py": PARSER,
        f"dockerfiles/base_dockerfile/{INSTANCE}/Dockerfile": "FROM x\nENV TINY_MODE='c i'\nRUN true\n",
        f"dockerfiles/instance_dockerfile/{INSTANCE}/Dockerfile": "FROM y\n  ENV MORE=1\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source") / "app"
    (folder / "tests").mkdir(parents=True)
    (folder / "tiny.py").write_text(BUGGY)
    (folder / "tests" / "test_tiny.py").write_text(OLD)
    base = commit_tree(folder, "base")
    return folder, base


def diff(folder, name: str, text: str) -> str:
    (folder / name).write_text(text)
    found = git(folder, "diff").decode()
    git(folder, "checkout", "--quiet", "--force", ".")
    return found


@pytest.fixture(scope="module")
def row(repository):
    folder, base = repository
    return {
        "instance_id": INSTANCE,
        "repo": "tiny/tiny",
        "base_commit": base,
        "problem_statement": "half(5) is 2",
        "patch": diff(folder, "tiny.py", FIXED),
        "test_patch": diff(folder, "tests/test_tiny.py", NEW),
        "fail_to_pass": f"['{ODD}', 'tests/test_tiny.py::test_mode']",
        "pass_to_pass": f"['{EVEN}', 'stderr apart']",
        "before_repo_set_cmd": f"git reset --hard {base}\ngit checkout {'f' * 40} -- tests/test_tiny.py",
        "selected_test_files_to_run": '["tests/test_tiny.py"]',
        "dockerhub_tag": "tiny.tiny-tiny__tiny-0123",
    }


def test_the_command_is_that_of_the_instances_script(row, checkout, monkeypatch):
    monkeypatch.setenv(CHECKOUT, str(checkout))
    more = {"selected_test_files_to_run": "['a.py', 'b c.py']", "before_repo_set_cmd": "x\nmake it\n"}
    found = pro_scripts(read_row(row | more, "here"))
    lines = found.command.splitlines()
    assert lines[:3] == ["export TINY_MODE='c i'", "export MORE=1", "make it"]
    assert lines[-1] == "bash /tmp/run_script.sh 'a.py,b c.py'"
    assert RUN_SCRIPT.strip() in found.command
    assert found.parser == PARSER


def test_the_tests_of_a_newer_commit_come_by_the_patch(row, checkout, monkeypatch):
    monkeypatch.setenv(CHECKOUT, str(checkout))
    assert "git checkout" not in pro_scripts(read_row(row, "here")).command
    assert "git checkout" in pro_scripts(read_row(row | {"test_patch": ""}, "here")).command


async def loaded(row, folder):
    path = folder / "rows.json"
    path.write_text(json.dumps([row]))
    return (await open_source(str(path)).load(INSTANCE, folder))[0]


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ("", "git clone https://github.com/scaleapi/SWE-bench_Pro-os, and name the folder in "),
        (".", CHECKOUT),
    ],
    ids=["no checkout", "without the instance"],
)
async def test_what_is_missing_is_said_when_it_is_to_be_graded(row, tmp_path, monkeypatch, named, says):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(CHECKOUT, named)
    task = await loaded(row, tmp_path)
    assert task.environment.image == "jefzda/sweap-images:tiny.tiny-tiny__tiny-0123"
    assert task.environment.workdir == "/app"
    with pytest.raises(TaskError, match=says) as told:
        await official_run(task, task.grading.unseal(), None, None, "")
    assert str(told.value).startswith(f"{INSTANCE} cannot be graded: ")
    assert "\n" not in str(told.value)


@pytest.fixture(scope="module")
def image(repository):
    with image_of("mangabey/test-pro:1", (repository[0], "app"), changes=("ENV FROM_IMAGE=yes",)) as name:
        yield name


@pytest.fixture
async def ready(row, image, checkout, tmp_path, monkeypatch):
    monkeypatch.setenv(CHECKOUT, str(checkout))
    task = await loaded(row | {"image": image, "workdir": "/app"}, tmp_path)
    return task, await prepare(task, None, tmp_path / "home")


@pytest.mark.docker
async def test_patches_are_graded_by_what_the_parser_reads(ready, repository, needs_docker):
    folder, _ = repository
    host = DockerHost()
    graded = {}
    try:
        for name, text in {
            "fix": FIXED,
            "wrong": BUGGY + "\n",
            "prints": TELL + BUGGY,
            "prints and ends the run": f"{TELL}os._exit(0)\n",
            "writes the result": FORGED + BUGGY,
        }.items():
            graded[name] = await grade(*ready, host, diff(folder, "tiny.py", text), limits=LIMITS)
    finally:
        await host.close()
    assert graded["fix"].status is GradeStatus.RESOLVED, (graded["fix"].message, graded["fix"].log)
    assert set(graded["fix"].pass_to_pass.values()) == {Outcome.PASSED}
    assert "warming up" in graded["fix"].log
    wrong = {name: one.status for name, one in graded.items() if name != "fix"}
    assert set(wrong.values()) == {GradeStatus.UNRESOLVED}, (wrong, graded["prints and ends the run"].log)
    assert graded["writes the result"].fail_to_pass[ODD] is Outcome.FAILED
