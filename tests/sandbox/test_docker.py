"""What is Docker's own: faults from outside, sweeping, images without the usual tools."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from sandbox.base import Limits, SandboxError, SandboxGoneError, Status
from sandbox.contract.fixtures import IMAGE, LIMITS
from sandbox.docker import containers
from sandbox.docker.host import DockerHost
from sandbox.docker.line import Line
from sandbox.docker.sweep import abandoned
from sandbox.owners import boot, new_name

pytestmark = pytest.mark.docker


@pytest.fixture
def kind():
    return "docker"


@pytest.fixture(autouse=True)
def _needs_docker(needs_docker):
    """Skip where there is none."""


async def test_a_broken_stream_is_mended(box):
    await box.exec("echo kept > kept")
    await box._vessel.line.close()
    assert (await box.exec("cat kept")).text == "kept\n"


async def test_a_stream_is_mended_when_all_that_ran_is_dead(box, monkeypatch):
    said = []
    answer = Line.answer

    async def heard(line, nonce, feed):
        said.append(await answer(line, nonce, feed))
        return said[-1]

    monkeypatch.setattr(Line, "answer", heard)
    for _ in range(8):
        await box._vessel.line.close()
        await box._vessel.reconnect()
        assert said[-1].left == 0
    assert len(said) >= 8


async def test_a_stream_that_breaks_under_a_command_ends_it_and_says_so(box, outside):
    mark = f"4250.{time.monotonic_ns() % 10**9:09}"
    running = asyncio.create_task(box.exec(["sleep", mark]))
    while not outside.processes_with(mark):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    await box._vessel.line.close()
    with pytest.raises(SandboxError, match="broke while a command ran") as caught:
        await running
    assert not isinstance(caught.value, SandboxGoneError)
    assert outside.eventually(lambda: outside.processes_with(mark) == [])
    assert (await box.exec(["echo", "next"])).output == b"next\n"


@pytest.mark.parametrize("fault", ["remove", "kill", "pause"])
async def test_a_container_that_is_gone_is_told_apart(box, host, root, engine, fault, monkeypatch):
    monkeypatch.setattr("sandbox.docker.command._ENDING", 2.0)
    container = engine.containers.get(box.container)
    if fault == "pause":
        container.pause()
    else:
        container.remove(force=True) if fault == "remove" else container.kill()
    with pytest.raises(
        SandboxGoneError, match={"remove": "gone|removed", "kill": "ended", "pause": "paused"}[fault]
    ):
        await box.exec(["true"], timeout=1)
    assert not await box.alive()
    await box.close()
    assert (await (await host.start(root)).exec(["true"])).ok


async def test_a_container_removed_under_a_command(box, engine, outside):
    mark = f"4251.{time.monotonic_ns() % 10**9:09}"
    running = asyncio.create_task(box.exec(["sleep", mark]))
    while not outside.processes_with(mark):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    engine.containers.get(box.container).remove(force=True)
    with pytest.raises(SandboxGoneError):
        await running


async def test_an_image_that_was_deleted_is_said(box, host, root, engine):
    await box.exec("echo kept > kept")
    frozen = await box.snapshot()
    image = box._vessel.shape.image
    with pytest.raises(docker.errors.APIError, match="being used"):  # the engine keeps what runs
        engine.images.remove(image, force=True)
    await box.close()
    await host._spares.close()
    engine.images.remove(image, force=True)
    with pytest.raises(SandboxError, match="image"):
        await host.start(frozen, LIMITS)


async def test_many_starts_at_once(host, root):
    await host.start(root, LIMITS)
    async with asyncio.TaskGroup() as group:
        boxes = [group.create_task(host.start(root, LIMITS)) for _ in range(24)]
    async with asyncio.TaskGroup() as group:
        done = [group.create_task(box.result().exec("echo $((6 * 7))")) for box in boxes]
    assert {one.result().text for one in done} == {"42\n"}


async def test_root_has_no_capabilities_and_what_it_changes_is_carried(host, root):
    box = await host.start(root, LIMITS)
    shown = await box.exec(
        "id -u; grep -E '^Cap(Eff|Bnd|Prm)' /proc/self/status; echo x > /etc/made-by-root", user="root"
    )
    assert shown.text.splitlines()[0] == "0"
    assert all(line.endswith("\t0000000000000000") for line in shown.text.splitlines()[1:4])
    fork = await box.fork()
    assert (await fork.exec(["cat", "/etc/made-by-root"])).text == "x\n"


async def test_the_labels_and_limits_of_a_container(root, engine):
    host = DockerHost({"mangabey.issue": "an-issue"})
    try:
        box = await host.start(root, replace(LIMITS, cpus=0.5))
        found = engine.containers.get(box.container)
        assert found.labels["mangabey.issue"] == "an-issue"
        assert found.labels[containers.BOOT] == boot()
        assert f"-{os.getpid()}-" in found.labels[containers.OWNER]
        assert int(found.labels[containers.EXPIRES]) > time.time() + 3600
        settings = found.attrs["HostConfig"]
        assert settings["NetworkMode"] == "none"
        assert (settings["Memory"], settings["MemorySwap"]) == (LIMITS.memory, LIMITS.memory)
        assert settings["CpuQuota"] / settings["CpuPeriod"] == 0.5
        assert settings["Init"] is True
        assert all(not mount["RW"] for mount in found.attrs["Mounts"] if mount["Type"] == "bind")
    finally:
        await host.close()
    assert (
        engine.containers.list(all=True, ignore_removed=True, filters={"label": "mangabey.issue=an-issue"})
        == []
    )
    assert engine.images.list(filters={"label": "mangabey.issue=an-issue"}) == []


_KILLED = """
import asyncio, json, os, signal, sys
from pathlib import Path
from sandbox.base import Root
from sandbox.docker.host import DockerHost

