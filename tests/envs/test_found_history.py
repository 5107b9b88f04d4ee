from __future__ import annotations

import os
import shutil
from dataclasses import replace

import pytest

from envs.found_history import take_history
from envs.git import GitError, git
from envs.history import check_sealed, seal_history
from envs.task import TaskError

BUG = "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-buggy\n+worse\n"


def rev(folder, name="HEAD"):
    return git(folder, "rev-parse", name).decode().strip()


def everything_in(store):
    """Return the content of every object of a repository, whether anything refers to it or not."""
    listed = git(store, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)").split()
    return git(store, "cat-file", "--batch", stdin=b"\n".join(listed) + b"\n")


def stores(taken):
    return taken.git_dir, taken.tree / ".git", taken.clean / ".git"


def program(path, mark):
    """Write a program that leaves a mark where it is run on this machine."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\ntouch {mark}\ncat\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def empty(tmp_path):
    folder = tmp_path / "taken"
    folder.mkdir()
    return folder


@pytest.fixture
def found(make_repository, commit, tmp_path):
    """An image's repository that holds the fix wherever a repository can, and its base commit."""
    folder = make_repository({"a.py": "old\n", "setup.py": "setup()\n", "gone.py": "x = 1\n"})
    (folder / "out").symlink_to("/etc")
    commit(folder, {"a.py": "buggy\n", ".gitignore": "*.so\n"}, "base")
    base = rev(folder)
    commit(folder, {"a.py": "SECRET fix\n"}, "SECRET message")
    fix = rev(folder)
    git(folder, "tag", "v2")
    git(folder, "tag", "-a", "v2-annotated", "-m", "SECRET tag")
    git(folder, "branch", "other")
    git(folder, "update-ref", "refs/remotes/origin/main", fix)
    git(folder, "remote", "add", "origin", "https://example.invalid/SECRET.git")
    git(folder, "notes", "add", "-m", "SECRET note", base)
    git(folder, "replace", base, fix)
    (folder / "a.py").write_text("SECRET stash\n")
    git(folder, "stash")
    git(folder, "worktree", "add", "--quiet", "--detach", str(tmp_path / "elsewhere"), fix)
    git(folder, "hash-object", "-w", "--stdin", stdin=b"SECRET loose blob")
    (folder / ".git" / "logs").mkdir(exist_ok=True)
    (folder / ".git" / "logs" / "HEAD").write_text(f"{base} {fix} SECRET <s@s> 1600000000 +0000\tpull\n")
    (folder / ".git" / "FETCH_HEAD").write_text(f"{fix}\t\tbranch 'main'\n")
    git(folder, "checkout", "--quiet", "--force", "-B", "main", base)
    git(folder, "gc", "--quiet")
    git(folder, "hash-object", "-w", "--stdin", stdin=b"SECRET unpacked")
    return folder, base


def assert_nothing_newer(taken):
    for store in stores(taken):
        assert b"SECRET" not in everything_in(store)
        assert git(store, "for-each-ref", "--format=%(refname)").split() == [b"refs/heads/main"]
        assert git(store, "fsck", "--full", "--no-progress", "--no-dangling") == b""
        for file in store.rglob("*"):
            if file.is_file() and "objects" not in file.parts:
                assert b"SECRET" not in file.read_bytes(), file
    for store in (taken.git_dir, taken.tree / ".git"):
        assert check_sealed(store, taken.agents_commit) == replace(taken.seal, leaks=None)
        assert git(store, "fsck", "--unreachable", "--no-progress") == b""
    assert git(taken.tree, "status", "--porcelain") == b""
    assert git(taken.clean, "status", "--porcelain", "--untracked-files=no") == b""


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


