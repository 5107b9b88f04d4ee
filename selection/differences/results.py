"""What programs come to with every candidate: who agrees with whom where no test asks.

Independent right programs come to the same, and wrong ones mostly to something of their own. No expected
value is needed: programs of the issue, and of tests that call what candidates change, each varied in one
value, are run with all candidates (cf. AlphaCode's clusters by behaviour on generated inputs).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence

from sandbox.base import Sandbox
from selection.cells import CellStore
from selection.differences.came_to import came_to
from selection.differences.demonstrations import shown_programs
from selection.differences.inputs import LATE, Seen, calling
from selection.differences.programs import Program, varied
from selection.evidence import Evidence

PROGRAMS = 60
"""Programs that are run with each candidate."""
SECONDS = 20.0
"""Time of all of them with one candidate."""


async def results_of(
    evidence: Evidence, base: Sandbox, *, cells: CellStore, place: str = "", parallel: int = 1
) -> Mapping[str, Mapping[str, str]]:
    """Return what programs come to, each by candidate id; see `Evidence.results`.

    Args:
        evidence: candidates, clusters and the issue's text.
        base: the untouched repository.
        cells: where what programs came to is kept; nothing is run for it again.
        place: names the base and its environment.
        parallel: candidates that are run at one time.

    Raises:
        SandboxError: the base cannot be read or forked.
    """
    patches = {key: evidence.candidate(ids[0]).patch for key, ids in evidence.clusters.members.items()}
    programs = await _programs(evidence, base, patches, cells, place) if len(patches) > 1 else ()
    if not programs:
        return {}
    slots = asyncio.Semaphore(parallel)

    async def row(patch: str, turn: int = 1) -> Mapping[int, Seen]:
        async with slots:
            return await came_to(base, patch, programs, cells, place, turn, SECONDS)

    async with asyncio.TaskGroup() as group:
        bases = [group.create_task(row("", turn)) for turn in (1, 2)]
        tasks = {key: group.create_task(row(patch)) for key, patch in patches.items()}
    once, again = (task.result() for task in bases)
    rows = {key: found for key, task in tasks.items() if (found := task.result())}
    steady = [number for number, seen in once.items() if again.get(number) == seen]
    return {
        _digest(programs[number].source): {
            id_: _digest(row[number].model_dump_json())
            for key, row in rows.items()
            for id_ in evidence.clusters.members[key]
        }
        for number in steady
        if _parts([row.get(number) for row in rows.values()])
    }


async def _programs(
    evidence: Evidence, base: Sandbox, patches: Mapping[str, str], cells: CellStore, place: str
) -> Sequence[Program]:
    """Return the issue's programs, and those of it and of tests that call what changes, and variations."""
    shown = await shown_programs(evidence, base, cells, place)
    known = {one.source for one in shown}
    further = varied(await calling(base, tuple(patches.values()), evidence.problem_statement), PROGRAMS)
    return (*shown, *(one for one in further if one.source not in known))[:PROGRAMS]


def _parts(row: Sequence[Seen | None]) -> bool:
    """Whether a program parts the candidates; how long one takes says nothing of it, nor does one unrun."""
    seen = {one for one in row if one is not None and one.ended != LATE}
    return len(seen) > 1 and all(one in seen for one in row)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:12]
