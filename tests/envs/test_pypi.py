from __future__ import annotations

import json
import shutil

import pytest

from envs import sdists
from envs.git import git
from envs.pypi import PypiSuite, runner_without_tests
from envs.suite import read_manifest
from envs.task import TaskError


def change(manifest, **fields):
    row = json.loads(manifest.read_text()) | fields
    manifest.write_text(json.dumps(row) + "\n")


async def test_a_pair_of_releases_becomes_a_task(manifest, tmp_path):
    suite = PypiSuite(manifest)
    assert suite.ids() == ("tiny__1.0-1",)
    task, repository = await suite.load("tiny__1.0-1", tmp_path / "home")
    assert task.problem_statement == "half(5) is 2\n\nIt should be 2.5.\n"
    assert task.repo == "pypi/tiny"
    assert task.test_runner == 'PYTHONPATH="$PWD" python -m pytest -p no:cacheprovider -o addopts='
    assert "return n // 2" in (repository / "tiny.py").read_text()
    assert git(repository, "status", "--porcelain") == b""
    assert git(repository, "rev-list", "--count", "--all").strip() == b"1"
    grading = task.grading.unseal()
    assert grading.pass_to_pass == ("tests/test_tiny.py::test_even", "tests/test_tiny.py::test_script")
    assert "-    return n // 2\n+    return n / 2\n" in grading.gold_patch
    git(repository, "apply", "--check", stdin=(grading.gold_patch + grading.test_patch).encode())


async def test_the_commit_is_the_same_wherever_and_whenever_it_is_built(manifest, tmp_path):
    first, _ = await PypiSuite(manifest).load("tiny__1.0-1", tmp_path / "one")
    second, _ = await PypiSuite(manifest).load("tiny__1.0-1", tmp_path / "two")
    assert first.base_commit == second.base_commit


async def test_the_second_load_needs_no_pip(manifest, tmp_path, monkeypatch):
    first, _ = await PypiSuite(manifest).load("tiny__1.0-1", tmp_path / "home")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "nowhere"))
    shutil.rmtree(tmp_path / "home" / "tasks")
    second, _ = await PypiSuite(manifest).load("tiny__1.0-1", tmp_path / "home")
    assert first.base_commit == second.base_commit


async def test_nothing_of_the_grading_is_printed(manifest, tmp_path):
    suite = PypiSuite(manifest)
    task, _ = await suite.load("tiny__1.0-1", tmp_path / "home")
    for text in (repr(task), repr(task.public()), repr(suite.row("tiny__1.0-1"))):
        assert "test_odd" not in text
        assert "n / 2" not in text


async def test_a_package_that_pip_cannot_get_is_one_line(manifest, tmp_path):
    change(manifest, buggy_version="9.9")
    with pytest.raises(TaskError, match=r"tiny 9.9 cannot be downloaded; pip failed: No matching") as error:
        await PypiSuite(manifest).load("tiny__1.0-1", tmp_path / "home")
    assert "\n" not in str(error.value)


async def test_a_release_of_another_digest_is_refused_before_it_is_run(manifest, tmp_path):
    digests = {"buggy": "0" * 64, "fixed": "0" * 64}
    change(manifest, sdist_sha256=digests)
    with pytest.raises(TaskError, match="cannot be downloaded") as error:
        await PypiSuite(manifest).load("tiny__1.0-1", tmp_path / "home")
    assert "\n" not in str(error.value)
    assert not list((tmp_path / "home").glob("sdists/tiny*"))


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        (
            {"gold_hunks": [{"file": "tiny.py", "old_line_range": [90, 91], "new_line_range": [3, 4]}]},
            "do not fit",
        ),
        ({"root": "elsewhere"}, "no folder elsewhere"),
        ({"gold_hunks": [{"file": "../x", "old_line_range": [1, 1], "new_line_range": [1, 1]}]}, "inside"),
        ({"FAIL_TO_PASS": []}, "no test shows the bug"),
        ({"package": "--index-url=x"}, "package"),
        ({"id": "a/../b"}, "id"),
    ],
)
async def test_a_bad_row_is_one_line(manifest, tmp_path, fields, complaint):
    change(manifest, **fields)
    with pytest.raises(TaskError, match=complaint) as error:
        await PypiSuite(manifest).load("tiny__1.0-1", tmp_path / "home")
    assert "\n" not in str(error.value)


async def test_an_unknown_id_names_the_nearest(manifest, tmp_path):
    with pytest.raises(TaskError, match=r"did you mean pypi/tiny__1.0-1\?"):
        await PypiSuite(manifest).load("tiny__1.0-2", tmp_path / "home")


def test_a_manifest_that_is_none(tmp_path):
    with pytest.raises(TaskError, match="cannot be read"):
        read_manifest(tmp_path / "none.jsonl")
    (tmp_path / "bad.jsonl").write_text("\n{not json}\n")
    with pytest.raises(TaskError, match="line 2"):
        read_manifest(tmp_path / "bad.jsonl")


def test_a_manifest_with_an_id_twice(manifest):
    manifest.write_text(manifest.read_text() * 2)
    with pytest.raises(TaskError, match="occurs twice"):
        read_manifest(manifest)


def test_the_shipped_suite_is_readable_and_gives_no_hidden_test_to_agents(tmp_path):
    rows = read_manifest(None)
    assert len({row.id for row in rows}) == len(rows) >= 20
    for row in rows:
        for file in row.test_files:
            (tmp_path / row.id / file).parent.mkdir(parents=True, exist_ok=True)
        runner = runner_without_tests(row.test_command, tmp_path / row.id, row.test_files)
        assert runner.startswith("PYTHONPATH=")
        assert not any(file in runner for file in row.test_files)
        assert row.title


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("pytest -x tests", "pytest -x"),
        ("pytest tests/test_a.py tests/test_b.py", "pytest"),
        ("pytest tests/test_a.py::test_x", "pytest"),
        ("pytest 'tests/with space.py'", "pytest 'tests/with space.py'"),
        ("pytest -k tests", "pytest -k tests"),
        ('A="$PWD" pytest -o addopts=', 'A="$PWD" pytest -o addopts='),
        ("pytest tests/hidden.py", "pytest"),
        ("tests", "tests"),
    ],
)
def test_test_files_are_cut_off_a_command(tmp_path, command, expected):
    (tmp_path / "tests").mkdir()
    for name in ("test_a.py", "test_b.py"):
        (tmp_path / "tests" / name).write_text("")
    assert runner_without_tests(command, tmp_path, ["tests/hidden.py"]) == expected


def test_pip_says_one_thing():
    output = (
        "Collecting x\n  ERROR: Could not find a version that satisfies x\nERROR: No matching distribution\n"
    )
    assert sdists.pip_complaint(output) == "No matching distribution"
    assert sdists.pip_complaint("") == "it said nothing"
    assert "ensurepip" in sdists.pip_complaint("/usr/bin/python3: No module named pip\n")


@pytest.mark.network
async def test_a_real_package_is_fetched(tmp_path):
    task, repository = await PypiSuite().load("funcy__2.0-1", tmp_path)
    assert (repository / "funcy" / "strings.py").is_file()
    assert task.environment.python == "3.11"
