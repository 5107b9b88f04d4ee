"""What every sandbox promises about snapshots, forks and restoring."""

from __future__ import annotations

import pytest

from sandbox.base import SandboxError


async def test_forks_and_snapshots_do_not_see_each_other(box, host):
    await box.exec(
        "rm pkg/gone.py; echo mine >> readme.txt; echo t > /tmp/t; mkdir -p pkg/sub; rm -r pkg/sub;"
        " chmod +x run.sh"
    )
    frozen = await box.snapshot()
    fork = await box.fork()
    await box.exec("echo later > later; rm readme.txt")
    await fork.exec("echo other > other; rm -r pkg; mkdir pkg; echo new > pkg/new")
    listing = "find . -path ./.git -prune -o -print | sort | tr '\\n' ' '; cat /tmp/t"
    mine, theirs = (await box.exec(listing)).text, (await fork.exec(listing)).text
    assert ("later" in mine, "./other" in mine, "readme" in mine) == (True, False, False)
    assert ("later" in theirs, "./other" in theirs, "readme" in theirs) == (False, True, True)
    assert ("code.py" in mine, "code.py" in theirs, "pkg/new" in theirs) == (True, False, True)
    third = await (await fork.fork()).fork()  # deletions and replaced folders survive any number of forks
    assert (await third.exec(listing)).text == theirs
    assert "gone.py" not in mine + theirs
    old = await host.start(frozen)
    shown = (await old.exec(listing + "; tail -n1 readme.txt; ./run.sh")).text
    assert shown.endswith("t\nmine\nran\n")
    assert ("later" in shown, "gone.py" in shown, "code.py" in shown) == (False, False, True)


async def test_a_snapshot_of_another_host_is_refused(box, host):
    frozen = await box.snapshot()
    other = type(host)()
    try:
        with pytest.raises(SandboxError, match="another sandbox host"):
            await other.start(frozen)
    finally:
        await other.close()


async def test_restoring_brings_everything_back(box):
    await box.exec("echo kept > kept; mkdir -p a/b; echo one > a/b/c; chmod 700 a; ln -s kept link-to")
    frozen = await box.snapshot()
    await box.exec(
        "rm -r a kept pkg; echo other > a; mkdir pkg; echo x > pkg/new; rm readme.txt;"
        " ln -sf nowhere link-to; chmod +x latin.txt; echo t > /tmp/t; echo h > $HOME/h"
    )
    await box.restore(frozen)
    shown = await box.exec(
        "cat kept a/b/c pkg/code.py; stat -c '%a %F' a link-to latin.txt; readlink link-to;"
        " ls -A pkg; ls /tmp/t $HOME/h 2>/dev/null; head -n1 readme.txt"
    )
    lines = shown.text.splitlines()
    assert lines[:2] == ["kept", "one"]
    assert lines[4:7] == ["700 directory", "777 symbolic link", "644 regular file"]
    assert lines[7:] == ["kept", "code.py", "gone.py", "first"]
    await box.exec("echo again > kept")
    await box.restore(frozen)
    assert await box.read("kept") == b"kept\n"


async def test_a_fork_has_every_kind_of_change(box):
    await box.exec(
        "mv pkg moved; mkdir -p deep/er; head -c 3000000 /dev/urandom > deep/er/big;"
        " ln deep/er/big deep/hard; printf x > \"$(printf 'new\\nline')\"; printf y > ' -rf';"
        " touch -d 2001-01-01 old;"
        " chmod 400 readme.txt; mkdir empty; rm picture.bin; mkdir picture.bin;"
        " truncate -s 5M sparse; mkfifo pipe"
    )
    listing = (
        "find . -path ./.git -prune -o ! -type d -printf '%p %y %m %s %n %l\\n' | sort; find . -path ./.git"
        " -prune -o -type d -printf '%p %m\\n' | sort; find . -path ./.git -prune -o -type f"
        " -exec sha256sum {} + | sort"
    )
    fork = await (await box.fork()).fork()
    assert (await fork.exec(listing)).text == (await box.exec(listing)).text
    assert "pkg/code.py" not in (await fork.exec(listing)).text


async def test_a_snapshot_outlives_its_sandbox(box, host):
    await box.write("kept", b"x")
    frozen = await box.snapshot()
    await box.close()
    assert await (await host.start(frozen)).read("kept") == b"x"


async def test_files_in_shared_memory_are_files(box):
    empty = await box.snapshot()
    await box.exec("echo kept > /dev/shm/kept; mkdir /dev/shm/d; echo x > /dev/shm/d/x")
    frozen = await box.snapshot()
    shown = "cd /dev/shm; ls -A; cat kept d/x"
    assert (await (await box.fork()).exec(shown)).text == "d\nkept\nkept\nx\n"
    await box.exec("rm -r /dev/shm/*; echo later > /dev/shm/later")
    await box.restore(frozen)
    assert (await box.exec(shown)).text == "d\nkept\nkept\nx\n"
    await box.restore(empty)
    assert (await box.exec("ls -A /dev/shm")).text == ""
