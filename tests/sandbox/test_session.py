"""A session over a sandbox: what lasts from one text to the next."""

from __future__ import annotations

import pytest

from sandbox.base import Status
from sandbox.session import Session


@pytest.fixture
def session(box):
    return Session(box)


async def test_the_folder_and_exported_variables_last(session):
    assert (
        await session.run("cd pkg; export A='one\n\"two\" $x'; B=2; set -e; pwd")
    ).text == "/testbed/pkg\n"
    shown = await session.run('pwd; printf %s "$A"; echo "[$B]"; false; echo on')
    assert shown.text == '/testbed/pkg\none\n"two" $x[]\non\n'
    assert (await session.run("unset A; cd ..")).ok
    assert (await session.run("pwd; env | grep -c ^A=")).text == "/testbed\n0\n"


async def test_exit_codes_and_ends_of_all_kinds_keep_the_state(session):
    assert (await session.run("cd pkg; exit 7")).exit_code == 7
    assert (await session.run("pwd; cd /tmp; no-such-program")).exit_code == 127
    assert (await session.run("pwd; cd /; (exit 3); ")).text == "/tmp\n"
    killed = await session.run("cd /usr; kill -9 $$")
    assert killed.status is Status.KILLED
    timed_out = await session.run("cd /usr; sleep 60", timeout=1)
    assert timed_out.status is Status.TIMED_OUT
    assert (await session.run("if then")).exit_code != 0
    assert (await session.run("pwd")).text == "/usr\n"  # asked to end, it could still leave its state


async def test_a_folder_that_is_gone_is_said(session):
    await session.run("mkdir /tmp/d; cd /tmp/d; rmdir /tmp/d")
    shown = await session.run("pwd")
    assert shown.text == "[the folder of the last command is gone: back in /testbed]\n/testbed\n"


async def test_long_texts_and_texts_with_quotes(session):
    long = "echo 'it\"s' # " + "x" * 200_000
    assert (await session.run(f"cd pkg\n{long}")).text == 'it"s\n'
    assert (await session.run("cat <<'END'\n$x `y`\nEND\npwd")).text == "$x `y`\n/testbed/pkg\n"


async def test_a_broken_state_is_not_in_the_way(session):
    await session.run("cd pkg; echo 'exit 9 ((' > /tmp/.session; chmod 000 /tmp/.session")
    assert (await session.run("echo fine")).ok


async def test_a_text_under_set_e_ends_with_its_own_code(session):
    assert (await session.run("set -eu; export A=1; cd /tmp; exit 7")).exit_code == 7
    assert (await session.run("set -e; echo $A $PWD; false; echo no")).text == "1 /tmp\n"
    assert (await session.run("set -a; B=2")).exit_code == 0
    assert (await session.run("echo $A$B $SHLVL")).text == "12 1\n"
