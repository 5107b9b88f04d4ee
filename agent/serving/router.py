"""The router before several replicas: PyPI's `vllm-router`, which keeps each session on one replica."""

from __future__ import annotations

from collections.abc import Sequence

from agent.serving.addresses import base_url, free_ports
from agent.serving.errors import OrderError
from agent.serving.found import Vllm
from agent.serving.order import Order
from agent.serving.server import Server


def router(order: Order, vllm: Vllm, replicas: Sequence[Server]) -> Server:
    """Return the router of an order.

    Its retries are off, since ours know which errors pass; a replica that falls is left out until it answers
    again.

    Raises:
        OrderError: there is no router beside this vLLM.
    """
    if not vllm.router:
        raise OrderError(
            f"several replicas need a router: {vllm.python} -m pip install vllm-router, or no --replicas"
        )
    (metrics,) = free_ports(1)
    command = (
        *(str(vllm.python), "-m", "vllm_router.launch_router"),
        *("--host", order.host, "--port", str(order.port)),
        *("--worker-urls", *(replica.url for replica in replicas)),
        *("--policy", "consistent_hash"),
        "--disable-retries",
        *("--health-check-interval-secs", "5", "--health-success-threshold", "1"),
        *("--worker-startup-check-interval", "1"),
        *("--prometheus-host", "127.0.0.1", "--prometheus-port", str(metrics)),
    )
    return Server("router", command, base_url(order.host, order.port), order.logs / "router.log", order.pace)
