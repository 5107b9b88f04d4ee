"""Containers that are removed, and an engine that is restarted, under the issues that work in them."""

from __future__ import annotations

import json
import time

import pytest

from runs.journal_reading import journals_in, verify
from sandbox.contract.fixtures import IMAGE
from sandbox.docker.containers import OWNER
from tests.runs.batched import report

pytestmark = pytest.mark.docker

TALKER = '''"""Looks around, waits until it may go on, looks again and gives up; writes down its calls."""

import asyncio
import os
from pathlib import Path

from agent import Capabilities, Reply, ToolCall, Usage

TURNS = [
    ("bash", {"command": "echo $((6 * 7)) > seen; cat seen"}),
    ("bash", {"command": "cat seen"}),
    ("give_up", {"reason": "that is all"}),
]


class Talker:
    name = "talker"
    capabilities = Capabilities(tools=True)

    async def generate(self, messages, tools, sampling):
        turn = sum(message.role == "assistant" for message in messages)
        while turn == 1 and not Path(os.environ["GO"]).exists():
            await asyncio.sleep(0.02)
        with Path(os.environ["CALLS"]).open("a") as file:
            file.write(f"{sampling.session} {sampling.sample} {turn}\\n")
        name, arguments = TURNS[turn]
        call = ToolCall(id=f"c{turn}", name=name, arguments=arguments)
        return Reply(tool_calls=(call,), model="talker", cost=0.25, usage=Usage(input=100, output=10))
'''


class Talk:
    """A batch of two issues in containers, which stands still after its first commands until it may go on."""

    def __init__(self, batches, sandbox="docker", **env):
        self.batches, self.env = batches, {**env, "GO": batches.folder / "go"}
        self.out = batches.folder / "out"
        path = batches.folder / "talker.py"
        path.write_text(TALKER)
        self.order = ("-i", "tiny-[12]", "--model", f"{path}:Talker", "-c", f"sandbox={sandbox}")
        self.order += ("-c", f"image={IMAGE}")

    def start(self, samples):
        child = self.batches.start(self.out, *self.order, samples=samples, **self.env)
        until = time.monotonic() + 150
        while self._seen() < 2 * samples:  # each has run a command, whose result is recorded
            assert child.poll() is None, child.stderr.read()
            assert time.monotonic() < until, "it does not get so far"
            time.sleep(0.1)
        return child

    def go_on(self, child):
        (self.batches.folder / "go").touch()
        _, said = child.communicate(timeout=170)
        return said

    def _seen(self):
        return sum(
            path.read_text().count('"kind":"observation"') for path in self.out.glob("*/journal.jsonl")
        )

    def check(self, calls):
        assert [found.line() for found in map(verify, journals_in(self.out)) if found.problems] == []
        paid = self.batches.calls()
        assert len(paid) == len(set(paid)) == calls


def containers_of(engine, pid):
    listed = engine.containers.list(all=True, filters={"label": OWNER}, ignore_removed=True)
    return [one for one in listed if one.labels[OWNER].startswith(f"mangabey-{pid}-")]


@pytest.mark.timeout(400)
def test_containers_that_are_removed_are_made_anew_and_nothing_is_paid_twice(batches, engine):
    talk = Talk(batches)
    child = talk.start(samples=1)
    for container in containers_of(engine, child.pid):
        container.remove(force=True)
    said = talk.go_on(child)
    assert child.returncode == 0, said
    assert "2 issues failed by infrastructure: once more" in said
    assert report(talk.out)["counts"]["abstained"] == 2
    talk.check(calls=6)
    assert containers_of(engine, child.pid) == []


@pytest.mark.timeout(400)
def test_a_container_that_is_removed_takes_one_trajectory_and_that_is_drawn_again(batches, engine):
    talk = Talk(batches)
    child = talk.start(samples=2)
    running = [one for one in containers_of(engine, child.pid) if _has(one, "seen")]
    assert len(running) == 4
    running[0].remove(force=True)
    said = talk.go_on(child)
    assert child.returncode == 0, said
    found = report(talk.out)
    assert found["counts"]["abstained"] == 2
    assert found["trajectories_lost_to_infrastructure"] == 0
    assert "once more" in said
    talk.check(calls=12)
    assert containers_of(engine, child.pid) == []


def _has(container, name):
    return container.exec_run(["test", "-e", f"/testbed/{name}"]).exit_code == 0


@pytest.mark.timeout(600)
def test_an_engine_that_is_restarted_costs_no_reply(batches, stocked_engine):
    talk = Talk(batches, DOCKER_HOST=stocked_engine.address)
    child = talk.start(samples=1)
    stocked_engine.stop()
    stocked_engine.start()
    said = talk.go_on(child)
    assert child.returncode == 0, said
    assert "2 issues failed by infrastructure: once more" in said
    outcomes = [json.loads(path.read_text()) for path in talk.out.glob("*/outcome.json")]
    assert [one["status"] for one in outcomes] == ["abstained"] * 2
    talk.check(calls=6)
    assert stocked_engine.docker("ps", "-aq").stdout == ""


@pytest.mark.timeout(400)
@pytest.mark.parametrize("sandbox", ["docker", "auto"])
def test_a_batch_waits_for_an_engine_that_is_away(batches, stocked_engine, sandbox):
    talk = Talk(batches, sandbox, DOCKER_HOST=stocked_engine.address)
    stocked_engine.stop()
    (batches.folder / "go").touch()
    child = batches.start(talk.out, *talk.order, samples=1, **talk.env)
    assert any("no issue begins until the Docker engine answers" in line for line in child.stderr)
    assert list(talk.out.glob("*/journal.jsonl")) == []
    stocked_engine.start()
    said = talk.go_on(child)
    assert child.returncode == 0, said
    assert "the Docker engine answers, after" in said
    assert "infrastructure" not in said
    assert report(talk.out)["counts"]["abstained"] == 2
    talk.check(calls=6)
