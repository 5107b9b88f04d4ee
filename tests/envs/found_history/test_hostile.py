"""Nothing of an image is trusted: no program runs, no link is followed, damage is told."""

from __future__ import annotations

import os
import shutil

import pytest

from envs.found_history import take_history
from envs.git import git
from envs.task import TaskError
from tests.envs.found_history.conftest import assert_nothing_newer, program, rev, stores


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
