"""A cluster: the way to it, what its nodes carry, and what an issue takes of one."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from runs.batch.plan import trajectories_at_one_time
from runs.failures import UsageError
from runs.recipe import Recipe

RESOURCE = "sandboxes"
"""Custom resource of nodes: the trajectories that one carries. Where no node has it, an issue takes a CPU."""

_HOST = re.compile(r"(?:ray://)?([^/:]+):(\d+)")
_ANSWERS_IN = 10.0
"""Seconds until an address where nothing listens is given up; Ray itself asks for minutes."""

Node = Mapping[str, float]
"""What a node has in all, by Ray's names."""


@dataclass(frozen=True, slots=True)
class Share:
    """What an issue takes of a node.

    Attributes:
        resource: Ray's name of it.
        amount: how much.
        trajectories: how many of the issue run at one time.
    """

    resource: str
    amount: int
    trajectories: int

    def words(self) -> str:
        """Return it in words."""
        return f"{self.amount} {self.resource}"


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[None]:
    """Be connected to a cluster for the length of a block.

    Args:
        address: the cluster's; where it is empty Ray takes `RAY_ADDRESS`, or one that was started on this
            machine, or starts one for the block.

    Raises:
        UsageError: Ray is not installed, or no cluster answers.
    """
    try:
        import ray
    except ImportError as error:
        raise UsageError('the executor ray needs Ray: pip install "mangabey[ray]"') from error
    if ray.is_initialized():
        yield
        return
    try:
        await asyncio.to_thread(_reach, address)
        await asyncio.to_thread(
            ray.init,
            address=address or None,
            log_to_driver=False,
            include_dashboard=False,
            logging_level=logging.ERROR,
        )
    except (OSError, ValueError, RuntimeError) as error:  # ConnectionError is an OSError
        reason = " ".join(str(error).split())
        raise UsageError(
            f"no Ray cluster answers at {address or 'RAY_ADDRESS or on this machine'}: {reason}; "
            "if one is there, see that Ray has its version here, and its token where it asks for one"
        ) from error
    try:
        yield
    finally:
        await asyncio.to_thread(ray.shutdown)


def _reach(address: str) -> None:
    """Knock at an address that names a host.

    Raises:
        OSError: nothing listens there.
    """
    if found := _HOST.fullmatch(address):
        socket.create_connection((found[1], int(found[2])), _ANSWERS_IN).close()


def nodes_of_cluster() -> list[Node]:
    """Return what the nodes have that are there now."""
    import ray

    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def this_node() -> tuple[str, Node]:
    """Return the id of the node that this process runs on, and what it has."""
    import ray

    name = ray.get_runtime_context().get_node_id()
    return name, next((node["Resources"] for node in ray.nodes() if node["NodeID"] == name), {})


def share_of(nodes: Sequence[Node], recipe: Recipe) -> Share:
    """Return what an issue takes: a sandbox for each trajectory, no more than the largest node has."""
    wanted = trajectories_at_one_time(recipe)
    if largest := max((int(node.get(RESOURCE, 0)) for node in nodes), default=0):
        taken = min(wanted, largest)
        return Share(RESOURCE, taken, taken)
    return Share("CPU", 1, wanted)


def carrying(nodes: Sequence[Node], share: Share) -> list[Node]:
    """Return the nodes that carry an issue at least."""
    return [node for node in nodes if node.get(share.resource, 0) >= share.amount]


def issues_on(nodes: Sequence[Node], share: Share) -> int:
    """Return how many issues the nodes carry at one time."""
    return sum(int(node.get(share.resource, 0)) // share.amount for node in nodes)


def remarks(nodes: Sequence[Node], recipe: Recipe) -> list[str]:
    """Return what a user should know of how a recipe fits a cluster, a line each."""
    share, wanted = share_of(nodes, recipe), trajectories_at_one_time(recipe)
    if not issues_on(nodes, share):
        return [f"no node has a CPU or {RESOURCE} yet: issues wait until one has"]
    if share.trajectories < wanted:
        most = f"the largest node has {share.amount} {RESOURCE}, so {share.trajectories} run"
        return [f"an issue would run {wanted} trajectories at one time; {most}"]
    return []
