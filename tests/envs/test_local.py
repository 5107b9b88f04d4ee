from __future__ import annotations

import sys
import venv
from pathlib import Path

import pytest

from envs.git import git
from envs.local import load_local
from envs.task import TaskError


def state(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Everything in a checkout, its .git included, with its times."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mtime_ns,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in folder.rglob("*")
    }


def notices(task):
    return "\n".join(task.extra["notices"])


PYTHON = Path(sys.executable)


async def test_a_clean_checkout_is_worked_on_as_it_is(make_repository, tmp_path):
    folder = make_repository({"src/a.py": "x = 1\n"})
    task, repository = await load_local(folder, "It fails", tmp_path / "home", PYTHON)
    assert task.base_commit == git(folder, "rev-parse", "HEAD").decode().strip()
    assert repository == folder
    assert task.test_runner.startswith(
        'PYTHONPATH="$PWD/src:$PWD" python -m pytest -p no:cacheprovider -o addopts='
    )
    assert "--timeout=60" in task.test_runner
    assert task.grading is None
    assert task.problem_statement == "It fails"
    assert notices(task) == ""


async def test_uncommitted_changes_are_in_the_base_and_the_checkout_is_untouched(make_repository, tmp_path):
    folder = make_repository({"a.py": "1\n", "gone.py": "", "was/file": "x", ".gitignore": "*.log\n"})
    (folder / "a.py").write_text("2\n")
    (folder / "gone.py").unlink()
    (folder / "new name.py").write_text("new\n")
    (folder / "link").symlink_to("/etc")
    (folder / "noise.log").write_text("")
    (folder / "env" / "lib").mkdir(parents=True)
    (folder / "env" / "pyvenv.cfg").write_text("")
    (folder / "env" / "lib" / "x.py").write_text("")
    git(folder, "add", "new name.py")
    before = state(folder)
    head = git(folder, "rev-parse", "HEAD").decode().strip()
    task, repository = await load_local(folder, "It fails", tmp_path / "home", PYTHON)
    assert state(folder) == before
    assert repository.is_relative_to(tmp_path / "home")
    listed = git(repository, "ls-tree", "-r", "--name-only", task.base_commit).decode().splitlines()
    assert listed == [".gitignore", "a.py", "link", "new name.py", "was/file"]
    assert git(repository, "show", f"{task.base_commit}:a.py") == b"2\n"
    assert git(repository, "rev-parse", f"{task.base_commit}~1").decode().strip() == head
    assert "4 uncommitted changes are part of the base" in notices(task)
    again, same = await load_local(folder, "It fails", tmp_path / "home", PYTHON)
    assert (again, same) == (task, repository)


async def test_large_untracked_files_are_left_out_and_named(make_repository, tmp_path):
    folder = make_repository({"a.py": "1\n"})
    with (folder / "data.bin").open("wb") as file:
        file.truncate((50 << 20) + 1)
    task, _ = await load_local(folder, "It fails", tmp_path / "home", PYTHON)
    assert task.base_commit == git(folder, "rev-parse", "HEAD").decode().strip()
    assert "data.bin" in notices(task)


async def test_submodules_and_lfs_are_told(make_repository, tmp_path):
    folder = make_repository({".gitmodules": "", ".gitattributes": "*.bin filter=lfs diff=lfs\n"})
    task, _ = await load_local(folder, "It fails", tmp_path / "home", PYTHON)
    assert "submodules" in notices(task)
    assert "LFS" in notices(task)


async def test_what_is_no_checkout_is_one_line(make_repository, tmp_path):
    home = tmp_path / "home"
    empty, bare = tmp_path / "empty", tmp_path / "bare"
    empty.mkdir()
    with pytest.raises(TaskError, match="not the top of a git checkout"):
        await load_local(empty, "It fails", home)
    git(empty, "init", "--quiet")
    with pytest.raises(TaskError, match="no commit yet"):
        await load_local(empty, "It fails", home)
    bare.mkdir()
    git(bare, "init", "--quiet", "--bare")
    with pytest.raises(TaskError, match="bare repository"):
        await load_local(bare, "It fails", home)
    with pytest.raises(TaskError, match="there is no folder"):
        await load_local(tmp_path / "nowhere", "It fails", home)
    folder = make_repository({"a.py": ""})
    with pytest.raises(TaskError, match="issue is empty"):
        await load_local(folder, " \n", home)
    with pytest.raises(TaskError, match="no Python interpreter"):
        await load_local(folder, "It fails", home, tmp_path / "python")


async def test_a_broken_repository_is_one_line(make_repository, tmp_path):
    folder = make_repository({"a.py": ""})
    (folder / ".git" / "index").write_bytes(b"garbage")
    with pytest.raises(TaskError, match="git cannot read") as error:
        await load_local(folder, "It fails", tmp_path / "home", PYTHON)
    assert "\n" not in str(error.value)


async def test_the_checkouts_own_environment_is_used_when_it_has_pytest(
    make_repository, tmp_path, monkeypatch
):
    folder = make_repository({"a.py": "", ".gitignore": ".venv\nvenv\n", "pyproject.toml": PYPROJECT})
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    venv.create(folder / ".venv", symlinks=True)
    task, _ = await load_local(folder, "It fails", tmp_path / "home")
    assert "has no pytest and is not used" in notices(task)
    assert task.environment.requirements == ("attrs>=2", "tomli", "pytest", "pytest-timeout")
    site = next((folder / ".venv" / "lib").glob("python*/site-packages"))
    (site / "pytest.py").write_text("")
    task, _ = await load_local(folder, "It fails", tmp_path / "home")
    assert task.environment.python == str(folder / ".venv")
    assert "--timeout" not in task.test_runner
    monkeypatch.setenv("VIRTUAL_ENV", str(folder / ".venv"))
    other = make_repository({"a.py": ""}, "other")
    task, _ = await load_local(other, "It fails", tmp_path / "home")
    assert task.environment.python == str(folder / ".venv")


PYPROJECT = """
[project]
name = "project"
dependencies = ["attrs>=2"]
[project.optional-dependencies]
docs = ["sphinx"]
[dependency-groups]
test = ["project[x]", {include-group = "more"}]
more = ["tomli", {include-group = "test"}]
"""
