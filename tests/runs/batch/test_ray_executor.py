"""A real cluster of several nodes on this machine, of which one is killed in the middle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec

import pytest

from tests.runs.batched import predictions, report

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason='needs pip install "mangabey[ray]"')

CLUSTER = """
import sys, time
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
nodes = [cluster.add_node(num_cpus=1, resources={"sandboxes": 2}) for _ in range(2)]
cluster.wait_for_nodes()
print(cluster.address, flush=True)
for line in sys.stdin:
    cluster.remove_node(nodes.pop(), allow_graceful=False)
    cluster.add_node(num_cpus=1, resources={"sandboxes": 2})
    print("killed", flush=True)
cluster.shutdown()
"""


@pytest.fixture
def cluster(batches):
    """A cluster of two nodes; a line on its standard input kills one and brings another."""
    batches.run(batches.folder / "before", "-i", "tiny-1")  # the caches of all nodes
    (batches.folder / "calls").unlink()
    with subprocess.Popen(
        [sys.executable, "-c", CLUSTER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=batches.environment(THINKING=1.0, RAY_worker_niceness=0),
        start_new_session=True,
    ) as process:
        address = next(line.strip() for line in process.stdout if ":" in line)
        yield process, address
        process.stdin.close()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("where", ["--shared-out", "--local-out"])
def test_a_node_is_lost_in_the_middle_and_its_issues_are_done_by_another(batches, cluster, where):
    process, address = cluster
    out = batches.folder / "out"
    child = batches.start(out, "-i", "tiny-*", "--executor", "ray", "--address", address, where, THINKING=1.0)
    until = time.monotonic() + 200
    while len(batches.calls()) < 2 and time.monotonic() < until and child.poll() is None:
        time.sleep(0.1)
    process.stdin.write("kill one\n")
    process.stdin.flush()
    _, said = child.communicate(timeout=300)
    assert child.returncode == 0, said
    assert "its node was lost" in said
    assert set(predictions(out)) == {"tiny-1", "tiny-2", "tiny-3", "tiny-4"}
    found = report(out)
    assert found["spent"]["steps"] == 24
    assert json.loads((out / "tiny-1" / "outcome.json").read_text())["status"] == "abstained"
    calls = batches.calls()
    if where == "--shared-out":  # what a lost node had recorded is not paid again
        assert len(calls) - len(set(calls)) <= 4
