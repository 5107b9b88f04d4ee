from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from envs.git import GitError, git
from envs.history import check_sealed, seal_history
from envs.task import TaskError


def head(folder):
    return git(folder, "rev-parse", "HEAD").decode().strip()


@pytest.fixture
def project(make_repository, commit):
    """A repository whose base commit has an ancestor, and whose fix is everywhere but in the base."""
    folder = make_repository({"a.py": "old\n"})
    big = os.urandom(1 << 20)
    (folder / "out").symlink_to("/etc")
    (folder / "file-out").symlink_to("/etc/hostname")
    commit(folder, {"a.py": "buggy\n", "big.bin": big, "run.sh": "#!/bin/sh\n"})
    (folder / "run.sh").chmod(0o755)
    commit(folder, {}, "base")
    base = head(folder)
    commit(folder, {"a.py": "SECRET fix\n"}, "fix")
    git(folder, "tag", "v2")
    git(folder, "tag", "-a", "v2-annotated", "-m", "x")
    git(folder, "tag", "-a", "v1-annotated", "-m", "x", base)
    git(folder, "branch", "other")
    git(folder, "notes", "add", "-m", "SECRET note", base)
    git(folder, "replace", base, head(folder))
    (folder / "a.py").write_text("SECRET stash\n")
    git(folder, "stash")
    git(folder, "update-ref", "refs/remotes/origin/main", "HEAD")
    git(folder, "hash-object", "-w", "--stdin", stdin=b"SECRET loose")
    hook = folder / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {folder}/hooked\n")
    hook.chmod(0o755)
    return folder, base, big


@pytest.fixture
def sealed(project, tmp_path):
    folder, base, _ = project
    seal_history(folder, base, tmp_path / "bare", tmp_path / "tree")
    return tmp_path / "bare", tmp_path / "tree", base


def test_only_the_base_and_its_ancestors_enter(project, sealed):
    bare, tree, base = sealed
    for store in (bare, tree / ".git"):
        listed = git(
            store, "cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype)"
        ).decode()
        commits = {line.split()[0] for line in listed.splitlines() if line.endswith(" commit")}
        assert commits == set(git(project[0], "rev-list", base).decode().split())
        assert " tag" not in listed
        blobs = [line.split()[0] for line in listed.splitlines() if line.endswith(" blob")]
        assert not any(b"SECRET" in git(store, "cat-file", "blob", blob) for blob in blobs)
        assert git(store, "for-each-ref", "--format=%(refname)").decode().split() == ["refs/heads/main"]
        assert not list(store.rglob("logs"))
        assert b"remote" not in (store / "config").read_bytes()
        with pytest.raises(GitError):
            git(store, "rev-parse", "--verify", "v2")


def test_the_tree_is_the_base_byte_for_byte(project, sealed):
    _, tree, _ = sealed
    assert (tree / "a.py").read_text() == "buggy\n"
    assert (tree / "big.bin").read_bytes() == project[2]
    assert (tree / "out").readlink().as_posix() == "/etc"
    assert (tree / "file-out").readlink().as_posix() == "/etc/hostname"
    assert os.access(tree / "run.sh", os.X_OK)
    assert git(tree, "status", "--porcelain") == b""
    assert git(tree, "log", "--format=%s").decode().split() == ["base", "change", "change"]
    assert not (project[0] / "hooked").exists()


def add_loose_blob(store, _):
    git(store, "hash-object", "-w", "--stdin", stdin=b"the fix")


def add_tag(store, base):
    git(store, "tag", "-a", "v", "-m", "x", base)


def add_plain_tag(store, base):
    git(store, "tag", "v", base)


def add_commit(store, base):
    tree = git(store, "rev-parse", f"{base}^{{tree}}").decode().strip()
    git(store, "commit-tree", tree, "-p", base, "-m", "later")


def add_remote(store, _):
    git(store, "remote", "add", "origin", "https://example.invalid/x.git")


def add_reflog(store, _):
    (store / "logs").mkdir()


def add_alternate(store, _):
    (store / "objects" / "info").mkdir(exist_ok=True)
    (store / "objects" / "info" / "alternates").write_text("/nowhere\n")


def add_other_branch(store, base):
    git(store, "branch", "other", f"{base}~1")


def add_fetch_head(store, base):
    (store / "FETCH_HEAD").write_text(base)


@pytest.mark.parametrize(
    "leak",
    [
        add_loose_blob,
        add_tag,
        add_plain_tag,
        add_commit,
        add_remote,
        add_reflog,
        add_alternate,
        add_other_branch,
        add_fetch_head,
    ],
)
def test_each_leak_is_found(sealed, leak):
    bare, _, base = sealed
    check_sealed(bare, base)
    leak(bare, base)
    with pytest.raises(TaskError, match="must not enter a sandbox"):
        check_sealed(bare, base)


def test_a_shallow_clone_can_be_sealed(project, tmp_path):
    folder, base, _ = project
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth=1", "--branch=main", f"file://{folder}", str(shallow))
    seal_history(shallow, head(shallow), tmp_path / "b", tmp_path / "t")
    assert git(tmp_path / "t", "log", "--format=%s").decode().split() == ["fix"]
    with pytest.raises(TaskError, match="does not hold the commit"):
        seal_history(shallow, base, tmp_path / "b2", tmp_path / "t2")


def test_a_repository_that_lacks_objects_says_so(make_repository, tmp_path):
    folder = make_repository({"a": "1\n" * 100})
    base = head(folder)
    blob = git(folder, "rev-parse", "HEAD:a").decode().strip()
    (folder / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(TaskError, match="cannot be copied"):
        seal_history(folder, base, tmp_path / "b", tmp_path / "t")
    shutil.rmtree(folder)
    with pytest.raises(TaskError, match="does not hold the commit"):
        seal_history(folder, base, tmp_path / "b3", tmp_path / "t3")


def many_commits(folder, count):
    """Make a repository of many small commits, each of a line of its own, and return its last but tenth."""
    folder.mkdir()
    git(folder, "init", "--quiet")
    stream = []
    for number in range(1, count + 1):
        body = f"x = {number}\n"
        stream.append(
            f"commit refs/heads/main\nmark :{number}\n"
            f"committer t <t@t> {1_500_000_000 + number} +0000\ndata 2\nc\n\n"
            f"M 100644 inline p{number % 40}/m{number % 400}.py\ndata {len(body)}\n{body}\n"
        )
    subprocess.run(
        ["git", "fast-import", "--quiet", "--depth=10"],
        cwd=folder,
        input="".join(stream).encode(),
        check=True,
    )
    return git(folder, "rev-parse", "main~10").decode().strip()


def test_sixty_thousand_commits(tmp_path):
    base = many_commits(tmp_path / "long", 60_000)
    seal = seal_history(tmp_path / "long", base, tmp_path / "bare", tmp_path / "tree")
    assert seal.commits == 59_990
