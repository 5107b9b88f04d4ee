"""Servers as processes: started, crashed, hung, restarted, and stopped without a trace."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from contextlib import asynccontextmanager

import pytest

from agent.models.vllm import Metrics
from agent.serving import Change, OrderError, ServingError, serve
from tests.agent.serving.conftest import FAST, post


class Heard(list[Change]):
    """All changes so far, which can be waited for."""

    def states(self, server: str) -> list[str]:
        return [change.state for change in self if change.server == server]

    async def wait(self, server: str, *states: str) -> Change:
        async with asyncio.timeout(20):
            while self.states(server)[-len(states) :] != list(states):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        return next(change for change in reversed(self) if change.server == server)


@asynccontextmanager
async def serving(order, measure=lambda metrics: None):
    heard = Heard()
    task = asyncio.create_task(serve(order, heard.append, measure))
    heard.task = task
    try:
        yield heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_serves_until_cancelled_and_leaves_nothing(cpu_vllm, order):
    async with serving(order()) as heard:
        ready = await heard.wait("endpoint", "ready")
        body = await asyncio.to_thread(lambda: json.load(urllib.request.urlopen(f"{ready.url}/models")))
        assert body["data"][0]["id"] == ready.model == "tiny-qwen2"
        assert len(cpu_vllm.left()) == 2
    assert heard.states("replica 0") == ["starting", "healthy"]
    assert heard[-1].state == "stopped"
    assert cpu_vllm.left() == []


async def test_says_why_a_server_does_not_start(cpu_vllm, order):
    cpu_vllm.at_next_starts("crash")
    with pytest.raises(
        ServingError, match=r"replica 0 did not start.*No available memory.*too large for"
    ) as told:
        await serve(order(), lambda _: None)
    assert str(told.value).count("\n") == 0
    assert len(cpu_vllm.started()) == 1
    assert cpu_vllm.left() == []


async def test_a_server_that_hangs_at_its_start_is_given_up(cpu_vllm, order):
    from dataclasses import replace

    cpu_vllm.at_next_starts("hang")
    with pytest.raises(ServingError, match=r"not healthy after 1 s"):
        await serve(order(pace=replace(FAST, start=1)), lambda _: None)
    assert len(cpu_vllm.started()) == 1
    assert cpu_vllm.left() == []


async def test_a_crashed_server_is_started_again(cpu_vllm, order):
    async with serving(order()) as heard:
        ready = await heard.wait("endpoint", "ready")
        await asyncio.to_thread(post, ready.url.replace("/v1", "/die"))
        crashed = await heard.wait("replica 0", "crashed", "starting", "healthy")
        assert crashed.state == "healthy"
        [fall] = [change for change in heard if change.state == "crashed"]
        assert "exit code 3: RuntimeError: told to die" in fall.detail
    first, second = cpu_vllm.started()
    assert first["argv"] == second["argv"]
    assert cpu_vllm.left() == []


async def test_a_server_that_answers_no_more_is_started_again(cpu_vllm, order):
    async with serving(order()) as heard:
        ready = await heard.wait("endpoint", "ready")
        await asyncio.to_thread(post, ready.url.replace("/v1", "/hang"))
        await heard.wait("replica 0", "hung", "starting", "healthy")
        first = cpu_vllm.started()[0]["pids"]
        assert not set(first) & set(cpu_vllm.left())


async def test_a_server_that_keeps_falling_is_given_up(cpu_vllm, order):
    async with serving(order()) as heard:
        ready = await heard.wait("endpoint", "ready")
        cpu_vllm.at_next_starts("crash", "crash", "crash", "crash")
        await asyncio.to_thread(post, ready.url.replace("/v1", "/die"))
        with pytest.raises(ServingError, match="replica 0 fell 3 times in a row"):
            await heard.task
    assert heard.states("replica 0").count("crashed") == FAST.restarts
    assert cpu_vllm.left() == []


async def test_a_port_in_use_is_refused_before_anything_starts(cpu_vllm, order):
    wanted = order()
    taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", wanted.port)
    async with taken:
        with pytest.raises(OrderError, match=rf"port {wanted.port} of 127.0.0.1 is in use"):
            await serve(wanted, lambda _: None)
    assert cpu_vllm.started() == []


async def test_several_replicas_stand_behind_a_router(cpu_vllm, order):
    cpu_vllm.install("vllm-router", "vllm_router.launch_router")
    wanted = order(replicas=2)
    async with serving(wanted) as heard:
        ready = await heard.wait("endpoint", "ready")
        assert ready.url == f"http://127.0.0.1:{wanted.port}/v1"
        *replicas, router = cpu_vllm.started()
        urls = router["argv"][router["argv"].index("--worker-urls") + 1 :][:2]
        ports = {word.partition("=")[2] for one in replicas for word in one["argv"] if "--port" in word}
        assert {url.rpartition(":")[2] for url in urls} == ports
        assert router["argv"][router["argv"].index("--policy") + 1] == "consistent_hash"
        await asyncio.to_thread(post, f"{urls[0]}/die")
        await heard.wait("replica 0", "crashed", "starting", "healthy")
        assert heard.states("router") == ["starting", "healthy"]
    assert cpu_vllm.left() == []


async def test_figures_of_all_replicas_are_read(cpu_vllm, order):
    cpu_vllm.install("vllm-router", "vllm_router.launch_router")
    measured = []
    async with serving(order(replicas=2), measured.append) as heard:
        await heard.wait("endpoint", "ready")
        assert measured == []
        async with asyncio.timeout(20):
            while not measured or measured[-1].running < 6:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    assert measured[-1] == Metrics(prefix_queries=2000, prefix_hits=1260, running=6, waiting=4)


async def test_one_replica_that_does_not_start_stops_the_others(cpu_vllm, order):
    cpu_vllm.install("vllm-router", "vllm_router.launch_router")
    cpu_vllm.at_next_starts("serve", "crash", "serve")
    with pytest.raises(ServingError, match=r"replica \d did not start"):
        await serve(order(replicas=3), lambda _: None)
    assert cpu_vllm.left() == []


async def test_several_replicas_need_a_router(cpu_vllm, order):
    with pytest.raises(OrderError, match="pip install vllm-router"):
        await serve(order(replicas=2), lambda _: None)
    assert cpu_vllm.started() == []


async def test_gpus_are_split_over_the_replicas(gpu_vllm, order, monkeypatch):
    gpu_vllm.install("vllm-router", "vllm_router.launch_router")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6,7,9")
    async with serving(order(replicas=2, tensor_parallel=2)) as heard:
        await heard.wait("endpoint", "ready")
        replicas = [note for note in gpu_vllm.started() if "serve" in note["argv"]]
        assert {note["environment"]["CUDA_VISIBLE_DEVICES"] for note in replicas} == {"4,5", "6,7"}
        assert all("--tensor-parallel-size=2" in note["argv"] for note in replicas)
    assert gpu_vllm.left() == []
