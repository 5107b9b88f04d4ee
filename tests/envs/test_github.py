from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from envs.git import git
from envs.github import is_issue_url, load_issue
from envs.history import seal_history
from envs.task import TaskError

PYTHON = Path(sys.executable)
URL = "https://github.com/o/r/issues/7"


def head(folder: Path) -> str:
    return git(folder, "rev-parse", "HEAD").decode().strip()


@pytest.fixture
def upstream(api, make_repository, tmp_path, monkeypatch) -> Path:
    """The repository o/r in a folder that stands for GitHub, and an issue of it."""
    api.issue()
    (tmp_path / "web" / "o").mkdir(parents=True)
    monkeypatch.setenv("MANGABEY_GITHUB", str(tmp_path / "web"))
    return make_repository({"src/a.py": "1\n", "requirements.txt": "attrs>=2\n"}, "web/o/r")


@pytest.fixture
def home(tmp_path) -> Path:
    return tmp_path / "home"


def notices(task) -> str:
    return "\n".join(task.extra["notices"])


@pytest.mark.parametrize(
    "text",
    [
        URL,
        f"{URL}/",
        f" {URL}\n",
        f"{URL}#issuecomment-1",
        f"{URL}?a=b#c",
        f"{URL}/?a=b",
        "http://github.com/o/r/issues/7",
        "https://www.github.com/o/r.py/issues/123",
        "HTTPS://GitHub.com/o/r/issues/7",
    ],
)
def test_urls_of_issues(text):
    assert is_issue_url(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "It fails",
        f"see {URL}",
        f"{URL}\nmore",
        f"{URL}x",
        f"{URL}/comments",
        "https://github.com/o/r/issues",
        "https://github.com/o/r/issues/0",
        "https://github.com/o/r/pull/7",
        "https://github.com/../r/issues/7",
        "https://github.com/o/../issues/7",
        "https://github.com/o/r/../issues/7",
        "https://github.com.evil.example/o/r/issues/7",
        "https://me@github.com/o/r/issues/7",
        "https://git.example/o/r/issues/7",
        "ftp://github.com/o/r/issues/7",
        "https://github.com/o/r/issues/77777777777",
        "https://[/o/r/issues/7",
    ],
)
def test_what_is_no_url_of_an_issue(text):
    assert not is_issue_url(text)


def test_the_host_of_ones_own_github_counts(monkeypatch):
    monkeypatch.setenv("MANGABEY_GITHUB", "https://git.example:8443/")
    assert is_issue_url("https://git.example:8443/o/r/issues/7")
    assert is_issue_url(URL)
    assert not is_issue_url("https://git.example/o/r/issues/7")


async def test_an_issue_becomes_a_task(upstream, home):
    task, repository = await load_issue(f"{URL}#issuecomment-1", home, python=PYTHON)
    assert task.instance_id == "o__r-7"
    assert task.repo == "o/r"
    assert task.base_commit == head(upstream)
    assert task.problem_statement == "It fails\n\nBadly.\n"
    assert task.environment.python == str(PYTHON)
    assert task.test_runner.startswith('PYTHONPATH="$PWD/src:$PWD" python -m pytest')
    assert task.grading is None
    assert notices(task) == ""
    assert repository == home / "mirrors" / "o__r.git"


async def test_the_repository_can_be_sealed(upstream, home, tmp_path):
    task, repository = await load_issue(URL, home, python=PYTHON)
    seal_history(repository, task.base_commit, tmp_path / "git", tmp_path / "tree")
    assert (tmp_path / "tree" / "src" / "a.py").read_text() == "1\n"


async def test_declared_requirements_are_those_of_the_base(upstream, home, commit, monkeypatch):
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    git(upstream, "tag", "v1")
    commit(upstream, {"requirements.txt": "attrs>=3\n", ".venv/pyvenv.cfg": "", ".venv/bin/python": "no\n"})
    old, _ = await load_issue(URL, home, at="v1")
    new, _ = await load_issue(URL, home)
    assert old.environment.requirements == ("attrs>=2", "pytest", "pytest-timeout")
    assert new.environment.requirements == ("attrs>=3", "pytest", "pytest-timeout")
    assert "belongs to the repository and is not used" in notices(new)


async def test_the_base_can_be_named(upstream, home, commit):
    first = head(upstream)
    git(upstream, "branch", "stable")
    last = head(commit(upstream, {"src/a.py": "2\n"}))
    for at in ("stable", first, first[:7]):
        task, _ = await load_issue(URL, home, at=at, python=PYTHON)
        assert task.base_commit == first
    task, _ = await load_issue(URL, home, python=PYTHON)
    assert task.base_commit == last
    with pytest.raises(TaskError, match="has no branch, tag or commit 'nope'"):
        await load_issue(URL, home, at="nope", python=PYTHON)
    with pytest.raises(TaskError, match="123456"):
        await load_issue(URL, home, at="1234567890" * 4, python=PYTHON)


