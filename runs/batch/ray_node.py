"""What a node does: work on one issue, tell the driver what happens, and stop when it is asked to."""

from __future__ import annotations

import asyncio
import platform
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from runs.batch.carried import Changes, Piece, write_pieces
from runs.batch.digests import digest_of_code
from runs.batch.images import image_names, image_room
from runs.batch.issue import Surroundings, run_issue
from runs.batch.order import Order
from runs.batch.outcome import NodeError, Outcome, place_of
from runs.batch.plan import plan
from runs.batch.queue import NoRoom
from runs.batch.ray_cluster import RESOURCE, this_node
from runs.batch.ray_commons import Asker, RemotePaces, RemotePurse, RemoteSlots
from runs.commands.options import use_registry
from runs.ledger import RunSpentError
from runs.progress import Noticed, Progress
from sandbox.cleaning import clean_up
from sandbox.owners import new_name

_EACH = 1.0
"""Seconds between two looks at what an issue has recorded in a folder of the node's own."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at an issue.

    Attributes:
        instance_id: the issue's.
        key: tells it from all other attempts.
        files: what the batch's folder has of the issue, where the node works in a folder of its own; None
            where all nodes see the batch's.
        code: digest of the program that the command runs; see `require_code`.
    """

    instance_id: str
    key: str
    files: Sequence[Piece] | None
    code: str


def work_on(
    order: Order, attempt: Attempt, folder: str, home: str, shared: Any
) -> tuple[Outcome | None, str]:
    """Work on one issue on a node, on from what is recorded of it.

    Args:
        order: the batch's.
        attempt: which issue.
        folder: the batch's.
        home: the cache folder.
        shared: the actor.

    Returns:
        Its outcome, or why it was left without one.

    Raises:
        NodeError: this node has another program than the command.
    """
    require_code(attempt.code)
    use_registry(order.registry, order.platform)
    if attempt.files is None:
        return asyncio.run(_work_on(order, attempt, Path(folder), Path(home), shared))
    own = Path(tempfile.gettempdir()) / new_name()  # swept where it is killed
    own.mkdir(mode=0o700)
    try:
        return asyncio.run(_work_apart(order, attempt, own, Path(home), shared))
    finally:
        shutil.rmtree(own, ignore_errors=True)


def require_code(code: str) -> None:
    """Refuse to work with another program than the command's, whose results this node's would mix with.

    Raises:
        NodeError: this node's has another digest.
    """
    if (own := digest_of_code()) != code:
        raise NodeError(
            f"node {platform.node()} has another Mangabey than the command (code {own}, not {code}):"
            " install the same there"
        )


async def _work_apart(
    order: Order, attempt: Attempt, own: Path, home: Path, shared: Any
) -> tuple[Outcome | None, str]:
    """Work in a folder of the node's own, which begins as the batch's folder has it."""
    place = place_of(own, attempt.instance_id)
    write_pieces(place, attempt.files or ())
    async with _brought(place, attempt, shared):
        return await _work_on(order, attempt, own, home, shared)


@asynccontextmanager
async def _brought(place: Path, attempt: Attempt, shared: Any) -> AsyncIterator[None]:
    """Bring what is new in a folder to the driver again and again, all of it at the end of a block."""
    changes, ended = Changes(place), asyncio.Event()
    changes.take()  # is there already

    async def bring() -> None:
        last = False
        while not last:
            with suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), _EACH)
            last = ended.is_set()  # before the look: what is written during one needs another
            if pieces := await asyncio.to_thread(changes.take):
                await shared.bring.remote(attempt.key, attempt.instance_id, pieces)

    bringing = asyncio.create_task(bring())
    try:
        yield
    finally:
        ended.set()
        await bringing


async def _work_on(
    order: Order, attempt: Attempt, folder: Path, home: Path, shared: Any
) -> tuple[Outcome | None, str]:
    """Work until the issue has ended, or the driver calls it off."""
    working = asyncio.create_task(_worked(order, attempt, folder, home, shared))
    called_off = asyncio.ensure_future(_awaited(shared.called_off.remote(attempt.key)))
    await asyncio.wait({working, called_off}, return_when=asyncio.FIRST_COMPLETED)
    if not working.done():
        working.cancel()
        await asyncio.wait([working])
    called_off.cancel()
    if working.cancelled():
        return None, "it was called off"
    try:
        return working.result(), ""
    except RunSpentError as error:
        return None, str(error)


async def _awaited(reference: Any) -> Any:
    return await reference


async def _worked(order: Order, attempt: Attempt, folder: Path, home: Path, shared: Any) -> Outcome:
    instance_id, asker = attempt.instance_id, Asker(shared, attempt.key)
    await asyncio.to_thread(clean_up)  # what killed attempts have left here
    node, has = await asyncio.to_thread(this_node)
    carried = order.sandboxes or int(has.get(RESOURCE, 0)) or None
    chosen = {"instances": (instance_id,), "slice": "", "shard": "", "sandboxes": carried}
    found = plan(order.model_copy(update=chosen), folder)
    commons = found.commons()
    commons = replace(
        commons,
        sandboxes=RemoteSlots(asker, node, commons.sandboxes),
        tests=RemoteSlots(asker, node, commons.tests),
        pulls=RemoteSlots(asker, node, commons.pulls),
        paces=RemotePaces(asker),
        purse=RemotePurse(asker),
    )
    given = Surroundings(order, found.source, found.source_name, folder, home, commons)

    def listen(progress: Progress) -> None:
        shared.tell.remote(instance_id, progress)

    names = {} if order.recipe.image else image_names(found.source, (instance_id,))
    async with image_room(names, commons.pulls, 0, None, lambda line: listen(Noticed(line))) as room:
        await (room or NoRoom()).before(instance_id)
        return await run_issue(given, instance_id, listen)
