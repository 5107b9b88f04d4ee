"""Files that come back without another container, and those that do not."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.docker


@pytest.fixture
def kind():
    return "docker"


@pytest.fixture(autouse=True)
def _needs_docker(needs_docker):
    """Skip where there is none."""


SEEN = (
    "find . /tmp /dev/shm $HOME -path ./.git -prune -o ! -path /tmp ! -path . -printf '%p %y %m %l\\n'"
    " | sort;"
    " sha256sum readme.txt pkg/*"
)


async def test_new_files_go_and_the_container_stays(box):
    await box.exec("echo mine >> readme.txt; mkdir kept; echo t > /tmp/t")
    frozen = await box.snapshot()
    before, home = (await box.exec(SEEN)).text, box.container
    for mess in (
        "echo new > new; mkdir -p a/b/c; echo x > a/b/c/x; ln -s nowhere link-two",
        "touch /tmp/x /dev/shm/y $HOME/z; touch $'two\\nlines' ' -rf'; mkfifo pipe",
        "mkdir deep; cd deep; for n in $(seq 40); do mkdir $(printf %0200d 0) && cd $(printf %0200d 0); done",
        "sleep 100 & disown",
        "true",
    ):
        await box.exec(mess)
        await box.restore(frozen)
        assert (await box.exec(SEEN)).text == before, mess
        assert box.container == home, mess


@pytest.mark.parametrize(
    "change",
    [
        "printf 'FIRST\\nsecond\\nthird\\n' > readme.txt; touch -r latin.txt readme.txt",
        "touch -r readme.txt /tmp/times; sed -i s/first/FIRST/ readme.txt; touch -r /tmp/times readme.txt",
        "python3 -c \"import mmap; f = open('readme.txt', 'r+b'); m = mmap.mmap(f.fileno(), 0); m[0] = 65\"",
        "rm pkg/gone.py",
        "mv pkg other; mkdir pkg; cp other/* pkg; rm -r other",
        "chmod 700 pkg",
        "ln -sf latin.txt link",
        "ln readme.txt hard; rm hard",
        "mkdir -m 000 locked",
    ],
)
async def test_what_was_changed_comes_back_in_another_container(box, change):
    frozen = await box.snapshot()
    before, home = (await box.exec(SEEN)).text, box.container
    assert (await box.exec(change)).ok
    await box.restore(frozen)
    assert (await box.exec(SEEN)).text == before
    assert box.container != home
    home = box.container
    await box.exec("touch new")
    await box.restore(frozen)
    assert (box.container, (await box.exec(SEEN)).text) == (home, before)


async def test_another_snapshot_and_what_root_did_take_another_container(box):
    first = await box.snapshot()
    await box.exec("touch new")
    second = await box.snapshot()
    home = box.container
    await box.restore(second)
    assert box.container == home
    await box.restore(first)
    assert box.container != home
    home = box.container
    await box.exec("true", user="root")
    await box.restore(first)
    assert box.container != home
