from __future__ import annotations

import pytest

from envs.git import git
from envs.scm_version import NONE, version_of


@pytest.fixture
def at(make_repository, commit):
    """Return a function that gives the version of a commit so many behind a tag."""
    made = []

    def version(tag: str, distance: int, *, annotated: bool = True) -> tuple[str, str]:
        repository = make_repository({"a.py": "1\n"}, f"project{len(made)}")
        made.append(repository)
        if tag:
            git(repository, "tag", *(["-a", "-m", tag] if annotated else []), tag)
        for number in range(distance):
            commit(repository, {"a.py": f"{number}\n"}, f"change {number}")
        head = git(repository, "rev-parse", "--short", "HEAD").decode().strip()
        return version_of(repository, "HEAD"), head

    return version


@pytest.mark.parametrize(
    ("tag", "version"),
    [
        ("5.4.1", "5.4.1"),
        ("v5.4.1", "5.4.1"),
        ("V1.0", "1.0"),
        ("release-2.3", "2.3"),
        ("my-project-0.1", "0.1"),
        ("1.0rc1", "1.0rc1"),
        ("sympy-1.0.rc1", "1.0rc1"),
        ("1.0b2", "1.0b2"),
        ("1.0-beta.2", "1.0b2"),
        ("2.0.dev0", "2.0.dev0"),
        ("1.0.post1", "1.0.post1"),
    ],
)
def test_at_a_tag_it_is_the_tags(at, tag, version):
    assert at(tag, 0)[0] == version


@pytest.mark.parametrize(
    ("tag", "version"),
    [
        ("5.4.1", "5.4.2.dev3"),
        ("v5.4", "5.5.dev3"),
        ("7", "8.dev3"),
        ("1.0.9", "1.0.10.dev3"),
        ("1.0rc1", "1.0rc2.dev3"),
        ("2.0.dev0", "2.0.dev3"),
        ("1.0.post1", "1.0.post2.dev3"),
    ],
)
@pytest.mark.parametrize("annotated", [True, False])
def test_behind_a_tag_it_is_the_next_ones_development(at, tag, version, annotated):
    found, head = at(tag, 3, annotated=annotated)
    assert found == f"{version}+g{head}"


@pytest.mark.parametrize("tag", ["", "nightly", "release-a1b", "v"])
def test_without_a_tag_that_is_a_version_there_is_none(at, tag):
    assert at(tag, 1)[0] == NONE


def test_the_nearest_tag_counts_and_later_ones_do_not(make_repository, commit):
    repository = make_repository({"a.py": "1\n"})
    git(repository, "tag", "1.0")
    commit(repository, {"a.py": "2\n"})
    git(repository, "tag", "1.1")
    git(repository, "tag", "moved")
    base = git(repository, "rev-parse", "HEAD").decode().strip()
    commit(repository, {"a.py": "3\n"})
    git(repository, "tag", "2.0")
    assert version_of(repository, base) == "1.1"


def test_a_commit_that_is_not_there_has_none(make_repository, tmp_path):
    assert version_of(make_repository({"a.py": "1\n"}), "0" * 40) == NONE
    assert version_of(tmp_path, "HEAD") == NONE
