"""The small parts: bounded output, names of orphans, control groups, id maps, the filter's program."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.base import ExecResult, Limits, SandboxError, Status
from sandbox.daemonless import seccomp
from sandbox.daemonless.cgroups import ROOM_FOR_WARDEN, ControlGroup, find_parents, limit, make_in
from sandbox.daemonless.idmap import swap
from sandbox.daemonless.plan import Plan, Report
from sandbox.daemonless.refusals import explain
from sandbox.docker.scripts import script_of
from sandbox.files import LARGEST
from sandbox.hosts import open_host
from sandbox.output import Output
from sandbox.owners import is_orphan, new_name, retire
from sandbox.run import to_environment


@given(st.lists(st.binary(max_size=50)), st.integers(min_value=2, max_value=60))
def test_output_keeps_head_and_tail_and_counts_the_rest(pieces, limit):
    output = Output(limit)
    for piece in pieces:
        output.feed(piece)
        assert len(output._head) + len(output._tail) <= 2 * limit + 50
    whole = b"".join(pieces)
    kept, omitted = output.take()
    assert len(kept) + omitted == len(whole)
    if len(whole) <= limit:
        assert kept == whole
    else:
        assert kept == whole[: limit // 2] + whole[len(whole) - (limit - limit // 2) :]


def test_the_omission_is_marked_where_it_is():
    result = ExecResult(Status.EXITED, 0, b"aabb", omitted=7)
    assert result.text == "aa\n[... 7 bytes omitted ...]\nbb"


def test_only_names_of_dead_owners_are_orphans():
    assert not is_orphan(new_name())
    assert not is_orphan("mangabey-something-else")
    assert not is_orphan("unrelated")
    closed = new_name()
    retire(closed)
    assert is_orphan(closed)
    child = subprocess.run(
        [sys.executable, "-c", "from sandbox.owners import new_name; print(new_name())"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert is_orphan(child.stdout.strip())
    assert is_orphan(f"mangabey-{os.getpid()}-1-abc")  # the number is in use again, by another process


def _mount(kind: str, root: str, point: os.PathLike[str], options: str) -> str:
    return f"30 23 0:26 {root} {point} rw,nosuid - {kind} {kind} rw,{options}\n"


def test_control_groups_of_version_1(tmp_path):
    memory, pids = tmp_path / "memory", tmp_path / "pids"
    (memory / "own").mkdir(parents=True)
    pids.mkdir()
    mounts = _mount("cgroup", "/", memory, "memory") + _mount("cgroup", "/", pids, "pids")
    assert find_parents("4:memory:/own\n8:pids:/\n0::/\n", mounts) == (memory / "own", pids)
    assert find_parents("4:memory:/own\n", mounts.splitlines()[0]) == ()


def test_control_groups_of_version_2_go_where_both_controllers_are_handed_down(tmp_path):
    own = tmp_path / "slice" / "scope"
    own.mkdir(parents=True)
    for folder, controllers in (
        (tmp_path, "cpu memory pids"),
        (tmp_path / "slice", "memory pids"),
        (own, ""),
    ):
        (folder / "cgroup.subtree_control").write_text(controllers)
        (folder / "cgroup.procs").write_text("")
    mounts = _mount("cgroup2", "/", tmp_path, "nsdelegate")
    assert find_parents("0::/slice/scope\n", mounts) == (tmp_path / "slice",)
    (tmp_path / "slice" / "cgroup.subtree_control").write_text("")
    assert find_parents("0::/slice/scope\n", mounts) == (tmp_path,)
    assert find_parents("0::/slice/scope\n", "") == ()
    (tmp_path / "cgroup.procs").unlink()
    assert find_parents("0::/slice/scope\n", mounts) == ()


def test_a_control_group_of_version_2_is_limited_and_counts_kills(tmp_path):
    """On files that only look like a kernel's: no machine of ours has this version for memory."""
    for name in ("memory.max", "memory.swap.max", "pids.max"):
        (tmp_path / name).write_text("max\n")
    assert limit(tmp_path, Limits(memory=1 << 20, processes=10)) == {"memory", "pids"}
    assert (tmp_path / "memory.max").read_text() == "1048576"
    assert (tmp_path / "memory.swap.max").read_text() == "0"
    assert (tmp_path / "pids.max").read_text() == str(10 + ROOM_FOR_WARDEN)
    group = ControlGroup((tmp_path,))
    assert group.out_of_memory_kills() == 0
    (tmp_path / "memory.events").write_text("low 0\nhigh 0\nmax 9\noom 4\noom_kill 3\noom_group_kill 1\n")
    assert group.out_of_memory_kills() == 3
    assert group.entrances == [f"{tmp_path}/cgroup.procs"]


def test_a_control_group_that_limits_nothing_is_none(tmp_path):
    assert make_in((tmp_path,), Limits()) is None
    assert make_in((), Limits()) is None
    assert list(tmp_path.iterdir()) == []


def test_a_control_group_that_is_gone_can_be_removed(tmp_path):
    ControlGroup((tmp_path / "gone",)).remove()


@given(st.integers(0, 100_000), st.integers(0, 100_000), st.integers(0, 100_000))
def test_an_id_map_exchanges_two_ids_and_keeps_the_others(one, other, third):
    spans = [tuple(map(int, line.split())) for line in swap(one, other).splitlines()]

    def mapped(number: int) -> int:
        (found,) = [
            outside + number - inside for inside, outside, count in spans if inside <= number < inside + count
        ]
        return found

    assert (mapped(one), mapped(other)) == (other, one)
    assert third in (one, other) or mapped(third) == third
    assert sum(count for _, _, count in spans) == 2**32 - 1


