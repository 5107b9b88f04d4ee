"""A real cluster on this machine, on which issues fail, are called off, and lose their node."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest

from runs.journal import Journal, JournalError
from tests.runs.batched import Batches, predictions, report

pytestmark = [
    pytest.mark.skipif(find_spec("ray") is None, reason='needs pip install "mangabey[ray]"'),
    pytest.mark.timeout(600),
]

HOME = Path(__file__).parents[3]

CLUSTER = """
import sys, time
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
nodes = [cluster.add_node(num_cpus=1, resources={"sandboxes": 2}) for _ in range(2)]
cluster.wait_for_nodes()
print(cluster.address, flush=True)
for line in sys.stdin:
    cluster.remove_node(nodes.pop(), allow_graceful=False)
    nodes.append(cluster.add_node(num_cpus=1, resources={"sandboxes": 2}))
    print("killed", flush=True)
cluster.shutdown()
"""

ONCE = '''"""The player, whose server refuses one call of the last turn, once."""

import os
from pathlib import Path

from agent.models.errors import BadRequestError
from player import Player as Sound


class Player(Sound):
    async def generate(self, messages, tools, sampling):
        said = Path(os.environ["CALLS"] + ".refused")
        if sum(message.role == "assistant" for message in messages) == 2 and not said.exists():
            said.touch()
            raise BadRequestError("no")
        return await super().generate(messages, tools, sampling)
'''

TELLS = '''"""The player, who writes down on which node it is asked, from when to when, and its registry."""

import json
import os
import time
from pathlib import Path

import ray
from player import Player as Sound
from sandbox.docker.images import Registry


class Player(Sound):
    async def generate(self, messages, tools, sampling):
        registry, began = Registry.from_environment(), time.time()
        reply = await super().generate(messages, tools, sampling)
        told = {"node": ray.get_runtime_context().get_node_id(), "began": began, "ended": time.time()}
        told |= {"registry": registry.prefix, "platform": registry.platform}
        with Path(os.environ["CALLS"] + ".told").open("a") as file:
            file.write(json.dumps(told) + "\\n")
        return reply
'''

CALLED_OFF = """
import asyncio, sys
import ray
from agent.budget import Call
from runs.batch.ray_commons import Asker, RemotePaces, RemotePurse, Shared
from runs.recipe import Allowance

async def main(shared):
    asker = Asker(shared, "a")
    async def hold(held):
        async with held:
            await asyncio.sleep(0)
    call = Call("m", 1000, 100)
    for what in (lambda: RemotePaces(asker).of("m").turn(), lambda: RemotePurse(asker).reserved(call)):
        async with what():
            waiting = [asyncio.create_task(hold(what())) for _ in range(2)]
            await asyncio.sleep(1)
            for task in waiting:
                task.cancel()
            await asyncio.wait(waiting)
        async with asyncio.timeout(10):
            await hold(what())
        print("goes on")

