from __future__ import annotations

import os

import pytest

from envs.git import git
from envs.prepare import sealed_repository


def head(folder) -> str:
    return git(folder, "rev-parse", "HEAD").decode().strip()


def objects(store) -> set[str]:
    fields = "--batch-check=%(objectname)"
    return set(git(store, "cat-file", "--batch-all-objects", fields).decode().split())


def space(folder) -> int:
    """Return the bytes of packs that no other prepared folder has."""
    packs = (folder / "git" / "objects" / "pack").glob("*.pack")
    return sum(one.stat().st_size for one in packs if one.stat().st_nlink <= 2)


@pytest.fixture
def history(make_repository, commit):
    """Return a repository and three commits of it, of which the second has half a megabyte more."""
    folder = make_repository({"first.bin": os.urandom(1 << 20)})
    commits = [head(folder)]
    for name, size in (("second.bin", 1 << 19), ("third.bin", 1 << 10)):
        commit(folder, {name: os.urandom(size)})
        commits.append(head(folder))
    return folder, commits


def test_a_later_base_shares_the_packs_of_an_earlier_one_and_no_more(history, tmp_path):
    folder, (first, second, third) = history
    made = [sealed_repository(one, folder, tmp_path / "home")[0] for one in (first, third, second)]
    seen = [objects(one / "git") for one in made]
    assert seen[0] < seen[2] < seen[1]
    for store, base in zip(made, (first, third, second), strict=True):
        reached = git(folder, "rev-list", "--objects", "--no-object-names", base).decode().split()
        assert objects(store / "git") == objects(store / "tree" / ".git") == set(reached)
        git(store / "git", "fsck", "--full", "--strict")
    assert space(made[1]) < (1 << 19) + (1 << 14)
    assert space(made[2]) < (1 << 19) + (1 << 14)


def test_another_line_of_history_shares_nothing_of_its_sibling(history, commit, tmp_path):
    folder, (first, _, third) = history
    git(folder, "checkout", "--quiet", "-b", "side", first)
    commit(folder, {"side.bin": os.urandom(1 << 10)})
    sealed_repository(third, folder, tmp_path / "home")
    made, _ = sealed_repository(head(folder), folder, tmp_path / "home")
    assert third not in objects(made / "git")
    git(made / "git", "fsck", "--full", "--strict")


def test_a_shallow_source_shares_nothing(history, tmp_path):
    folder, (first, second, third) = history
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth", "2", f"file://{folder}", str(shallow))
    sealed_repository(second, folder, tmp_path / "home")
    made, _ = sealed_repository(third, shallow, tmp_path / "home")
    assert first not in objects(made / "git")
    assert third in objects(made / "git")