async def test_comments_join_when_asked_for(api, upstream, home):
    said = [{"user": {"login": "ann"}, "body": "Me too.\r\nHere:"}, {"user": None, "body": ""}]
    api.set("/repos/o/r/issues/7/comments?per_page=100&page=1", (200, {}, said))
    api.issue(body="One\r\ntwo\r\n")
    task, _ = await load_issue(URL, home, comments=True, python=PYTHON)
    assert task.problem_statement == (
        "It fails\n\nOne\ntwo\n\nComment by ann:\n\nMe too.\nHere:\n\nComment by ghost:\n"
    )
    api.issue(body=None)
    task, _ = await load_issue(URL, home, python=PYTHON)
    assert task.problem_statement == "It fails\n"


async def test_submodules_and_lfs_are_told(upstream, home, commit, monkeypatch):
    pointer = "version https://git-lfs.github.com/spec/v1\n"
    files = {".gitmodules": "", ".gitattributes": "*.bin filter=lfs diff=lfs\n", "a.bin": pointer}
    commit(upstream, files)
    task, _ = await load_issue(URL, home, python=PYTHON)
    assert "submodules are left empty" in notices(task)
    assert "Git LFS" in notices(task)


async def test_a_users_mirror_is_used_and_only_read(upstream, home, tmp_path, monkeypatch):
    place = tmp_path / "mirrors" / "o" / "r"
    place.parent.mkdir(parents=True)
    git(tmp_path, "clone", "--quiet", str(upstream), str(place))
    (place / "src" / "a.py").write_text("uncommitted\n")
    monkeypatch.setenv("MANGABEY_MIRRORS", str(tmp_path / "mirrors"))
    monkeypatch.setenv("MANGABEY_GITHUB", "http://127.0.0.1:1")
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*")}
    task, repository = await load_issue(URL, home, python=PYTHON)
    assert repository == place
    assert task.base_commit == head(upstream)
    assert {path: path.stat().st_mtime_ns for path in place.rglob("*")} == before


async def test_a_moved_issue_takes_its_new_repository(api, upstream, home):
    moved = {"html_url": "https://github.com/o/r/issues/9"}
    api.set("/repos/old/place/issues/3", (200, {}, {"title": "It fails", "body": ""} | moved))
    task, _ = await load_issue("https://github.com/old/place/issues/3", home, python=PYTHON)
    assert (task.instance_id, task.repo) == ("o__r-9", "o/r")
    assert "has moved to o/r#9" in notices(task)


async def test_concurrent_loads_give_the_same(upstream, home):
    loads = [load_issue(URL, home, python=PYTHON) for _ in range(6)]
    tasks = await asyncio.gather(*loads)
    assert all(one == tasks[0] for one in tasks)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://github.com/o/r/pull/7", "is a pull request"),
        ("It fails", "is no issue; write https"),
        ("https://github.com/../r/issues/7", "is no issue"),
        ("https://github.com/o/r/issues/8", "there is no issue o/r#8"),
    ],
)
async def test_what_cannot_be_loaded_is_one_line(upstream, home, url, says):
    with pytest.raises(TaskError, match=says) as error:
        await load_issue(url, home, python=PYTHON)
    assert "\n" not in str(error.value)
    assert not home.exists()


async def test_a_repository_that_cannot_be_had_is_one_line(api, upstream, home):
    api.issue(7, "o/other")
    with pytest.raises(TaskError, match="there is no repository o/other"):
        await load_issue("https://github.com/o/other/issues/7", home, python=PYTHON)


async def test_an_interpreter_without_pytest_is_refused(upstream, home, tmp_path):
    with pytest.raises(TaskError, match="no Python interpreter"):
        await load_issue(URL, home, python=tmp_path / "python")


async def test_hostile_names_in_a_repository_are_only_files(upstream, home, tmp_path, monkeypatch):
    (upstream / "link").symlink_to(tmp_path)
    (upstream / ".gitattributes").symlink_to("/etc/passwd")
    (upstream / "requirements-dev.txt").symlink_to("/etc/passwd")
    git(upstream, "add", "--all")
    git(upstream, "commit", "--quiet", "-m", "links")
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    task, _ = await load_issue(URL, home)
    assert task.environment.requirements == ("attrs>=2", "pytest", "pytest-timeout")
    tree = home / "checkouts" / "o__r" / task.base_commit / "r"
    assert (tree / "link").readlink() == tmp_path