def _decide(program: bytes, architecture: int, number: int, arguments: tuple[int, ...] = ()) -> int:
    """Run a filter as the kernel would."""
    words = (*arguments, *(0,) * (6 - len(arguments)))
    data = struct.pack("=IIQ6Q", number, architecture, 0, *words)
    code = [struct.unpack_from("=HBBI", program, at) for at in range(0, len(program), 8)]
    at, register = 0, 0
    while True:
        operation, yes, no, value = code[at]
        at += 1
        if operation == 0x06:
            return value
        if operation == 0x20:
            (register,) = struct.unpack_from("=I", data, value)
            continue
        taken = {0x15: register == value, 0x35: register >= value, 0x45: bool(register & value)}[operation]
        at += yes if taken else no


@pytest.mark.parametrize(
    ("machine", "architecture", "mount", "read", "clone", "socket", "ioctl"),
    [("x86_64", 0xC000003E, 165, 0, 56, 41, 16), ("aarch64", 0xC00000B7, 40, 63, 220, 198, 29)],
)
def test_the_filter_decides_as_it_should(machine, architecture, mount, read, clone, socket, ioctl):
    program = seccomp.program(machine)
    assert program is not None
    allow = 0x7FFF0000

    def allowed(number: int, *arguments: int, arch: int = architecture) -> bool:
        return _decide(program, arch, number, arguments) == allow

    assert allowed(read)
    assert not allowed(mount)
    assert not allowed(read, arch=0x40000003)
    assert allowed(clone, 0x01200011)  # fork
    assert allowed(clone, 0x003D0F00)  # a thread
    for flag in (0x00020000, 0x10000000, 0x20000000, 0x40000000, 0x02000000):
        assert not allowed(clone, flag | 17)
    assert not allowed(435)
    assert [family for family in range(50) if allowed(socket, family)] == [1, 2, 10, 16]
    assert not allowed(ioctl, 0, 0x5412)
    assert allowed(ioctl, 0, 0x5401)
    if machine == "x86_64":
        assert not allowed(0x40000000 + read)


def test_an_unknown_machine_has_no_filter():
    assert seccomp.program("pdp11") is None


def _any_plan(user_namespace: bool) -> Plan:
    return Plan("/s", [], "/t", "/w", [], [], 1, 1, 1, 1, user_namespace, False, "kernel", "", [], [])


def test_a_refusal_says_what_to_enable_or_to_use_instead():
    for report in (
        Report(0, "failed", 1, "making namespaces: Operation not permitted"),
        Report(0, "failed", 38, "mounting the root: open_tree: Function not implemented"),
        Report(0, "failed", 13, "mounting a tmpfs: Permission denied"),
    ):
        for namespace in (True, False):
            error = explain(report, _any_plan(namespace))
            assert isinstance(error, OSError)
            assert "--sandbox docker" in str(error)
            assert "\n" not in str(error)
    assert not isinstance(explain(Report(0, "failed", 28, "x: No space left"), _any_plan(True)), ValueError)


def test_an_image_without_overlays_is_said():
    plan = _any_plan(True)._replace(image=["/layer"])
    refused = Report(0, "failed", 22, "mounting an overlay: Invalid argument")
    assert "install fuse-overlayfs" in str(explain(refused, plan))
    assert "fuse-overlayfs" not in str(explain(refused, plan._replace(image=[])))


def test_unknown_hosts_name_the_nearest():
    with pytest.raises(SandboxError, match=r"did you mean daemonless\?.*auto, daemonless, docker"):
        open_host("deamonles")
    with pytest.raises(SandboxError, match="known: auto, daemonless, docker"):
        open_host("x")


def test_the_package_is_light_for_the_wardens():
    script = "import sys, sandbox.daemonless.warden; print(*sys.modules)"
    script = f"import sys; sys.path.append({str(Path(__file__).parents[2])!r}); {script}"
    command = [sys.executable, "-I", "-S", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "sandbox.daemonless.room" in loaded
    assert not loaded & {"asyncio", "dataclasses", "inspect", "pathlib", "subprocess", "sandbox.base"}


def test_limits_and_environment_are_checked(root):
    assert Limits().output == 1 << 20
    assert LARGEST == 64 << 20
    assert to_environment(root, "/home/agent", {"A": "b"})["FROM_ROOT"] == "yes"
    for name, value in (("", "x"), ("a=b", "x"), ("a", "x\0")):
        with pytest.raises(SandboxError):
            to_environment(root, "/home/agent", {name: value})


@pytest.mark.parametrize("engine", [0, 1])
def test_what_is_newer_is_told_by_the_file_that_an_engine_makes(tmp_path, engine):
    """Docker and Podman leave different ones; where there is none nothing may look unchanged."""
    made = [tmp_path / "first", tmp_path / "second"]
    work = tmp_path / "work"
    work.mkdir()
    take = ["sh", "-c", script_of("take"), "take", *made, str(os.getuid()), work]
    assert subprocess.run(take, capture_output=True).returncode != 0
    made[engine].touch()
    time.sleep(0.05)
    (work / "new").write_text("x")
    done = subprocess.run(take, capture_output=True)
    assert done.returncode == 0
    assert str(work / "new").encode() in done.stdout
