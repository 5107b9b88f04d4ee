"""What every sandbox promises about commands, limits and files; run against each implementation."""

from __future__ import annotations

import asyncio
import resource
import secrets
import shutil
import time

import pytest

from sandbox.base import SandboxError, SandboxFileError, SandboxGoneError, Status


async def test_exit_codes_statuses_and_output(box):
    done = await box.exec("echo out; echo err >&2; exit 7")
    assert (done.status, done.exit_code, done.ok) == (Status.EXITED, 7, False)
    assert done.text == "out\nerr\n"
    assert done.seconds > 0
    assert (await box.exec(["true"])).ok
    missing = await box.exec(["no-such-program", "x"])
    assert (missing.status, missing.exit_code) == (Status.NOT_FOUND, 127)
    shell = await box.exec("no-such-program")
    assert (shell.status, shell.exit_code) == (Status.EXITED, 127)
    killed = await box.exec("kill -9 $$")
    assert (killed.status, killed.exit_code) == (Status.KILLED, -9)


async def test_arguments_arrive_as_they_are(box):
    words = ["", " ", "a b", "$HOME", "`id`", "'\"", "*", "-rf", "\n", "ü€😀", "\\", "\x1b[31m"]
    done = await box.exec(["printf", "%s|", *words])
    assert done.output == "|".join([*words, ""]).encode("utf-8", "surrogateescape")


async def test_arguments_that_are_no_text_arrive(box):
    assert (await box.exec(["printf", "a\udcffb"])).output == b"a\xffb"


async def test_a_null_in_an_argument_or_no_command_is_the_callers_mistake(box):
    with pytest.raises(SandboxError, match="NUL"):
        await box.exec(["echo", "a\0b"])
    with pytest.raises(SandboxError, match="no command"):
        await box.exec([])


async def test_stdin_folder_and_environment(box):
    data = secrets.token_bytes(3 << 20)
    assert (await box.exec(["sha256sum"], stdin=data)).text.split()[0] == _sha256(data)
    assert (await box.exec(["cat"])).output == b""
    assert (await box.exec("true", stdin=data)).ok  # does not read what it is given
    assert (await box.exec(["pwd"])).text.strip() == box.workdir == "/testbed"
    assert (await box.exec(["pwd"], cwd="pkg")).text.strip() == "/testbed/pkg"
    assert (await box.exec(["pwd"], cwd="/tmp")).text.strip() == "/tmp"
    shown = await box.exec("echo $FROM_ROOT $EXTRA; echo $HOME; test -w $HOME", env={"EXTRA": "a b"})
    assert shown.text.splitlines()[0] == "yes a b"
    assert shown.ok


async def test_output_is_bounded_while_it_is_produced(box, kind):
    size = 1_000_000_000 if kind == "daemonless" else 100_000_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    done = await box.exec(f"echo first; yes | head -c {size}; echo last", timeout=120)
    assert done.ok
    assert len(done.output) == 100_000
    assert len(done.output) + done.omitted == size + len("first\nlast\n")
    assert done.output.startswith(b"first\ny\n")
    assert done.output.endswith(b"y\nlast\n")
    assert f"[... {done.omitted} bytes omitted ...]" in done.text
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10


async def test_a_timeout_ends_everything_and_keeps_the_output(box, outside):
    mark = f"4242.{secrets.randbelow(10**9):09}"
    began = time.monotonic()
    done = await box.exec(
        f"echo begun; sleep {mark} & (setsid sleep {mark} &) ; trap '' TERM; while :; do sleep {mark}; done",
        timeout=1.0,
    )
    assert done.status is Status.TIMED_OUT
    assert done.output.startswith(b"begun\n")
    assert time.monotonic() - began < 15
    assert outside.processes_with(mark) == []
    assert (await box.exec(["true"])).ok


async def test_a_timeout_asks_first(box):
    done = await box.exec("trap 'echo tidied; exit 0' TERM; sleep 60 & wait", timeout=0.5)
    assert done.status is Status.TIMED_OUT
    assert b"tidied" in done.output


