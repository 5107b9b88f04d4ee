"""What every sandbox promises about commands: arguments, output, time, and their end."""

from __future__ import annotations

import asyncio
import hashlib
import resource
import secrets
import time

import pytest

from sandbox.base import SandboxError, SandboxGoneError, Status


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


async def test_only_programs_are_found(box):
    for word in ("cd", "export", ":", "alias", "if", "no/such", "/nowhere/x", "readme.txt"):
        done = await box.exec([word, "/"])
        assert (done.status, done.exit_code, done.output) == (Status.NOT_FOUND, 127, b""), word
    closed = await box.exec(["./readme.txt"])
    assert (closed.status, closed.exit_code) == (Status.EXITED, 126)
    assert (await box.exec(["echo", "$PATH", "*"])).output == b"$PATH *\n"
    await box.exec(
        "mkdir '/tmp/b*n'; printf '#!/bin/sh\\necho $0 $*' > '/tmp/b*n/mine'; chmod +x /tmp/b*n/mine"
    )
    found = await box.exec(["mine", "a"], env={"PATH": "::/nowhere:/tmp/b*n:/bin"})
    assert found.output == b"/tmp/b*n/mine a\n"
    assert (await box.exec(["mine"], env={"PATH": ""})).status is Status.NOT_FOUND


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


async def test_output_is_bounded_while_it_is_produced(box):
    size = 200_000_000
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


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def test_output_can_be_bounded_by_the_call(box):
    done = await box.exec("seq 1 1000", output=20)
    assert (len(done.output), done.omitted) == (20, 3893 - 20)


async def test_a_user_that_does_not_exist_is_the_callers_mistake(box):
    assert (await box.exec(["true"], user="agent")).ok
    with pytest.raises(SandboxError, match="no user 'nobody-knows'"):
        await box.exec(["true"], user="nobody-knows")


async def test_a_folder_that_does_not_exist_is_said(box):
    with pytest.raises(SandboxError, match="/testbed/nowhere"):
        await box.exec(["true"], cwd="nowhere")
    assert (await box.exec(["true"])).ok


async def test_long_arguments_and_odd_variables_arrive(box):
    text = 'x\'y\n"$(id)" ' * 6_000
    done = await box.exec(["printf", "%s", text], output=1 << 20, env={"a-b": "1", "C": "two\nlines"})
    assert done.text == text
    shown = await box.exec(["printenv", "a-b", "C"], env={"a-b": "1", "C": "two\nlines"})
    assert shown.text == "1\ntwo\nlines\n"


async def test_it_says_whether_it_lives(box):
    assert await box.alive()
    await box.close()
    assert not await box.alive()
