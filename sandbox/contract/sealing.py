"""What every sandbox promises about limits and about what its guest must not reach."""

from __future__ import annotations

import secrets
import shutil
import socket

from sandbox.base import Status


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
