from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import pytest

from envs.git import git
from envs.interpreters import examine, find_interpreter
from envs.prepare import prepare, prepared_base
from envs.task import Environment, Task, TaskError
from envs.venvs import has_package, venv_for
from sandbox.base import Limits


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """A wheel with a module and a command, which pip finds in a folder; there is no index."""
    index = tmp_path / "wheels"
    index.mkdir()
    files = {
        "small.py": "def main():\n    print('small says', __file__)\n",
        "small-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: small\nVersion: 1\n",
        "small-1.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "small-1.dist-info/entry_points.txt": "[console_scripts]\nsmall = small:main\n",
    }
    files["small-1.dist-info/RECORD"] = "".join(f"{name},,\n" for name in files)
    with zipfile.ZipFile(index / "small-1-py3-none-any.whl", "w") as zipped:
        for name, text in files.items():
            zipped.writestr(name, text)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))


def task_of(folder: Path, environment: Environment) -> Task:
    base = git(folder, "rev-parse", "HEAD").decode().strip()
    return Task("x", "local/x", base, "issue", environment, "python -m pytest")


async def test_a_built_environment_works_where_it_is_mounted(wheel, make_repository, tmp_path, host):
    folder = make_repository({"a.py": ""})
    task = task_of(folder, Environment(requirements=("small==1",), env={"EXTRA": "1"}))
    prepared = await prepare(task, folder, tmp_path / "home")
    assert prepared == await prepare(task, folder, tmp_path / "home")
    root = prepared.root
    assert prepared.grading == root
    assert (prepared.seal.base_commit, prepared.seal.commits, prepared.edits) == (task.base_commit, 1, "")
    room = await prepared_base(task, root, host, Limits())
    done = await room.exec(
        "small && python -c 'import sys; print(sys.prefix)' && echo $EXTRA && git status --short"
    )
    lines = done.text.splitlines()
    assert lines[0].startswith("small says /opt/env/lib/python")
    assert lines[1:] == ["/opt/env", "1"]
    environment = root.mounts["/opt/env"]
    assert list(environment.glob("lib/python*/site-packages/__pycache__/small.*.pyc"))
    assert str(tmp_path) not in (environment / "bin" / "small").read_text()


async def test_setup_runs_once_before_the_base_is_frozen(make_repository, tmp_path, host):
    folder = make_repository({"a.py": ""})
    good = task_of(folder, Environment(python=sys.executable, setup=("echo made > made", "test -f made")))
    root = (await prepare(good, folder, tmp_path / "home")).root
    room = await prepared_base(good, root, host, Limits())
    assert await room.read("made") == b"made\n"
    bad = task_of(folder, Environment(python=sys.executable, setup=("echo 'no such thing' && false",)))
    with pytest.raises(TaskError, match=r"fails at .*: no such thing"):
        await prepared_base(bad, root, host, Limits())


async def test_a_base_that_is_not_in_the_repository(make_repository, tmp_path):
    folder = make_repository({"a.py": ""})
    task = Task("x", "x", "1" * 40, "issue", Environment(), "pytest")
    with pytest.raises(TaskError, match="does not hold the commit"):
        await prepare(task, folder, tmp_path / "home")


def test_requirements_that_pip_cannot_get_are_one_line(wheel, tmp_path):
    with pytest.raises(TaskError, match="pip failed: No matching distribution found for absent") as error:
        venv_for(Environment(requirements=("absent",)), tmp_path / "home")
    assert "\n" not in str(error.value)
    assert not [path for path in (tmp_path / "home" / "venvs").iterdir() if path.is_dir()]


def test_environments_are_shared_by_what_is_in_them(wheel, tmp_path):
    one = venv_for(Environment(requirements=("small==1",)), tmp_path)
    assert venv_for(Environment(requirements=("small==1",)), tmp_path) == one
    assert venv_for(Environment(), tmp_path).folder != one.folder
    assert has_package(one.folder, "small")
    assert not has_package(one.folder, "pytest")


def test_interpreters_are_found_by_version():
    running = examine(Path(sys.executable))
    assert running.version == ".".join(map(str, sys.version_info[:3]))
    assert find_interpreter("") == (running, "")
    minor = ".".join(running.version.split(".")[:2])
    assert find_interpreter(minor) == (running, "")
    other, notice = find_interpreter("2.9")
    assert other == running
    assert "Python 2.9 is not on PATH" in notice
    with pytest.raises(TaskError, match="no Python interpreter"):
        examine(Path("/bin/false"))


def test_an_installation_outside_of_usr_is_mounted_at_its_own_place(tmp_path):
    mounts = examine(Path(sys.executable)).mounts()
    assert all(Path(inside) == folder for inside, folder in mounts.items())
    assert not any(inside == "/" or inside.startswith("/usr") for inside in mounts)
    thin = examine(Path(sys.executable)).base_executable
    environment = venv_for(Environment(python=str(thin)), tmp_path)
    assert "include-system-site-packages = true" in (environment.folder / "pyvenv.cfg").read_text()
