"""What the nodes of a cluster carry, and what an issue takes of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from runs.batch.plan import trajectories_at_one_time
from runs.recipe import Recipe

RESOURCE = "sandboxes"
"""Custom resource of nodes: the trajectories that one carries. Where no node has it, an issue takes a CPU."""

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
