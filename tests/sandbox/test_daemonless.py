"""What is particular to the daemonless sandbox: faults, other users, fallbacks, speed of the seal."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sandbox.base import Limits, Root, SandboxError, SandboxGoneError, Status

HOME = Path(__file__).parent.parent.parent


@pytest.fixture
def kind():
    return "daemonless"


@pytest.fixture
async def box(daemonless, root):
    return await daemonless.start(root, Limits(memory=512 << 20, processes=64, disk=48 << 20))


def _zygotes(outside) -> list[int]:
    direct = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return [int(pid) for pid in direct if int(pid) in outside.processes_with("zygote.py")]


async def test_a_killed_warden_is_a_sandbox_that_is_gone(box, daemonless, root, outside):
    running = asyncio.create_task(box.exec(["sleep", "77.0123"]))
    while not outside.processes_with("77.0123"):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    (zygote,) = _zygotes(outside)
    warden = outside.descendants(zygote)[0]
    os.kill(warden, signal.SIGKILL)
    with pytest.raises(SandboxGoneError):
        await running
    with pytest.raises(SandboxGoneError):
        await box.exec("true")
    assert outside.eventually(lambda: outside.processes_with("77.0123") == [])
    await box.close()
    assert (await (await daemonless.start(root)).exec("true")).ok


async def test_a_killed_zygote_ends_its_sandboxes_and_is_replaced(box, daemonless, root, outside):
    (zygote,) = _zygotes(outside)
    os.kill(zygote, signal.SIGKILL)
    assert outside.eventually(lambda: outside.descendants(zygote) == [])
    with pytest.raises(SandboxGoneError):
        await box.exec("sleep 30")
    assert (await (await daemonless.start(root)).exec("true")).ok


async def test_thirty_two_at_once(daemonless, root):
    boxes = await asyncio.gather(*(daemonless.start(root) for _ in range(32)))
    for number, done in enumerate(
        await asyncio.gather(*(box.exec(f"echo {n} > n; sleep 0.2; cat n") for n, box in enumerate(boxes)))
    ):
        assert done.text == f"{number}\n"


async def test_commands_of_one_sandbox_run_at_once(box):
    began = time.monotonic()
    done = await asyncio.gather(*(box.exec("sleep 1; echo x >> all") for _ in range(8)))
    assert all(result.ok for result in done)
    assert time.monotonic() - began < 7
    assert (await box.read("all")) == b"x\n" * 8


async def test_a_pipe_that_is_handed_on_is_not_waited_for(box):
    """A second command of the same sandbox keeps the first one's output open; the first ends all the same."""
    keep = (
        "import socket, time; s = socket.socket(socket.AF_UNIX); s.bind('\\0keep'); s.listen();"
        "c, _ = s.accept(); m, f, *_ = socket.recv_fds(c, 1, 1); c.send(b'x'); time.sleep(30)"
    )
    give = (
        "import socket, time\nwhile True:\n  try:\n"
        "    s = socket.socket(socket.AF_UNIX); s.connect('\\0keep'); break\n"
        "  except OSError: time.sleep(0.05)\n"
        "socket.send_fds(s, [b'x'], [1]); s.recv(1); print('given')"
    )
    holder = asyncio.create_task(box.exec(["python3", "-c", keep]))
    done = await box.exec(["python3", "-c", give], timeout=20)
    assert (done.status, done.output) == (Status.EXITED, b"given\n")
    assert not holder.done()
    holder.cancel()
    with pytest.raises(asyncio.CancelledError):
        await holder


async def test_a_folder_that_is_missing_is_said(box):
    with pytest.raises(SandboxError, match="nowhere: No such file"):
        await box.exec("true", cwd="nowhere")


async def test_what_it_cannot_start_from(daemonless, root, tmp_path):
    with pytest.raises(SandboxError, match="cannot start from"):
        await daemonless.start(Root(tree=tmp_path / "no", git_dir=root.git_dir, base_commit=""))
    for workdir in ("/", "relative", "/a/../.."):
        with pytest.raises(SandboxError, match="no place inside"):
            await daemonless.start(Root(root.tree, root.git_dir, "", workdir=workdir))


async def test_an_unchanged_sandbox_shares_its_layers(box, daemonless):
    await box.exec("echo x > x")
    first, second = await box.snapshot(), await box.snapshot()
    assert len(list((daemonless._scratch / "layers").iterdir())) == 1
    assert first.token != second.token


async def test_mounts_inside_the_working_folder_and_hostile_snapshots(daemonless, root):
    box = await daemonless.start(root)
    await box.exec("ln -s /tmp inputs; ln -s /layers /tmp/x")
    frozen = await box.snapshot()
    mounted = Root(
        root.tree, root.git_dir, root.base_commit, mounts={"/testbed/inputs": root.mounts["/opt/inputs"]}
    )
    with pytest.raises(SandboxError, match="mounting /testbed/inputs"):
        await daemonless.start(type(frozen)(mounted, frozen.token))
    fresh = await daemonless.start(mounted)
    assert (await fresh.exec("cat inputs/data.txt")).text == "from the host\n"


