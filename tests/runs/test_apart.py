"""Blocking calls beside the loop: their results and errors come back, and nobody waits for one called off."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from runs.apart import apart


async def test_what_a_call_gives_or_raises_comes_back():
    assert await apart(lambda: threading.current_thread().name, "aside") == "aside"
    with pytest.raises(ZeroDivisionError):
        await apart(lambda: 1 // 0, "aside")


def test_neither_the_loop_nor_its_end_waits_for_a_call_that_is_called_off(monkeypatch):
    go_on, failed = threading.Event(), []
    monkeypatch.setattr(threading, "excepthook", failed.append)

    async def call_off():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await apart(lambda: go_on.wait(60), "left behind")

    began = time.monotonic()
    asyncio.run(call_off())
    assert time.monotonic() - began < 30
    left = [one for one in threading.enumerate() if one.name == "left behind"]
    assert len(left) == 1
    go_on.set()
    left[0].join(30)
    assert not left[0].is_alive()
    assert failed == []  # it comes back to a loop that is closed
