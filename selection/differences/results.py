"""What programs come to with every candidate: who agrees with whom where no test asks.

Independent right programs come to the same, and wrong ones mostly to something of their own. No expected
value is needed: programs of the issue, and of tests that call what candidates change, each varied in one
value, are run with all candidates (cf. AlphaCode's clusters by behaviour on generated inputs).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence

from sandbox.base import Sandbox
from selection.cells import CellStore
from selection.differences.came_to import came_to, came_to_with
from selection.differences.demonstrations import shown_programs
from selection.differences.inputs import LATE, Seen, calling
from selection.differences.programs import Program, varied
from selection.evidence import Evidence
from selection.together import together

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
        SandboxError: the base cannot be read or run.
    """
    patches = {key: evidence.candidate(ids[0]).patch for key, ids in evidence.clusters.members.items()}
    programs = await _programs(evidence, base, patches, cells, place) if len(patches) > 1 else ()
    if not programs:
        return {}
    slots = asyncio.Semaphore(parallel)

    async def base_row(turn: int) -> Mapping[int, Seen]:
        async with slots:
            return await came_to(base, "", programs, cells, place, turn, SECONDS)

    async def row(patch: str) -> Mapping[int, Seen]:
        async with slots:
            return await came_to_with(base, patch, programs, cells, place, SECONDS)

    once, again, *found = await together([base_row(1), base_row(2), *map(row, patches.values())])
    rows = dict(zip(patches, found, strict=True))
    results = {}
    for number, seen in once.items():
        told = {key: _digest(row[number]) for key, row in rows.items() if _tells(row.get(number))}
        if seen == again.get(number) and len(set(told.values())) > 1:
            members = evidence.clusters.members
            results[_name(programs[number])] = {id_: told[key] for key in told for id_ in members[key]}
    return results


async def _programs(
    evidence: Evidence, base: Sandbox, patches: Mapping[str, str], cells: CellStore, place: str
) -> Sequence[Program]:
    """Return the issue's programs, and those of it and of tests that call what changes, and variations."""
    shown = await shown_programs(evidence, base, cells, place)
    further = varied(await calling(base, tuple(patches.values()), shown), PROGRAMS)
    known = {one.source for one in shown}
    return (*shown, *(one for one in further if one.source not in known))[:PROGRAMS]


def _tells(seen: Seen | None) -> bool:
    """Whether a run tells anything: one that had no time left, or took too long, may do so by chance."""
    return seen is not None and seen.ended != LATE


def _name(program: Program) -> str:
    return hashlib.sha256(program.source.encode("utf-8", "surrogateescape")).hexdigest()[:12]


def _digest(seen: Seen) -> str:
    return hashlib.sha256(json.dumps(seen.model_dump(mode="json")).encode()).hexdigest()[:12]