async def test_the_tree_of_the_host_is_not_touched(box, root):
    before = subprocess.check_output(["ls", "-laR", "--full-time", root.tree])  # noqa: ASYNC221
    await box.exec('find . -type f -exec sh -c \'echo x >> "$1"; chmod 777 "$1"\' _ {} \\; ; rm -rf pkg .git')
    assert subprocess.check_output(["ls", "-laR", "--full-time", root.tree]) == before  # noqa: ASYNC221


async def test_files_with_holes_and_links_are_copied_as_such(box):
    await box.exec(
        "truncate -s 40M hole; echo end >> hole; echo l > one; ln one two; setfattr -n user.x -v y one || :"
    )
    fork = await box.fork()
    shown = await fork.exec(
        "stat -c '%s %h' hole one; du -k hole | cut -f1; tail -c4 hole; test one -ef two && echo same"
    )
    assert shown.text.split() == ["41943044", "1", "2", "2", "4", "end", "same"]


_SCRIPT = """
import asyncio, json, sys, os
sys.path.append(sys.argv[1])
from pathlib import Path
from sandbox.base import Limits, Root
from sandbox.daemonless.host import DaemonlessHost

async def main():
    facts = json.loads(sys.argv[2])
    host = DaemonlessHost()
    root = Root(Path(facts["tree"]), Path(facts["git_dir"]), facts["commit"])
    box = await host.start(root, Limits(memory=1 << 30, processes=40, disk=48 << 20))
    if facts["then"] == "wait":
        running = asyncio.create_task(box.exec(["sleep", facts["mark"]]))
        await asyncio.sleep(0.5)
        print("ready", flush=True)
        await running
    who = await box.exec("id -u; grep CapEff /proc/self/status")
    seen = {"outside": os.getuid(), "inside": who.text}
    await box.exec("echo x >> readme.txt; rm -r pkg; mkdir pkg; echo n > pkg/n")
    fork = await box.fork()
    seen["fork"] = (await fork.exec("ls pkg; tail -n1 readme.txt")).text
    seen["same"] = await fork.diff() == await box.diff() != ""
    seen["bomb"] = (await box.exec(": ; b() { b | b & }; b; sleep 1", timeout=3)).status
    seen["memory"] = (await box.exec(["python3", "-c", "b'x' * (3 << 30)"])).ok
    seen["disk"] = (await box.exec("head -c 100000000 /dev/zero > big")).ok
    seen["host"] = (await box.exec(["test", "-e", facts["tree"]])).ok
    seen["etc"] = (await box.exec("rm -rf /bin /etc/passwd; test -e /bin -a -e /etc/passwd")).ok
    seen["alive"] = (await box.exec("rm -f big; true")).ok
    await host.close()
    print(json.dumps(seen))

asyncio.run(main())
"""


