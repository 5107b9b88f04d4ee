"""Repositories of each kind that images hold."""

from __future__ import annotations

import shutil

import pytest

from envs.found_history import take_history
from envs.git import GitError, git
from envs.history import seal_history
from tests.envs.found_history.conftest import assert_nothing_newer, everything_in, rev


def test_submodules_and_nested_repositories_keep_their_files_and_lose_their_history(
    found, make_repository, commit, empty
):
    folder, _ = found
    git(folder, "update-ref", "-d", f"refs/replace/{rev(folder)}")
    lib = make_repository({"lib.py": "SECRET old\n"}, "lib")
    commit(lib, {"lib.py": "new\n"}, "SECRET message")
    git(folder, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(lib), "vendor/lib")
    commit(folder, {}, "with a submodule")
    base = rev(folder)
    shutil.copytree(lib, folder / "nested")
    taken = take_history(folder, base, empty)
    assert (taken.tree / "vendor" / "lib" / "lib.py").read_text() == "new\n"
    assert (taken.tree / "nested" / "lib.py").read_text() == "new\n"
    assert [str(one.relative_to(taken.tree)) for one in taken.tree.rglob(".git")] == [".git"]
    assert_nothing_newer(taken)


def test_a_shallow_repository_of_an_image(found, tmp_path, empty):
    folder, base = found
    git(folder, "update-ref", "-d", f"refs/replace/{base}")
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{folder}", str(shallow))
    taken = take_history(shallow, base, empty)
    assert_nothing_newer(taken)
    assert git(taken.tree, "log", "--format=%s").decode().split() == ["base"]
    assert (taken.base_commit, taken.seal.commits) == (base, 1)


@pytest.mark.parametrize("packed", [True, False])
def test_a_repository_with_sha256_ids(tmp_path, commit, packed, empty):
    folder = tmp_path / "long"
    folder.mkdir()
    git(folder, "init", "--quiet", "--object-format=sha256")
    commit(folder, {"a.py": "buggy\n"}, "base")
    base = rev(folder)
    commit(folder, {"a.py": "SECRET\n"}, "fix")
    git(folder, "checkout", "--quiet", "-B", "main", base)
    if packed:
        git(folder, "-c", "gc.reflogExpire=now", "gc", "--quiet")
        git(folder, "repack", "-a", "-d", "-q", "--keep-unreachable")
        shutil.rmtree(folder / ".git" / "logs", ignore_errors=True)
    taken = take_history(folder, base, empty)
    assert_nothing_newer(taken)
    assert (taken.base_commit, len(base)) == (base, 64)


def test_a_bare_mirror_as_a_source(found, tmp_path):
    folder, base = found
    mirror = tmp_path / "mirror.git"
    git(tmp_path, "clone", "--quiet", "--mirror", str(folder), str(mirror))
    before = sorted(git(mirror, "for-each-ref").splitlines())
    seal = seal_history(mirror, base, tmp_path / "bare", tmp_path / "tree")
    assert (seal.base_commit, seal.commits) == (base, 2)
    for store in (tmp_path / "bare", tmp_path / "tree" / ".git"):
        assert b"SECRET" not in everything_in(store)
        with pytest.raises(GitError):
            git(store, "rev-parse", "--verify", "v2")
    assert sorted(git(mirror, "for-each-ref").splitlines()) == before


def test_attributes_of_the_repository_do_not_change_files(found, commit, empty):
    folder, _ = found
    commit(
        folder,
        {".gitattributes": "*.txt text eol=crlf\n*.id ident\n", "a.txt": "one\ntwo\n", "b.id": "$Id$\n"},
    )
    base = rev(folder)
    (folder / "setup.py").write_text("setup(pinned)\n")
    taken = take_history(folder, base, empty)
    for tree in (taken.tree, taken.clean):
        assert git(tree, "status", "--porcelain") == b""
    assert taken.edits.count("diff --git") == 1
