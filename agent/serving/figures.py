"""What the replicas do at this moment and have done since they started, read from their /metrics."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable, Sequence
from typing import NoReturn

from agent.models.vllm.metrics import Metrics, read_metrics
from agent.serving.addresses import fetched
from agent.serving.server import Server

Measure = Callable[[Metrics], None]


async def watch(replicas: Sequence[Server], measure: Measure, every: float) -> NoReturn:
    """Tell the figures of all replicas together, every so many seconds; of those that do not answer, nothing.

    Needs the package prometheus-client (extra `openai`); without it nothing is told.
    """
    while importlib.util.find_spec("prometheus_client") is not None:
        await asyncio.sleep(every)
        found = await asyncio.gather(*(_metrics(replica) for replica in replicas))
        if known := [metrics for metrics in found if metrics is not None]:
            measure(Metrics.total(known))
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


async def _metrics(replica: Server) -> Metrics | None:
    page = await fetched(replica.url, "/metrics", replica.pace.answer)
    try:
        return read_metrics(page.decode()) if page is not None else None
    except ValueError:
        return None
