"""Drawing trajectories leaves no connection at the model's server, however it ends."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec

import pytest

from agent.models.stub import Stub, acts
from runs.journal import Journal
from runs.recipe import Crew, Recipe
from runs.recorded import recorded
from runs.sampling import draw
from runs.troop import Troop
from tests.agent.conftest import root, sandbox, task  # noqa: F401

pytestmark = pytest.mark.skipif(find_spec("openai") is None, reason='needs pip install "mangabey[openai]"')

GIVE_UP = acts.calls('{"reason": "that is all that was to be tried"}', name="give_up")


class Room:
    """A base that is there already."""

    def __init__(self, sandbox):  # noqa: F811
        self.sandbox = sandbox

    async def base(self):
        return self.sandbox

    async def ground(self):
        return self.sandbox


@pytest.fixture
async def drawing(task, sandbox, tmp_path):  # noqa: F811
    """Start drawing two trajectories of a server's model."""

    def start(stub):
        recipe = Recipe(model=f"vllm/x@{stub.address}", crews=(Crew(samples=2),))
        return asyncio.create_task(drawn(Troop(task, Room(sandbox), recipe, "", journal, lambda event: None)))

    async def drawn(troop):
        async with troop:
            await draw(troop, list(troop.seats.values()))
        return list(recorded(journal).values())

    with Journal(tmp_path / "issue") as journal:
        yield start


async def no_connection(stub):
    async with asyncio.timeout(5):
        while stub.connected:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_no_connection_is_left_at_the_end(drawing):
    async with Stub() as stub:
        stub.play(GIVE_UP)
        trajectories = await drawing(stub)
        assert [one.exit_reason.value for one in trajectories] == ["gave_up"] * 2
        assert stub.connections
        await no_connection(stub)


async def test_no_connection_is_left_by_a_cancelled_run(drawing):
    async with Stub() as stub:
        stub.play(GIVE_UP, GIVE_UP, acts.goes_idle("well"))  # the first two answer probes
        running = drawing(stub)
        async with asyncio.timeout(20):
            while stub.open < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert stub.connected
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await no_connection(stub)
        assert all(asked.hung_up for asked in stub.chats[2:])
