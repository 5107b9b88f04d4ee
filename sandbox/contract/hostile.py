"""A hostile guest: what it tries, and that nothing comes of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
import time

import pytest

from sandbox.base import SandboxError, SandboxFileError, Status

REFUSED = {
    "read the password file": "cat /etc/shadow",
    "read root's home": "ls /root/.ssh || touch /root/x",
    "the root of process 1": "ls /proc/1/root/ && cat /proc/1/root/etc/shadow",
    "the environment of others": "cat /proc/[0-9]*/environ | tr '\\0' '\\n' | grep SECRET",
    "sysrq": "echo h > /proc/sysrq-trigger",
    "the core pattern": "echo '|/tmp/x' > /proc/sys/kernel/core_pattern",
    "a kernel helper": "echo /tmp/x > /sys/kernel/uevent_helper",
    "the release agent": "find /sys/fs/cgroup -name release_agent -writable 2>/dev/null | grep .",
    "its own control group": "find /sys/fs/cgroup -name '*limit_in_bytes' -writable 2>/dev/null | grep ."
    " || find /sys/fs/cgroup -name '*.max' -writable 2>/dev/null | grep .",
    "kernel memory": "head -c 1 /proc/kcore || head -c 1 /dev/mem || head -c 1 /dev/kmem",
    "the kernel's log": "head -c 1 /dev/kmsg || timeout 2 head -c 1 /proc/kmsg",
    "disks of the host": "ls /dev/sd* /dev/vd* /dev/nvme* 2>/dev/null | grep .",
    "make a device": "mknod /tmp/d b 8 0",
    "mount": "mount -t tmpfs none /tmp",
    "namespaces of its own": "unshare -Urm true",
    "namespaces of others": "nsenter -t 1 -m true",
    "chroot": "chroot / true",
    "another user": "su -c id root < /dev/null || sudo -n id",
    "a program with root's rights": "cp /usr/bin/id /tmp/id && chown root /tmp/id && chmod u+s /tmp/id"
    " && /tmp/id -u | grep ^0$",
    "the clock": "date -s 2001-01-01",
    "the name of the machine": "hostname pwned",
    "a limit of its own": "ulimit -f unlimited && head -c 100000000 /dev/zero > /testbed/large",
    "priority": "nice -n -5 sh -c 'test $(nice) -lt 0' && exit 0; exit 1",
    "programs of the system": "rm -f /bin/sh || echo x >> /usr/bin/env || mv /usr/bin/git /tmp/git",
    "settings of the system": "echo x >> /etc/passwd || echo x >> /etc/ld.so.preload || touch /etc/x",
    "the base repository": "cd /opt/mangabey/base.git && { echo x >> HEAD || rm -rf objects; }",
    "hard links to what is not its own": "ln /etc/shadow stolen",
    "kill what is not its own": "kill -9 1",
}
"""Shell texts by what they try; none may report success."""


@pytest.mark.parametrize("attack", REFUSED)
async def test_it_is_refused(box, attack, monkeypatch):
    monkeypatch.setenv("MANGABEY_SECRET", "hunter2")
    done = await box.exec(REFUSED[attack], timeout=20)
    assert not done.ok, done.text
    assert (await box.exec(["true"])).ok


NETWORK = {
    "ipv4": "socket.create_connection(('1.1.1.1', 53), 3)",
    "ipv6": "socket.create_connection(('2606:4700:4700::1111', 53), 3)",
    "udp": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('1.1.1.1', 53))",
    "names": "socket.getaddrinfo('example.org', 80)",
    "the cloud's metadata": "socket.create_connection(('169.254.169.254', 80), 3)",
    "the host's loopback": "socket.create_connection(('127.0.0.1', PORT), 3)",
    "the host's abstract sockets": "socket.socket(socket.AF_UNIX).connect('\\0' + NAME)",
    "the Docker socket": "socket.socket(socket.AF_UNIX).connect('/var/run/docker.sock')",
    "raw packets": "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "raw ip": "socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)",
}
"""Python expressions by the route they try; each must raise OSError."""


async def test_no_route_leads_out(box):
    name = secrets.token_hex(8)
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as local:
        local.bind("\0" + name)
        local.listen()
        port = server.getsockname()[1]
        tries = {
            what: code.replace("PORT", str(port)).replace("NAME", repr(name))
            for what, code in NETWORK.items()
        }
        script = (
            "import socket\n"
            f"for what, code in {tries!r}.items():\n"
            "    try:\n        eval(code)\n    except OSError:\n        print('refused')\n"
            "    else:\n        print('OPEN', what)\n"
        )
        done = await box.exec(["python3", "-c", script], timeout=60)
    assert done.text.splitlines() == ["refused"] * len(NETWORK)


CALLS = {
    "ptrace": (101, 16, "PID"),
    "bpf": (321, 0, 0, 0),
    "performance counters": (298, 0, 0, -1, -1, 0),
    "key rings": (248, 0, 0, 0, 0, -4),
    "a new kernel": (246, 0, 0, 0, 0),
    "modules": (313, 0, 0, 0),
    "the clock": (227, 0, 0),
    "swap": (167, 0, 0),
    "restart": (169, 0xFEE1DEAD, 0x28121969, 0x01234567),
}
"""System calls by number on x86-64; each must fail, for every process that is not the caller's own."""


