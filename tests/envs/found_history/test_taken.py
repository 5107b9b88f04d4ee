"""What agents and grading get of an image's repository."""

from __future__ import annotations

import shutil

import pytest

from envs.found_history import take_history
from envs.git import git
from envs.task import TaskError
from tests.envs.found_history.conftest import assert_nothing_newer, everything_in, rev, stores

BUG = "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-buggy\n+worse\n"


def test_nothing_newer_than_the_base_can_be_read(found, empty):
    folder, base = found
    taken = take_history(folder, base, empty)
    assert_nothing_newer(taken)
    assert (taken.base_commit, taken.agents_commit, taken.edits) == (base, base, "")
    assert taken.clean == taken.tree
    assert git(taken.tree, "log", "--format=%s").decode().split() == ["base", "change"]
    assert (taken.tree / "a.py").read_text() == "buggy\n"
    assert (taken.tree / "out").readlink().as_posix() == "/etc"


def test_the_seal_counts_what_is_there_and_what_was_beyond(found, empty):
    folder, base = found
    seal = take_history(folder, base, empty).seal
    stored = git(empty / "git", "cat-file", "--batch-all-objects", "--batch-check").splitlines()
    assert (seal.base_commit, seal.commits, seal.objects) == (base, 2, len(stored))
    assert seal.newest == "2020-01-01T00:00:00+00:00"
    assert seal.leaks == 4  # the fix, the note, and the two of the stash


def test_edits_of_the_environment_are_agents_base_and_not_gradings(found, empty):
    folder, base = found
    (folder / "setup.py").write_text("setup(pinned)\n")
    (folder / "gone.py").unlink()
    (folder / "made.txt").write_text("untracked\n")
    (folder / "fast.so").write_bytes(b"built")
    taken = take_history(folder, base, empty)
    assert_nothing_newer(taken)
    assert taken.agents_commit != base
    assert rev(taken.tree, "HEAD^") == base
    assert not (taken.tree / "gone.py").exists()
    assert (taken.clean / "gone.py").read_text() == "x = 1\n"
    assert (taken.tree / "setup.py").read_text() == "setup(pinned)\n"
    assert (taken.clean / "setup.py").read_text() == "setup()\n"
    assert (taken.clean / "fast.so").read_bytes() == (taken.tree / "fast.so").read_bytes() == b"built"
    assert "+setup(pinned)" in taken.edits
    assert "made.txt" not in taken.edits
    assert rev(taken.clean) == base
    shutil.rmtree(taken.clean / ".git")
    git(taken.clean, "apply", stdin=taken.edits.encode())
    assert (taken.clean / "setup.py").read_text() == "setup(pinned)\n"
    assert not (taken.clean / "gone.py").exists()


def test_a_makers_commit_on_top_counts_as_an_edit(found, commit, empty):
    folder, base = found
    commit(folder, {"tox.ini": "[tox]\n", "setup.py": "setup(made)\n"}, "SWE-bench")
    taken = take_history(folder, base, empty)
    assert_nothing_newer(taken)
    assert b"SWE-bench" not in everything_in(taken.git_dir)
    assert git(taken.tree, "log", "-1", "--format=%s").decode().strip() == "What the environment changes"
    assert "setup(made)" in taken.edits
    assert taken.seal.leaks == 5


@pytest.mark.parametrize("base", ["", "1" * 40])
def test_without_a_base_the_files_become_a_commit_without_history(found, base, empty):
    folder, _ = found
    taken = take_history(folder, base, empty)
    assert_nothing_newer(taken)
    assert git(taken.tree, "rev-list", "--count", "HEAD").strip() == b"1"
    assert (taken.seal.commits, taken.seal.leaks) == (1, None)
    assert (taken.tree / "a.py").read_text() == "buggy\n"
    assert taken.base_commit == taken.agents_commit == rev(taken.tree)


def test_a_folder_without_a_repository_becomes_one(tmp_path, empty):
    folder = tmp_path / "plain"
    folder.mkdir()
    (folder / "a.py").write_text("buggy\n")
    taken = take_history(folder, "", empty)
    assert_nothing_newer(taken)
    assert (taken.tree / "a.py").read_text() == "buggy\n"


def test_hidden_paths_are_gradings_alone(found, commit, empty):
    folder, base = found
    (folder / "r2e_tests").mkdir()
    (folder / "r2e_tests" / "test_1.py").write_text("def test_secret(): ...\n")
    (folder / "run.sh").write_text("pytest r2e_tests\n")
    taken = take_history(folder, base, empty, hidden=("r2e_tests", "run.sh", "absent", "/elsewhere"))
    for store in (taken.git_dir, taken.tree / ".git"):
        assert b"test_secret" not in everything_in(store)
        assert b"pytest r2e_tests" not in everything_in(store)
    assert not (taken.tree / "r2e_tests").exists()
    assert not (taken.tree / "run.sh").exists()
    assert git(taken.tree, "status", "--porcelain") == b""
    assert "test_secret" in (taken.clean / "r2e_tests" / "test_1.py").read_text()
    assert taken.edits == ""


def test_hidden_paths_that_the_history_holds_are_refused(found, empty):
    folder, base = found
    with pytest.raises(TaskError, match="history holds hidden tests"):
        take_history(folder, base, empty, hidden=("setup.py",))


def test_hidden_paths_are_in_no_commit_where_the_base_is_not_known(found, empty):
    folder, _ = found
    (folder / "r2e_tests").mkdir()
    (folder / "r2e_tests" / "test_1.py").write_text("def test_secret(): ...\n")
    taken = take_history(folder, "", empty, hidden=("r2e_tests", "setup.py"))
    assert_nothing_newer(taken)
    for store in stores(taken):
        assert b"test_secret" not in everything_in(store)
        assert b"setup()" not in everything_in(store)
    assert (taken.clean / "r2e_tests" / "test_1.py").exists()
    assert (taken.clean / "setup.py").exists()
    assert not (taken.tree / "r2e_tests").exists()
    assert (taken.base_commit, taken.edits) == (taken.agents_commit, "")


def test_a_hidden_path_outside_of_the_repository_is_refused(found, empty):
    folder, base = found
    with pytest.raises(TaskError, match="does not lie in the repository"):
        take_history(folder, base, empty, hidden=("../x",))


def test_a_hidden_path_behind_a_symlink_is_not_followed(found, tmp_path, empty):
    folder, base = found
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    (folder / "way").symlink_to(outside)
    (folder / "loop").symlink_to("loop")
    taken = take_history(folder, base, empty, hidden=("way/kept", "loop/x", "out/hostname"))
    assert (outside / "kept").read_text() == "kept"
    assert (taken.tree / "way").is_symlink()


def test_the_bug_is_made_where_the_image_lacks_it(found, empty):
    folder, base = found
    taken = take_history(folder, base, empty, bug_patch=BUG)
    assert_nothing_newer(taken)
    assert (taken.tree / "a.py").read_text() == "worse\n"
    assert b"buggy" not in everything_in(taken.git_dir)
    assert taken.base_commit == taken.agents_commit


def test_a_bug_that_does_not_apply_is_said(found, empty):
    folder, base = found
    with pytest.raises(TaskError, match="cannot be prepared: git apply"):
        take_history(folder, base, empty, bug_patch=BUG.replace("buggy", "other"))