async def test_nothing_outlives_a_command(box, outside):
    mark = f"4243.{secrets.randbelow(10**9):09}"
    done = await box.exec(f"sleep {mark} & setsid sleep {mark} & nohup sleep {mark} & echo started")
    assert (done.ok, done.output) == (True, b"started\n")
    assert outside.processes_with(mark) == []


async def test_a_cancelled_command_is_ended(box, outside):
    mark = f"4244.{secrets.randbelow(10**9):09}"
    running = asyncio.create_task(box.exec(["sleep", mark]))
    while not outside.processes_with(mark):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert outside.processes_with(mark) == []
    assert (await box.exec(["true"])).ok


async def test_a_fork_bomb_is_contained(box, outside):
    mark = secrets.token_hex(8)
    done = await box.exec(f": {mark}; bomb() {{ bomb | bomb & }}; bomb; sleep 2", timeout=4)
    assert done.status in set(Status)
    assert outside.eventually(lambda: outside.processes_with(mark) == [])
    assert (await box.exec(["true"])).ok


async def test_a_memory_bomb_is_contained(box):
    done = await box.exec(["python3", "-c", "x = b'x' * (2 << 30); print(len(x))"])
    assert not done.ok
    assert done.status is Status.OUT_OF_MEMORY
    assert (await box.exec(["python3", "-c", "print(len(b'x' * (64 << 20)))"])).ok


async def test_a_full_disk_is_an_error_inside_only(box, host, root):
    done = await box.exec(
        "head -c 500000000 /dev/zero > big; echo $?; rm -f big; echo more > small && cat small"
    )
    assert done.text.splitlines()[-1] == "more"
    assert "0" not in done.text.splitlines()
    assert shutil.disk_usage(root.tree).free > 0


async def test_no_network(box):
    script = """import socket
def tried(what, action):
    try:
        action()
    except OSError:
        print(what, "refused")
    else:
        print(what, "OPEN")
tried("ipv4", lambda: socket.create_connection(("1.1.1.1", 53), 3))
tried("ipv6", lambda: socket.create_connection(("2606:4700:4700::1111", 53), 3))
tried("dns", lambda: socket.getaddrinfo("example.org", 80))
tried("host", lambda: socket.create_connection(("127.0.0.1", PORT), 3))
tried("udp", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("1.1.1.1", 53)))
tried("abstract", lambda: socket.socket(socket.AF_UNIX).connect("\\0" + NAME))
"""
    import socket

    name = secrets.token_hex(8)
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as local:
        local.bind("\0" + name)
        local.listen()
        script = script.replace("PORT", str(server.getsockname()[1])).replace("NAME", repr(name))
        done = await box.exec(["python3", "-c", script])
    assert done.text.split() == [
        word for what in ("ipv4", "ipv6", "dns", "host", "udp", "abstract") for word in (what, "refused")
    ], done.text


async def test_the_loopback_inside_works(box):
    script = (
        "import socket; s = socket.create_server(('127.0.0.1', 0));"
        "c = socket.create_connection(s.getsockname(), 3); print('joined')"
    )
    assert (await box.exec(["python3", "-c", script])).text == "joined\n"


async def test_the_host_is_out_of_sight(box, root, tmp_path, monkeypatch):
    monkeypatch.setenv("MANGABEY_SECRET", "hunter2")
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    assert b"hunter2" not in (await box.exec("env; cat /proc/*/environ | tr '\\0' '\\n'")).output
    for path in (
        secret,
        root.tree,
        "/run/docker.sock",
        "/var/run/docker.sock",
        "/root/.ssh",
        "/sys/kernel/debug/x",
    ):
        assert not (await box.exec(["test", "-e", str(path)])).ok, path
    shadow = await box.exec(["cat", "/etc/shadow"])
    assert not shadow.ok


