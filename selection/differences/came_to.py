"""What programs come to with a patch, kept for each list of programs and each patch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

from sandbox.base import Sandbox, SandboxError
from selection.cells import CellStore
from selection.differences.inputs import TOTAL, Seen, run_programs
from selection.differences.programs import Program


async def came_to(
    base: Sandbox,
    patch: str,
    programs: Sequence[Program],
    cells: CellStore,
    place: str,
    turn: int = 1,
    seconds: float = TOTAL,
) -> Mapping[int, Seen]:
    """Return what each program came to with a patch, by its number; some had no time in all the seconds.

    Args:
        base: the untouched repository.
        patch: what is applied to it; empty for the base itself.
        programs: are run in their order, each in a process of its own.
        cells: where what programs came to is kept; nothing is run for it again.
        place: names the base and its environment.
        turn: which run of the same it is.
        seconds: time of all of them.

    Raises:
        SandboxError: the base cannot be forked.
    """
    facts = ("came to 1", place, patch, [one.source for one in programs], turn, seconds)
    key = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
    if (known := cells.get(key)) is not None:
        return {int(number): Seen.model_validate(seen) for number, seen in known["seen"].items()}
    found = await run_programs(base, patch, programs, seconds)
    await cells.put(
        key, {"seen": {str(number): seen.model_dump(mode="json") for number, seen in found.items()}}
    )
    return found


async def came_to_with(
    base: Sandbox,
    patch: str,
    programs: Sequence[Program],
    cells: CellStore,
    place: str,
    seconds: float = TOTAL,
) -> Mapping[int, Seen]:
    """Return what `came_to` does of a candidate's patch: nothing where that takes its sandbox along.

    So it is silent, and alone; the others are run in sandboxes of their own.
    """
    try:
        return await came_to(base, patch, programs, cells, place, seconds=seconds)
    except SandboxError:
        return {}
