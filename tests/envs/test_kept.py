"""What is taken out of an image once, and under which conditions it is taken again."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from envs.git import git
from envs.image_tasks import _kept
from envs.images import instance_name
from envs.task import Environment, Grading, Sealed, Task, TaskError
from sandbox.base import Root

FILES = {"tiny.py": "HALF = 2\n", "tests/test_tiny.py": "def test_old(): ...\n"}
FIX = "--- a/tiny.py\n+++ b/tiny.py\n@@ -1 +1 @@\n-HALF = 2\n+HALF = 2.5\n"
TESTS = (
    "--- a/tests/test_tiny.py\n+++ b/tests/test_tiny.py\n"
    "@@ -1 +1,2 @@\n def test_old(): ...\n+def test_new(): ...\n"
)
BUG = "--- a/tiny.py\n+++ b/tiny.py\n@@ -1 +1 @@\n-HALF = 2\n+HALF = 1\n"


@pytest.fixture
def taken(make_repository, tmp_path):
    """Return a function that takes an image's repository, perhaps with changes, and a list of its calls."""
    repository = make_repository(FILES)
    base = git(repository, "rev-parse", "HEAD").decode().strip()
    takes = []

    def take(files=None, environment=Environment(image="x"), **fields):  # noqa: B008
        def out_of_the_image(empty):
            takes.append(environment)
            folder = shutil.copytree(repository, empty / "testbed")
            for name, text in (files or {}).items():
                (folder / name).write_text(text)
            return folder

        grading = Grading(TESTS, "pytest", ("t",), (), gold_patch=FIX, **fields)
        task = Task("t-1", "t/t", base, "issue", environment, "pytest", Sealed(grading))
        return _kept(task, tmp_path / "home", "sha256:1", out_of_the_image)

    return take, takes


@pytest.mark.parametrize(
    ("files", "what"),
    [
        ({"tiny.py": "HALF = 2.5\n"}, "the fix"),
        ({"tests/test_tiny.py": "def test_old(): ...\ndef test_new(): ...\n"}, "the official tests"),
    ],
)
def test_an_image_that_holds_the_solution_is_refused(taken, tmp_path, files, what):
    take, _ = taken
    with pytest.raises(TaskError, match=f"the image holds {what} already"):
        take(files)
    assert not [folder for folder in (tmp_path / "home" / "prepared").iterdir() if folder.is_dir()]
    assert (take().tree / "tiny.py").read_text() == FILES["tiny.py"]


def test_what_was_taken_serves_again_where_all_conditions_are_the_same(taken):
    take, takes = taken
    first = take(environment=Environment(image="x", env={"A": "1"}))
    assert take(environment=Environment(image="x", env={"A": "1"})) == first
    other = take(environment=Environment(image="x", env={"A": "2"}))
    assert other.tree != first.tree
    assert len(takes) == 2


def test_an_image_is_made_anew_for_other_variables(tmp_path):
    root = Root(tmp_path, tmp_path, "0" * 40, env={"A": "1"})
    names = {instance_name("sha256:1", Environment(), replace(root, env={"A": one})) for one in ("1", "2")}
    assert len(names) == 2
    assert instance_name("sha256:1", Environment(), root) in names


def test_agents_do_not_get_the_tests_that_show_a_made_bug(taken):
    take, _ = taken
    made = take(bug_patch=BUG, test_files=("tests/test_tiny.py",))
    assert (made.tree / "tiny.py").read_text() == "HALF = 1\n"
    assert not (made.tree / "tests" / "test_tiny.py").exists()
    assert git(made.git_dir, "log", "--all", "--format=%H", "--", "tests/test_tiny.py") == b""
    assert (made.clean / "tests" / "test_tiny.py").read_text() == FILES["tests/test_tiny.py"]
