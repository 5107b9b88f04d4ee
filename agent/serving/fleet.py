"""All servers of an order, from the first start to the last stop."""

from __future__ import annotations

import asyncio
from typing import NoReturn

from agent.models.vllm.metrics import Metrics
from agent.serving.addresses import base_url, free_ports, require_free
from agent.serving.change import Change, Tell
from agent.serving.errors import ServingError
from agent.serving.figures import Measure, watch
from agent.serving.flags import Plan, plan
from agent.serving.found import Vllm, find_gpus, find_vllm
from agent.serving.model_folder import facts_of
from agent.serving.order import Order
from agent.serving.router import router
from agent.serving.server import Server, keep_up


def _nobody(metrics: Metrics) -> None:
    """Hear nothing."""


async def serve(order: Order, tell: Tell, measure: Measure = _nobody) -> NoReturn:
    """Serve a model until this is cancelled; then no process is left.

    Args:
        order: what to serve, and how.
        tell: hears of each change; `ready` means that requests are answered at its address.
        measure: hears again and again what all replicas together do.

    Raises:
        OrderError: it cannot be served here; nothing was started.
        ServingError: a server did not start, or fell too often.
    """
    facts = facts_of(order)
    vllm = await find_vllm(order.python)
    how = plan(order, facts, vllm, await find_gpus())
    require_free(order.host, order.port)
    replicas = _replicas(order, vllm, how)
    front = router(order, vllm, replicas) if order.replicas > 1 else None
    for remark in how.remarks:
        tell(Change("endpoint", "starting", detail=remark))
    try:
        await _keep_all(order, replicas, front, tell, measure)
    except BaseExceptionGroup as group:
        if failed := _first(group):
            raise failed from None
        raise
    finally:
        tell(Change("endpoint", "stopped"))
    raise AssertionError("unreachable")


async def _keep_all(
    order: Order, replicas: list[Server], front: Server | None, tell: Tell, measure: Measure
) -> None:
    """Keep every server up; the router is started when all replicas answer."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.TaskGroup() as group:
        rising = [asyncio.Event() for _ in replicas]
        for replica, up in zip(replicas, rising, strict=True):
            group.create_task(keep_up(replica, tell, up))
        for up in rising:
            await up.wait()
        if front:
            up = asyncio.Event()
            group.create_task(keep_up(front, tell, up))
            await up.wait()
        url = f"{(front or replicas[0]).url}/v1"
        tell(Change("endpoint", "ready", url, loop.time() - began, model=order.name))
        group.create_task(watch(replicas, measure, order.pace.figures))


def _replicas(order: Order, vllm: Vllm, how: Plan) -> list[Server]:
    """Return the replicas: a single one answers at the order's own address, several behind the router."""
    if order.replicas == 1:
        places = [(order.host, order.port)]
    else:
        places = [("127.0.0.1", port) for port in free_ports(order.replicas)]
    serve_model = (str(vllm.python), "-m", "vllm.entrypoints.cli.main", "serve", order.model)
    return [
        Server(
            name=f"replica {number}",
            command=(*serve_model, f"--host={host}", f"--port={port}", *how.flags),
            environment=environment,
            url=base_url(host, port),
            log=order.logs / f"replica-{number}.log",
            pace=order.pace,
        )
        for number, ((host, port), environment) in enumerate(zip(places, how.environments, strict=True))
    ]


def _first(group: BaseExceptionGroup[BaseException]) -> ServingError | None:
    for error in group.exceptions:
        found = _first(error) if isinstance(error, BaseExceptionGroup) else error
        if isinstance(found, ServingError):
            return found
    return None