async def test_what_is_not_ours_is_read_only(box):
    for place in ("/opt/inputs", "/root/kept/inputs"):
        assert (await box.exec(["cat", f"{place}/data.txt"])).text == "from the host\n"
    for path in (
        "/opt/inputs/data.txt",
        "/opt/inputs/new",
        "/usr/bin/new",
        "/etc/passwd",
        "/opt/mangabey/base.git/HEAD",
    ):
        assert not (await box.exec(f"echo x >> {path}")).ok, path
    assert not (await box.exec("rm -rf /usr/bin/env /opt/inputs/data.txt /etc/passwd")).ok
    assert not (await box.exec("echo 1 > /proc/sys/kernel/panic; test $? = 0")).ok
    assert (await box.exec("echo x > /tmp/x; cat /tmp/x; echo y > $HOME/y; cat $HOME/y")).text == "x\ny\n"


async def test_the_guest_has_no_privileges(box):
    status = (await box.exec(["cat", "/proc/self/status"])).text
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert "0" not in fields["Uid"].split()
    assert {int(fields[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")
    for attempt in (
        "mount -t tmpfs none /tmp",
        "unshare -Ur true",
        "chroot /",
        "mknod /tmp/d b 8 0",
        "su -c id root",
    ):
        assert not (await box.exec(attempt, timeout=10)).ok, attempt


async def test_read_and_write(box):
    data = secrets.token_bytes(2 << 20)
    await box.write("new/folders/data.bin", data)
    assert await box.read("new/folders/data.bin") == data
    assert await box.read("/testbed/new/folders/data.bin") == data
    await box.write("new/folders/data.bin", b"")
    assert await box.read("new/folders/data.bin") == b""
    await box.write("-rf", b"dash")
    assert await box.read("-rf") == b"dash"
    await box.write("a\nb", b"line")
    assert await box.read("a\nb") == b"line"
    await box.write("/tmp/x", b"tmp")
    assert await box.read("/tmp/x") == b"tmp"


async def test_what_cannot_be_read(box):
    await box.exec(
        "ln -s /etc/shadow shadow; mkfifo fifo; ln -s nowhere dangling; mkdir d; truncate -s 65M large"
    )
    for path, reason in {
        "shadow": "cannot read",
        "fifo": "no regular file",
        "dangling": "symlink",
        "d": "folder",
        "nope": "no such file",
        "/dev/zero": "no regular file",
    }.items():
        with pytest.raises(SandboxFileError, match=reason):
            await box.read(path)
    with pytest.raises(SandboxFileError, match="NUL"):
        await box.read("a\0b")


async def test_a_file_that_is_too_large_is_refused(daemonless, root):
    box = await daemonless.start(root)
    await box.exec("truncate -s 64M most; truncate -s 67108865 large")
    assert len(await box.read("most")) == 64 << 20
    with pytest.raises(SandboxFileError, match="64 MiB"):
        await box.read("large")


async def test_what_cannot_be_written(box):
    await box.exec("mkfifo fifo; mkdir d")
    for path in ("fifo", "d", "/usr/x", "readme.txt/below", "/proc/x"):
        with pytest.raises(SandboxFileError, match="cannot write"):
            await box.write(path, b"x")


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


async def test_closing(box, host, root, outside):
    mark = f"4245.{secrets.randbelow(10**9):09}"
    running = asyncio.create_task(box.exec(["sleep", mark]))
    while not outside.processes_with(mark):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    await box.close()
    await box.close()
    with pytest.raises(SandboxGoneError):
        await running
    assert outside.eventually(lambda: outside.processes_with(mark) == [])
    for use in (lambda: box.exec("true"), lambda: box.read("x"), box.diff, box.snapshot, box.fork):
        with pytest.raises(SandboxGoneError):
            await use()
    assert (await (await host.start(root)).exec("true")).ok


async def test_a_snapshot_of_another_host_is_refused(box, kind):
    from sandbox.hosts import open_host

    frozen = await box.snapshot()
    other = open_host(kind)
    try:
        with pytest.raises(SandboxError, match="another sandbox host"):
            await other.start(frozen)
    finally:
        await other.close()


def _sha256(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()