def test_no_program_of_the_image_runs_on_the_host(found, tmp_path, empty):
    folder, base = found
    mark = tmp_path / "ran"
    for hook in ("post-checkout", "pre-commit", "post-index-change", "reference-transaction", "pre-auto-gc"):
        program(folder / ".git" / "hooks" / hook, mark)
    tool = program(folder / "tool.sh", mark)
    for key, value in {
        "core.fsmonitor": tool,
        "core.hooksPath": folder / ".git" / "hooks",
        "core.pager": tool,
        "core.sshCommand": tool,
        "diff.external": tool,
        "diff.evil.textconv": tool,
        "filter.evil.clean": tool,
        "filter.evil.smudge": tool,
        "filter.evil.process": tool,
        "filter.evil.required": "true",
        "extensions.partialClone": "origin",
        "core.alternateRefsCommand": tool,
        "core.worktree": "/etc",
    }.items():
        with (folder / ".git" / "config").open("a") as file:
            section, _, name = key.rpartition(".")
            first, _, rest = section.partition(".")
            file.write(f'[{first} "{rest}"]\n' if rest else f"[{first}]\n")
            file.write(f"\t{name} = {value}\n")
    (folder / ".gitattributes").write_text("* filter=evil diff=evil\n")
    (folder / ".git" / "info").mkdir(exist_ok=True)
    (folder / ".git" / "info" / "attributes").write_text("* filter=evil diff=evil\n")
    (folder / "setup.py").write_text("setup(pinned)\n")
    taken = take_history(folder, base, empty)
    assert not mark.exists()
    assert_nothing_newer(taken)
    assert not mark.exists()
    for store in stores(taken):
        assert b"evil" not in (store / "config").read_bytes()
        assert not (store / "hooks").exists()


def test_alternates_of_the_image_are_not_followed(found, make_repository, empty):
    folder, _ = found
    other = make_repository({"host.txt": "SECRET of the host\n"}, "other")
    wanted = rev(other)
    (folder / ".git" / "objects" / "info").mkdir(exist_ok=True)
    (folder / ".git" / "objects" / "info" / "alternates").write_text(f"{other}/.git/objects\n")
    taken = take_history(folder, wanted, empty)
    assert_nothing_newer(taken)
    assert taken.base_commit != wanted
    assert taken.seal.leaks is None


@pytest.mark.parametrize("where", [".git", ".git/objects", ".git/objects/pack", ".git/shallow"])
def test_a_repository_that_is_a_symlink_to_the_host_is_not_read(found, make_repository, where, empty):
    folder, _ = found
    other = make_repository({"host.txt": "SECRET of the host\n"}, "other")
    git(other, "gc", "--quiet")
    (other / ".git" / "shallow").write_text(f"{rev(other)}\n")
    wanted = rev(other)
    target = folder / where
    if target.is_dir():
        shutil.rmtree(target)
    target.symlink_to(other / where)
    taken = take_history(folder, wanted, empty)
    assert_nothing_newer(taken)
    assert (taken.base_commit == wanted, (other / ".git" / "HEAD").exists()) == (False, True)


def test_a_git_file_in_place_of_the_folder_is_not_followed(found, make_repository, empty):
    folder, _ = found
    other = make_repository({"host.txt": "SECRET of the host\n"}, "other")
    shutil.rmtree(folder / ".git")
    (folder / ".git").write_text(f"gitdir: {other}/.git\n")
    taken = take_history(folder, rev(other), empty)
    assert_nothing_newer(taken)
    assert (other / ".git").is_dir()


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


def test_files_that_git_must_not_be_asked_about(found, empty):
    folder, base = found
    os.mkfifo(folder / "pipe")
    name = os.fsdecode(b"caf\xe9 \n.py")
    (folder / name).write_text("x\n")
    (folder / "broken").symlink_to("nowhere")
    taken = take_history(folder, base, empty)
    assert (taken.tree / name).read_text() == "x\n"
    assert taken.edits == ""
    assert git(taken.tree, "status", "--porcelain") == b""


@pytest.mark.parametrize("damage", ["index", "HEAD", "packed-refs", "pack"])
def test_damage_that_does_not_matter(found, damage, empty):
    folder, base = found
    target = folder / ".git" / damage
    if damage == "pack":
        target = next((folder / ".git" / "objects" / "pack").glob("*.pack"))
        target.chmod(0o644)
    target.write_bytes(b"garbage")
    taken = take_history(folder, base, empty)
    assert_nothing_newer(taken)
    assert (taken.base_commit == base) == (damage != "pack")


def test_a_repository_that_lacks_objects_is_an_error_of_one_line(make_repository, empty):
    folder = make_repository({"a.py": "buggy\n" * 100})
    blob = rev(folder, "HEAD:a.py")
    (folder / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(TaskError, match="cannot be prepared: git ") as error:
        take_history(folder, rev(folder), empty)
    assert "\n" not in str(error.value)