def run_script(
    then: str, root: Root, folder: Path, mark: str = "", user: int | None = None
) -> subprocess.Popen[str]:
    facts = {"tree": str(root.tree), "git_dir": str(root.git_dir), "commit": root.base_commit}
    python = sys.executable if user is None else "/usr/bin/python3"
    return subprocess.Popen(
        [python, "-B", "-c", _SCRIPT, str(HOME), json.dumps({**facts, "then": then, "mark": mark})],
        stdout=subprocess.PIPE,
        text=True,
        env={"TMPDIR": str(folder), "PATH": "/usr/bin:/bin"},
        **({} if user is None else {"user": user, "group": user, "extra_groups": []}),
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_an_ordinary_user_gets_the_same_seal(root, tmp_path_factory):
    version = subprocess.run(["/usr/bin/python3", "-V"], capture_output=True, text=True)
    if version.returncode or tuple(map(int, version.stdout.split()[1].split(".")[:2])) < (3, 11):
        pytest.skip("the system's Python is older than 3.11")
    nobody = 65534
    with _readable_folder() as folder:
        subprocess.run(["cp", "-a", root.tree, root.git_dir, folder], check=True)
        subprocess.run(["chown", "-R", f"{nobody}:{nobody}", folder], check=True)
        theirs = Root(folder / "tree", folder / "base.git", root.base_commit)
        with run_script("end", theirs, folder, user=nobody) as child:
            out, _ = child.communicate(timeout=90)
        left = [path.name for path in folder.iterdir()]
    seen = json.loads(out)
    assert seen["outside"] == nobody
    assert seen["inside"].split() == ["1000", "CapEff:", "0" * 16]
    assert seen["fork"] == "n\nx\n"
    assert seen["same"] is True
    assert (seen["memory"], seen["disk"], seen["host"], seen["etc"], seen["alive"]) == (
        False,
        False,
        False,
        True,
        True,
    )
    assert sorted(left) == ["base.git", "tree"]


def test_a_host_killed_outright_leaves_nothing(root, outside, tmp_path):
    mark = f"4250.{os.getpid():09}"
    with run_script("wait", root, tmp_path, mark) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        below = outside.descendants(child.pid)
        assert len(below) >= 3
        assert outside.processes_with(mark)
        child.kill()
    assert outside.eventually(lambda: outside.processes_with(mark)[1:] == [] and not _alive(below))
    assert list(tmp_path.glob("mangabey-*"))  # a folder may stay: the next host sweeps it
    with run_script("end", root, tmp_path) as child:
        child.communicate(timeout=90)
    assert list(tmp_path.iterdir()) == []
    assert list(Path("/sys/fs/cgroup").glob(f"*/**/mangabey-{child.pid}-*")) == []


def _alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


class _readable_folder:  # noqa: N801
    """A temporary folder that other users can reach."""

    def __enter__(self) -> Path:
        import tempfile

        self.path = Path(tempfile.mkdtemp(dir="/tmp"))
        self.path.chmod(0o755)
        return self.path

    def __exit__(self, *error: object) -> None:
        import shutil

        shutil.rmtree(self.path, ignore_errors=True)


async def test_the_filter_refuses_what_no_build_needs(box):
    script = """
import ctypes, errno, os, socket
libc = ctypes.CDLL(None, use_errno=True)
numbers = {
    "x86_64": dict(bpf=321, userfaultfd=323, io_uring_setup=425, keyctl=250, unshare=272, mount=165),
    "aarch64": dict(bpf=280, userfaultfd=282, io_uring_setup=425, keyctl=219, unshare=97, mount=40),
}
for name, number in numbers.get(os.uname().machine, {}).items():
    assert libc.syscall(number, 0, 0, 0, 0, 0) == -1, name
    assert ctypes.get_errno() in (errno.EPERM, errno.ENOSYS), (name, ctypes.get_errno())
for family in (40, 38, 17, 15):
    try:
        socket.socket(family, socket.SOCK_STREAM)
    except PermissionError:
        continue
    raise SystemExit(f"family {family} is open")
socket.socketpair(); socket.socket(socket.AF_INET6); socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)
import threading, multiprocessing
thread = threading.Thread(target=print, args=("threads",)); thread.start(); thread.join()
print("done")
"""
    done = await box.exec(["python3", "-c", script])
    assert done.text == "threads\ndone\n"


async def test_a_command_does_not_see_the_warden_or_other_commands(box):
    slow = asyncio.create_task(box.exec("sleep 3"))
    await asyncio.sleep(0.3)
    shown = await box.exec(
        ["python3", "-c", "import os; print(*[p for p in os.listdir('/proc') if p.isdigit()])"]
    )
    assert len(shown.text.split()) == 1
    assert (
        await box.exec("kill -9 1 2> /dev/null; kill -9 -1 2> /dev/null; echo still", timeout=5)
    ).text == "still\n"
    assert (await slow).ok


_TRY = """
import asyncio, sys
from pathlib import Path
sys.path.append(sys.argv[1])
from sandbox.base import Root
from sandbox.hosts import open_host

async def main():
    host = open_host("daemonless")
    try:
        box = await host.start(Root(Path(sys.argv[2]), Path(sys.argv[3]), ""))
        print((await box.exec("id -u; touch new; ls new")).text.split())
    except Exception as error:
        print(type(error).__name__, error)
    finally:
        await host.close()

asyncio.run(main())
"""


def _in_a_user_namespace(before: str, root: Root, folder: Path) -> str:
    script = f'{before} exec "$0" -B -c "$@"'
    arguments = [sys.executable, _TRY, str(HOME), str(root.tree), str(root.git_dir)]
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "sh", "-c", script, *arguments],
        capture_output=True,
        text=True,
        env={"TMPDIR": str(folder), "PATH": os.environ["PATH"]},
        timeout=60,
    )
    if done.returncode:
        pytest.skip(f"no user namespaces here: {done.stderr.strip()}")
    return done.stdout.strip()


def test_it_works_for_the_root_of_a_container(root, tmp_path):
    assert _in_a_user_namespace("", root, tmp_path) == "['1000', 'new']"


def test_where_namespaces_are_refused_it_says_what_to_enable(root, tmp_path):
    said = _in_a_user_namespace("echo 0 > /proc/sys/user/max_user_namespaces;", root, tmp_path)
    assert said.startswith("SandboxUnavailableError this machine refuses namespaces")
    assert "sysctl -w user.max_user_namespaces=10000" in said
    assert "--sandbox docker" in said
    assert list(tmp_path.iterdir()) == []