ray.init(sys.argv[1], log_to_driver=False)
asyncio.run(main(ray.remote(num_cpus=0, max_concurrency=99)(Shared).remote(Allowance(dollars=5.0), 1, {})))
"""


class Nodes:
    """A cluster of two nodes, and batches that are run on it."""

    def __init__(self, batches: Batches, process: subprocess.Popen[str]) -> None:
        self.batches = batches
        self._process = process
        self.address = next(line.strip() for line in process.stdout if ":" in line)

    def lose_one(self) -> None:
        """Kill a node, and bring another."""
        self._process.stdin.write("kill one\n")
        self._process.stdin.flush()

    def start(self, out, *more, samples=2, parallel=2):
        where = ("--executor", "ray", "--address", self.address)
        command = self.batches.command(out, *where, *more, samples=samples)
        if parallel is None:
            at = command.index("--parallel")
            del command[at : at + 2]
        return subprocess.Popen(
            command,
            cwd=self.batches.folder / "work",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=self.batches.environment(PYTHONPATH=self.batches.folder),
        )

    def run(self, out, *more, **options):
        child = self.start(out, *more, **options)
        _, said = child.communicate(timeout=300)
        assert child.returncode == 0, said
        return said

    def script(self, text):
        """Run a script that gets the cluster's address, and return the lines it prints."""
        done = subprocess.run(
            [sys.executable, "-c", text, self.address],
            capture_output=True,
            text=True,
            timeout=120,
            env=self.batches.environment(PYTHONPATH=HOME),
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def until_called(self, times, child):
        """Wait until the model has been called so many times."""
        until = time.monotonic() + 200
        while len(self.batches.calls()) < times and time.monotonic() < until and child.poll() is None:
            time.sleep(0.1)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    batches = Batches(tmp_path_factory.mktemp("cluster"))
    batches.run(batches.folder / "before", "-i", "tiny-1")  # the caches of all nodes
    (batches.folder / "once.py").write_text(ONCE)
    (batches.folder / "tells.py").write_text(TELLS)
    with subprocess.Popen(
        [sys.executable, "-c", CLUSTER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=batches.environment(THINKING=1.0, RAY_worker_niceness=0, PYTHONPATH=batches.folder),
        start_new_session=True,
    ) as process:
        yield Nodes(batches, process)
        process.stdin.close()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture
def nodes(cluster):
    """The cluster, with no call on its list."""
    (cluster.batches.folder / "calls").unlink(missing_ok=True)
    return cluster


def replies(out, name):
    lines = (out / name / "journal.jsonl").read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["kind"] == "reply"]


def test_an_issue_that_failed_in_a_folder_of_a_node_goes_on_from_what_it_paid(nodes, tmp_path):
    out, model = tmp_path / "out", nodes.batches.folder / "once.py"
    said = nodes.run(out, "-i", "tiny-1", "--local-out", "--model", f"{model}:Player", samples=1)
    assert "once more" in said
    assert len(nodes.batches.calls()) == 3
    assert report(out)["spent"]["dollars"] == 0.75


def test_what_was_paid_in_a_folder_of_a_node_comes_back_when_the_driver_stops(nodes, tmp_path):
    out, more = tmp_path / "out", ("-i", "tiny-1", "--local-out")
    child = nodes.start(out, *more)
    nodes.until_called(2, child)
    with pytest.raises(JournalError):  # nobody else writes what comes back
        Journal(out / "tiny-1")
    child.send_signal(signal.SIGTERM)
    _, said = child.communicate(timeout=100)
    assert child.returncode == 130, said
    paid = len(nodes.batches.calls())
    assert len(replies(out, "tiny-1")) == report(out)["spent"]["steps"] == paid < 6
    nodes.run(out, *more)
    assert len(nodes.batches.calls()) == report(out)["spent"]["steps"] == 6


def test_what_runs_side_by_side_is_what_the_nodes_carry(nodes, tmp_path):
    said = nodes.run(tmp_path / "out", "-i", "tiny-*", samples=4, parallel=None)
    assert "would run 4 trajectories at one time; the largest node has 2 sandboxes, so 2 run" in said
    first = next(line for line in said.splitlines() if "abstained" in line)
    assert said[: said.index(first)].count("begins") == 2
    assert len(nodes.batches.calls()) == 48


def test_a_dry_run_tells_what_the_nodes_carry(nodes, tmp_path):
    where = ("--executor", "ray", "--address", nodes.address, "--dry-run", "-i", "tiny-*")
    done = nodes.batches.run(tmp_path / "out", *where, samples=4)
    assert done.returncode == 0, done.stderr
    said = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "side 2 issues, 4 trajectories, 4 test commands" in said
    assert "machine 2 of 3 nodes of a cluster carry issues, each takes 2 sandboxes" in said
    assert not (tmp_path / "out").exists()


def test_what_an_order_says_of_machines_holds_on_each_node(nodes, tmp_path):
    asked = ("--registry", "mirror.example.org/hub", "--platform", "linux/amd64", "--sandboxes", "1")
    model = f"{nodes.batches.folder}/tells.py:Player"
    nodes.run(tmp_path / "out", "-i", "tiny-*", "--model", model, *asked, samples=1, parallel=None)
    lines = (nodes.batches.folder / "calls.told").read_text().splitlines()
    told = sorted(map(json.loads, lines), key=lambda call: (call["node"], call["began"]))
    assert {(call["registry"], call["platform"]) for call in told} == {asked[1::2][:2]}
    for call, following in pairwise(told):  # one trajectory at a time on a node, whichever issue's
        assert call["node"] != following["node"] or call["ended"] <= following["began"]


def test_an_issue_that_no_node_has_room_for_says_so(nodes, tmp_path):
    said = nodes.run(tmp_path / "out", "-i", "tiny-*", "--parallel", 4, "--quiet-seconds", 4)
    assert "still waiting: no node has had 2 sandboxes free for 2 s" in said


def test_who_is_called_off_while_an_actor_lets_it_wait_holds_nothing(nodes):
    assert nodes.script(CALLED_OFF) == ["goes on", "goes on"]


@pytest.mark.parametrize("where", ["--shared-out", "--local-out"])
def test_a_node_is_lost_in_the_middle_and_its_issues_are_done_by_another(nodes, tmp_path, where):
    out = tmp_path / "out"
    child = nodes.start(out, "-i", "tiny-*", where)
    nodes.until_called(2, child)
    nodes.lose_one()
    _, said = child.communicate(timeout=300)
    assert child.returncode == 0, said
    assert "its node was lost" in said
    assert set(predictions(out)) == {"tiny-1", "tiny-2", "tiny-3", "tiny-4"}
    assert json.loads((out / "tiny-1" / "outcome.json").read_text())["status"] == "abstained"
    calls, steps = nodes.batches.calls(), report(out)["spent"]["steps"]
    if where == "--shared-out":  # what a lost node had recorded is not paid again
        assert steps == 24
        assert len(calls) - len(set(calls)) <= 4
    else:  # what it had and nobody else knows is paid again, and counts
        assert 24 <= steps <= len(calls)
