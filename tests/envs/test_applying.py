from __future__ import annotations

import pytest

from envs.applying import apply_edits, apply_prediction
from envs.git import git
from envs.prepare import prepare
from envs.task import Environment, Task
from sandbox.base import PatchError
from tests.interpreter import lean_python

LINES = [f"line {number}\n" for number in range(1, 41)]
PICTURE = bytes(range(256)) * 4


@pytest.fixture
def project(make_repository):
    files = {
        "a.txt": "".join(LINES),
        "b.txt": "one\ntwo\nthree\n",
        "dos.txt": "one\r\ntwo\r\nthree\r\n",
        "open.txt": "one\ntwo",
        "pic.bin": PICTURE,
        ".gitignore": "*.so\n",
    }
    return make_repository(files)


@pytest.fixture
async def room(project, host, tmp_path):
    base = git(project, "rev-parse", "HEAD").decode().strip()
    environment = Environment(python=str(lean_python()))
    task = Task("x", "local/x", base, "issue", environment, "python -m pytest")
    return await host.start((await prepare(task, project, tmp_path / "home")).root)


def changed(project, files, *options):
    """Return the diff that changes files of the project, which stays as it is."""
    for name, data in files.items():
        if data is None:
            (project / name).unlink()
        else:
            (project / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    git(project, "add", "--all")
    diff = git(project, "diff", "--binary", "--cached", *options).decode("utf-8", "surrogateescape")
    git(project, "reset", "--quiet", "--hard")
    return diff


async def state(room):
    return (await room.exec("git status --porcelain --ignored; git diff --cached --stat")).text


async def test_every_kind_of_change_is_applied(project, room):
    renamed = "".join(LINES).replace("line 7\n", "line seven\n")
    patch = changed(
        project,
        {
            "a.txt": None,
            "c.txt": renamed,
            "dos.txt": "one\r\n2\r\nthree\r\n",
            "open.txt": "one\n2",
            "b.txt": "one\ntwo\nthree",
            "pic.bin": PICTURE[::-1],
            "new.txt": "new",
        },
        "--find-renames",
    )
    assert "rename from a.txt" in patch
    await apply_prediction(room, patch)
    assert (await room.read("c.txt")).decode() == renamed
    assert await room.read("dos.txt") == b"one\r\n2\r\nthree\r\n"
    assert await room.read("open.txt") == b"one\n2"
    assert await room.read("b.txt") == b"one\ntwo\nthree"
    assert await room.read("pic.bin") == PICTURE[::-1]
    assert await room.read("new.txt") == b"new"
    assert not (await room.exec("test -e a.txt")).ok
    assert not (await room.exec("ls /tmp/*.diff* *.orig *.rej")).ok


async def test_an_empty_patch_changes_nothing(room):
    await apply_prediction(room, " \n")
    assert await state(room) == ""


async def test_a_patch_without_its_last_newline(project, room):
    await apply_prediction(room, changed(project, {"b.txt": "one\n2\nthree\n"}).rstrip("\n"))
    assert await room.read("b.txt") == b"one\n2\nthree\n"


async def test_lines_of_context_that_moved_are_found_by_three_way(project, commit, room):
    patch = changed(project, {"a.txt": "".join(LINES).replace("line 20\n", "line twenty\n")})
    there = "".join(LINES).replace("line 18\n", "line 18 as edited\n")
    await room.write("a.txt", there.encode())
    await room.exec("git -c user.name=x -c user.email=x commit -qam edited")
    await apply_prediction(room, patch)
    assert (await room.read("a.txt")).decode() == there.replace("line 20\n", "line twenty\n")
    assert (await room.exec("git diff --cached --stat")).text == ""


async def test_a_three_way_merge_with_conflicts_ends_it_as_in_the_harness(project, room):
    patch = changed(project, {"a.txt": "".join(LINES).replace("line 20\n", "line twenty\n")})
    # the line itself is as the patch knows it, but both its neighbours are not, so that git refuses
    there = "".join(LINES).replace("line 19\n", "line nineteen\n").replace("line 21\n", "line twenty-one\n")
    await room.write("a.txt", there.encode())
    await room.exec("git -c user.name=x -c user.email=x commit -qam edited")
    with pytest.raises(PatchError, match=r"a\.txt"):
        await apply_prediction(room, patch)


async def test_a_patch_without_blobs_is_applied_with_fuzz(room):
    patch = "--- a/b.txt\n+++ b/b.txt\n@@ -9,3 +9,3 @@\n one\n-two\n+2\n other\n"
    await apply_prediction(room, patch)
    assert await room.read("b.txt") == b"one\n2\nthree\n"
    assert not (await room.exec("ls *.orig *.rej")).ok


@pytest.mark.parametrize("text", ["no patch at all", "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n"])
async def test_a_patch_that_fits_nowhere_is_refused(room, text):
    with pytest.raises(PatchError):
        await apply_prediction(room, text)
    assert await state(room) == ""


async def test_what_a_failed_way_did_is_undone_and_nothing_else(project, room):
    await room.exec("echo built > x.so; echo made > 'made so'; mkdir d; echo y > d/y")
    before, listed = await state(room), (await room.exec("git ls-files -o | sort")).text
    good = changed(project, {"a.txt": "".join(LINES).replace("line 3\n", "3\n"), "fresh.txt": "fresh\n"})
    bad = "--- a/pic.bin\n+++ b/pic.bin\n@@ -1,2 +1,2 @@\n no such\n-line\n+lines\n"
    with pytest.raises(PatchError, match=r"pic\.bin|patch failed"):
        await apply_prediction(room, good + bad)
    assert await state(room) == before
    assert (await room.exec("git ls-files -o | sort")).text == listed
    assert await room.read("a.txt") == "".join(LINES).encode()


async def test_a_patch_that_is_there_already_is_applied(project, room):
    patch = changed(project, {"b.txt": "one\n2\nthree\n", "new.txt": "new\n"})
    await apply_prediction(room, patch)
    await room.exec("git add -A; git -c user.name=x -c user.email=x commit -qm there")
    await apply_prediction(room, patch)
    assert await room.read("b.txt") == b"one\n2\nthree\n"
    assert not (await room.exec("ls *.orig *.rej")).ok


async def test_edits_come_after_a_patch_that_has_them_half_or_whole(project, room):
    edits = changed(
        project,
        {
            "a.txt": "".join(LINES).replace("line 5\n", "line 5 pinned\n"),
            "b.txt": "one\n2\nthree\n",
            "dos.txt": "one\r\n2\r\nthree\r\n",
            "open.txt": None,
        },
    )
    whole = changed(project, {"b.txt": "one\n2\nthree\nfour\n", "dos.txt": "one\r\n2\r\nthree\r\n"})
    await apply_prediction(room, whole)
    assert await apply_edits(room, edits) == ()
    assert b"line 5 pinned\n" in await room.read("a.txt")
    assert await room.read("b.txt") == b"one\n2\nthree\nfour\n"
    assert await room.read("dos.txt") == b"one\r\n2\r\nthree\r\n"
    assert not (await room.exec("test -e open.txt")).ok
    assert not (await room.exec("ls *.orig *.rej")).ok


async def test_edits_that_have_no_place_are_named(project, room):
    edits = changed(project, {"a.txt": "".join(LINES).replace("line 5\n", "5\n"), "b.txt": "one\n2\nthree\n"})
    await room.exec("rm a.txt")
    assert await apply_edits(room, edits) == ("a.txt",)
    assert await room.read("b.txt") == b"one\n2\nthree\n"