async def test_system_calls_that_reach_further_fail(box):
    script = f"""
import ctypes, os, platform
libc = ctypes.CDLL(None, use_errno=True)
others = [int(name) for name in os.listdir('/proc') if name.isdigit()]
others = [pid for pid in others if os.stat('/proc/%d' % pid).st_uid != os.getuid()] or [1]
for what, (number, *arguments) in {CALLS!r}.items():
    if platform.machine() != 'x86_64':
        break
    for pid in others:
        words = [ctypes.c_long(pid if word == 'PID' else word) for word in arguments]
        if libc.syscall(ctypes.c_long(number), *words) >= 0:
            print('OPEN', what, pid)
print('tried')
"""
    done = await box.exec(["python3", "-c", script], timeout=30)
    assert done.text == "tried\n"


async def test_forged_answers_are_output_and_nothing_else(box):
    lines = 'ready sealed\\n00000000000000000000000000000000 0 0 0\\n{"kind": "exited", "code": 0}\\n'
    done = await box.exec(
        f"exec 2> /dev/null; printf '{lines}'; for fd in /proc/[0-9]*/fd/*; do printf '{lines}' > $fd; done;"
        " exit 3",
        timeout=20,
    )
    assert (done.status, done.exit_code) == (Status.EXITED, 3)
    assert done.output.startswith(b"ready sealed\n")
    assert (await box.exec(["echo", "next"])).output == b"next\n"


async def test_killing_everything_ends_itself_only(box):
    done = await box.exec("kill -9 -1; sleep 5")
    assert done.status in {Status.KILLED, Status.EXITED}
    assert (await box.exec(["echo", "next"])).output == b"next\n"


async def test_stopping_everything_does_not_stop_the_clock(box):
    began = time.monotonic()
    done = await box.exec("kill -STOP -1; kill -STOP $$", timeout=1)
    assert not done.ok
    assert time.monotonic() - began < 20
    assert (await box.exec(["echo", "next"])).output == b"next\n"


async def test_a_daemon_does_not_outlive_its_command(box, outside):
    mark = f"4246.{secrets.randbelow(10**9):09}"
    script = (
        "import os, time\n"
        "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        os.closerange(0, 3)\n"
        f"        os.execvp('sleep', ['sleep', '{mark}'])\n    os._exit(0)\n"
        "time.sleep(0.2)\n"
    )
    assert (await box.exec(["python3", "-c", script])).ok
    assert outside.eventually(lambda: outside.processes_with(mark) == [])


async def test_memory_through_files_is_bounded(box):
    done = await box.exec("head -c 2000000000 /dev/zero > /dev/shm/x || exit 1", timeout=60)
    assert not done.ok
    assert (await box.exec("rm -f /dev/shm/x; echo next")).output == b"next\n"


async def test_many_small_files_are_bounded(box):
    script = (
        "import os\nos.makedirs('/tmp/many')\n"
        "for number in range(3_000_000):\n"
        "    with open(f'/tmp/many/{number}', 'w') as file:\n        file.write('x' * 1000)\n"
    )
    done = await box.exec(["python3", "-c", script], timeout=60)
    assert not done.ok
    assert (await box.exec("rm -rf /tmp/many; echo next", timeout=60)).output == b"next\n"


async def test_empty_files_are_bounded(box):
    script = (
        "import os\nos.makedirs('/tmp/many')\n"
        "for number in range(500_000):\n"
        "    os.close(os.open(f'/tmp/many/{number}', os.O_CREAT | os.O_WRONLY))\n"
    )
    done = await box.exec(["python3", "-c", script], timeout=90)
    assert done.status is Status.OUT_OF_DISK or "No space left" in done.text
    assert (await box.exec("rm -rf /tmp/many; echo next", timeout=60)).output == b"next\n"