async def main():
    facts = json.loads(sys.argv[1])
    root = Root(Path(facts["tree"]), Path(facts["git"]), facts["commit"], image=facts["image"])
    box = await DockerHost({"mangabey.issue": facts["issue"]}).start(root)
    await box.write("x", b"y")
    await box.fork()
    print("ready", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_what_a_killed_process_leaves_is_swept_at_the_next_start(root, engine):
    issue = new_name()
    facts = {
        "tree": str(root.tree),
        "git": str(root.git_dir),
        "commit": root.base_commit,
        "image": IMAGE,
        "issue": issue,
    }
    home = str(Path(__file__).parents[2])
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _KILLED,
        json.dumps(facts),
        env={**os.environ, "PYTHONPATH": home},
        cwd="/",
        stdout=subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert (out, process.returncode) == (b"ready\n", -signal.SIGKILL)
    mine = {"label": f"mangabey.issue={issue}"}
    assert engine.containers.list(all=True, ignore_removed=True, filters=mine)
    host = DockerHost()
    try:
        await host.start(root, LIMITS)
    finally:
        await host.close()
    assert engine.containers.list(all=True, ignore_removed=True, filters=mine) == []
    assert engine.images.list(filters=mine) == []


def test_only_what_is_ours_and_dead_is_swept():
    dead = f"mangabey-{2**22 + 1}-1-aa"
    future, past = str(int(time.time()) + 1000), str(int(time.time()) - 1000)
    assert abandoned({containers.OWNER: dead, containers.BOOT: boot(), containers.EXPIRES: future})
    assert not abandoned({containers.OWNER: new_name(), containers.BOOT: boot(), containers.EXPIRES: past})
    assert not abandoned({containers.OWNER: dead, containers.BOOT: "another", containers.EXPIRES: future})
    assert abandoned({containers.OWNER: dead, containers.BOOT: "another", containers.EXPIRES: past})
    assert not abandoned({"another": "label"})


async def test_an_image_with_nothing_but_a_posix_shell(root, engine, busybox, caplog):
    host = DockerHost()
    try:
        box = await host.start(replace(root, image=busybox, mounts={}), Limits())
        assert "has no setpriv" in caplog.text
        shown = await box.exec(["/bin/sh", "-c", "id -u; pwd; cat readme.txt; exit 3"])
        assert (shown.exit_code, shown.text.splitlines()[:2]) == (3, ["1000", "/testbed"])
        await box.write("new", b"x" * 100_000)
        assert await box.read("new") == b"x" * 100_000
        slow = await box.exec(["/bin/sh", "-c", "sleep 60 & sleep 60"], timeout=0.5)
        assert slow.status is Status.TIMED_OUT
        assert (await box.exec(["no-such-program"])).status is Status.NOT_FOUND
        fork = await box.fork()
        assert await fork.read("new") == b"x" * 100_000
        with pytest.raises(SandboxError, match="no user 'root'"):
            await box.exec(["true"], user="root")
    finally:
        await host.close()


@pytest.fixture(scope="session")
def busybox(tmp_path_factory):
    """An image of one static program."""
    binary = next((path for path in map(Path, ("/bin/busybox", "/usr/bin/busybox")) if path.exists()), None)
    if binary is None:
        pytest.skip("busybox-static is not installed")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for folder in ("bin", "tmp", "run", "etc", "proc", "sys", "dev"):
            member = tarfile.TarInfo(folder)
            member.type, member.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            archive.addfile(member)
        archive.add(binary, "bin/busybox")
        applets = subprocess.run(
            [binary, "--list"], capture_output=True, text=True, check=True
        ).stdout.split()
        for applet in applets:
            if applet != "busybox":
                member = tarfile.TarInfo(f"bin/{applet}")
                member.type, member.linkname = tarfile.SYMTYPE, "busybox"
                archive.addfile(member)
    client = docker.from_env(timeout=60)
    packed.seek(0)
    client.api.import_image_from_data(packed.getvalue(), repository="mangabey/test-busybox", tag="1")
    yield "mangabey/test-busybox:1"
    client.images.remove("mangabey/test-busybox:1", force=True)
    client.close()


async def test_input_that_is_larger_than_the_disk_is_refused_and_gives_no_orders(host, root, monkeypatch):
    monkeypatch.setattr("sandbox.docker.command._ENDING", 1.0)
    monkeypatch.setattr("sandbox.docker.vessel._SILENCE", 1.0)
    box = await host.start(root, replace(LIMITS, disk=16 << 20))
    with pytest.raises(SandboxError, match="larger"):
        await box.write("/tmp/f", bytes(17 << 20))
    assert (await box.exec(["true"])).ok
    order = b"run 00 agent %d 0 true\n" % (17 << 20) + bytes(17 << 20) + b"\nrun 0 root 0 0 id > /pwned\n"
    await box._vessel.line.send(order)
    with pytest.raises(SandboxGoneError):
        await box.exec(["true"], timeout=1)
    assert not await box.alive()


async def test_what_a_command_does_to_its_output_does_not_outlive_it(box):
    block = "import os, fcntl; fcntl.fcntl(1, fcntl.F_SETFL, os.O_NONBLOCK)"
    filled = await box.exec(
        ["python3", "-c", f"{block}\ntry:\n while 1: os.write(1, b'x' * 65536)\nexcept OSError: 0"]
    )
    assert filled.ok
    assert len((await box.exec("head -c 3000000 /dev/zero | cat", output=1 << 22)).output) == 3000000
    assert (await box.exec("echo out > /dev/stdout; echo err > /dev/stderr")).text == "out\nerr\n"


async def test_answers_that_come_too_late_are_nobodys_output(box, engine, monkeypatch):
    monkeypatch.setattr("sandbox.docker.command._ENDING", 1.0)
    container = engine.containers.get(box.container)
    container.pause()
    with pytest.raises(SandboxGoneError):
        await box.exec(["true"], timeout=0.5)
    container.unpause()
    assert (await box.exec(["echo", "new"])).output == b"new\n"


async def test_codes_and_words_that_look_like_others(box):
    assert [(await box.exec(["sh", "-c", f"exit {code}"])).exit_code for code in (127, 129, 200, 255)] == [
        127,
        129,
        200,
        255,
    ]
    killed = await box.exec("kill -SEGV $$")
    assert (killed.status, killed.exit_code) == (Status.KILLED, -11)
    token = "t=$(sed -n \"s/.*printf %s '\\([0-9a-f]*\\) cd'.*/\\1/p\" /run/mangabey/script)"
    forged = f'{token}; printf %s "$t cd"; exit 127'
    assert (await box.exec(forged)).exit_code == 127
    assert (await box.exec(["printf", "%s", "a\nb"], env={"n": "X", "__n": "Y"})).output == b"a\nb"
    with pytest.raises(SandboxError, match="half of a character"):
        await box.exec("echo \ud800")


async def test_closing_while_something_starts_leaves_nothing(root, engine):
    host = DockerHost()
    starting = asyncio.create_task(host.start(root, LIMITS))
    await asyncio.sleep(0.2)
    starting.cancel()
    await host.close()
    await asyncio.gather(starting, return_exceptions=True)
    other = DockerHost()
    box = await other.start(root, LIMITS)
    frozen = await box.snapshot()
    restoring = asyncio.create_task(box.restore(frozen))
    await asyncio.sleep(0)
    await other.close()
    await asyncio.gather(restoring, return_exceptions=True)
    owners = {host._marks[containers.OWNER], other._marks[containers.OWNER]}
    left = engine.containers.list(all=True, ignore_removed=True, filters={"label": containers.OWNER})
    assert [one for one in left if one.labels[containers.OWNER] in owners] == []


async def test_a_missing_tree_is_said_each_time(host, root, tmp_path):
    for _ in range(2):
        with pytest.raises(SandboxError, match="cannot start from"):
            await host.start(replace(root, tree=tmp_path / "missing"), LIMITS)


async def test_more_than_a_small_memory_takes_at_a_time_is_forked_all_the_same(host, root):
    box = await host.start(root, replace(LIMITS, memory=96 << 20, disk=512 << 20))
    assert (await box.exec("head -c 60000000 /dev/urandom > large")).ok
    fork = await box.fork()
    shown = [(await one.exec("sha256sum large")).text for one in (box, fork)]
    assert shown[0] == shown[1]
    assert shown[0].endswith("  large\n")
