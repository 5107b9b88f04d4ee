from __future__ import annotations

import socket
from importlib.util import find_spec

import pytest

from runs.batch.ray_cluster import Share, connected, issues_on, remarks, share_of
from runs.failures import UsageError
from runs.recipe import Recipe

EIGHT = Recipe(samples=8, parallel=8)


@pytest.mark.parametrize(
    ("nodes", "share", "issues"),
    [
        ([{"CPU": 4.0}, {"CPU": 64.0, "sandboxes": 40.0}] * 20, Share("sandboxes", 8, 8), 100),
        ([{"CPU": 4.0, "sandboxes": 5.0}, {"sandboxes": 3.0}], Share("sandboxes", 5, 5), 1),
        ([{"CPU": 0.0}, {"CPU": 16.0}, {"CPU": 16.0}], Share("CPU", 1, 8), 32),
        ([{"memory": 1e9}], Share("CPU", 1, 8), 0),
    ],
)
def test_an_issue_takes_no_more_than_a_node_has_and_the_nodes_say_how_many_run(nodes, share, issues):
    assert share_of(nodes, EIGHT) == share
    assert issues_on(nodes, share) == issues


def test_what_does_not_fit_is_said():
    assert remarks([{"sandboxes": 8.0}], EIGHT) == []
    assert remarks([{"CPU": 1.0}], EIGHT) == []
    assert remarks([{"sandboxes": 5.0}], EIGHT) == [
        "an issue would run 8 trajectories at one time; the largest node has 5 sandboxes, so 5 run"
    ]
    assert remarks([{"CPU": 0.0}], EIGHT) == ["no node has a CPU or sandboxes yet: issues wait until one has"]


@pytest.mark.skipif(find_spec("ray") is None, reason='needs pip install "mangabey[ray]"')
async def test_an_address_where_nothing_listens_is_said_at_once():
    with socket.socket() as taken:  # and does not listen
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UsageError, match=f"^no Ray cluster answers at {address}: .*refused"):
            async with connected(address):
                pass