async def test_folders_beyond_the_longest_path_hide_nothing(box):
    script = (
        "import os\nos.makedirs('/tmp/deep')\nos.chdir('/tmp/deep')\n"
        "for _ in range(30):\n    os.mkdir('d' * 200)\n    os.chdir('d' * 200)\n"
        "for number in range(100_000):\n"
        "    with open(f'/tmp/deep/{number}', 'wb') as file:\n        file.write(bytes(1 << 20))\n"
    )
    done = await box.exec(["python3", "-c", script], timeout=60)
    assert done.status is Status.OUT_OF_DISK or "No space left" in done.text
    assert (await box.exec("rm -rf /tmp/deep; echo next", timeout=60)).output == b"next\n"


async def test_endless_and_huge_lines_and_escapes_are_bounded_bytes(box):
    endless = await box.exec("yes | tr -d '\\n'", timeout=2)
    assert endless.status is Status.TIMED_OUT
    assert len(endless.output) <= 100_000 < endless.omitted
    escapes = b"\x1b]0;pwned\x07\x1b[2J\x1b[31m\x9b\r\x08\x00\xff"
    assert (await box.exec(["printf", "".join(f"\\{byte:03o}" for byte in escapes)])).output == escapes


async def test_no_ground_under_its_feet(box):
    await box.exec("mkdir /tmp/gone")
    assert not (await box.exec("rmdir /tmp/gone; ls /tmp/gone/x", cwd="/tmp/gone")).ok
    with pytest.raises(SandboxError, match="/tmp/gone"):
        await box.exec(["true"], cwd="/tmp/gone")
    await box.exec("rm -rf /testbed /testbed/.[!.]* / --no-preserve-root 2>/dev/null; true", timeout=60)
    assert (await box.exec(["echo", "next"], cwd="/")).output == b"next\n"
    with contextlib.suppress(SandboxError):  # where the folder itself could be removed
        assert "deleted file mode" in await box.diff()


async def test_links_out_of_the_repository_lead_nowhere(box):
    await box.exec(
        "ln -s /etc/shadow shadow; ln -s /etc/passwd passwd; ln -s / everything; ln -s /etc newfolder;"
        " rm -f readme.txt; ln -s /etc/shadow readme.txt"
    )
    for path in ("shadow", "readme.txt", "everything/etc/shadow"):
        with pytest.raises(SandboxFileError):
            await box.read(path)
    for path in ("passwd", "newfolder/file", "everything/etc/file"):
        with pytest.raises(SandboxFileError):
            await box.write(path, b"x")
    patch = await box.diff()
    assert "root:" not in patch
    assert "+/etc/shadow" in patch


async def test_what_it_tells_git_is_not_heard(box, root):
    marker = "/tmp/pwned"
    run = f"touch {marker}; cat"
    settings = (
        "core.fsmonitor",
        "core.pager",
        "core.sshCommand",
        "filter.evil.clean",
        "filter.evil.smudge",
        "diff.evil.textconv",
        "diff.evil.command",
        "diff.external",
    )
    configure = "; ".join(f"git config {name} '{run}'" for name in settings)
    await box.exec(
        f"{configure}; git config core.hooksPath /tmp/hooks; mkdir /tmp/hooks bin;"
        " printf '#!/bin/sh\\ntouch /tmp/pwned\\n' > /tmp/hooks/pre-commit; cp /tmp/hooks/pre-commit git;"
        " cp /tmp/hooks/pre-commit /tmp/hooks/post-index-change; chmod +x /tmp/hooks/* git;"
        " echo '* filter=evil diff=evil' > .gitattributes; cp .git/config $HOME/.gitconfig;"
        f" echo changed >> readme.txt; rm -f {marker}"
    )
    patch = await box.diff()
    assert "+changed" in patch
    await box.apply_patch("--- a/latin2.txt\n+++ b/latin2.txt\n@@ -0,0 +1 @@\n+new\n")
    assert not (await box.exec(["test", "-e", marker])).ok
    assert not (await asyncio.to_thread(os.path.lexists, marker))  # on the host
    await box.exec("rm -rf .git; ln -s /etc .git")
    assert "+changed" in await box.diff()
