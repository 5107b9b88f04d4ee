"""Which candidates change what the issue's own programs come to: who changes nothing there mends nothing.

No expected value is needed, so the programs of an issue that says what is wrong, but not what would be right,
tell something too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import resources

from pydantic import TypeAdapter, ValidationError

from agent.models.repair.names import undefined_names
from sandbox.base import Sandbox
from sandbox.forks import forked
from selection.cells import CellStore
from selection.differences.came_to import came_to, came_to_with
from selection.differences.programs import Program, issue_programs
from selection.evidence import Evidence

FACT = "demonstration"
"""The fact's name: 1 where some program of the issue comes to something else than on the base, else 0."""
MOST = 8
"""Programs of an issue that are run."""
SECONDS = 30.0
"""Time of looking for names in the repository."""
HOMES = TypeAdapter(dict[str, str])


async def demonstrated(
    evidence: Evidence, base: Sandbox, *, cells: CellStore, place: str = ""
) -> Mapping[str, Mapping[str, float]]:
    """Return the fact `demonstration` of every candidate that could be run, by id.

    Nothing is returned where the issue shows no program, or none that comes to the same twice on the base.

    Args:
        evidence: candidates, clusters and the issue's text.
        base: the untouched repository.
        cells: where what programs came to is kept; nothing is run for it again.
        place: names the base and its environment.

    Raises:
        SandboxError: the base cannot be forked.
    """
    programs = await shown_programs(evidence, base, cells, place) if evidence.clusters.members else ()
    if not programs:
        return {}
    once, again = [await came_to(base, "", programs, cells, place, turn) for turn in (1, 2)]
    steady = [number for number, seen in once.items() if again.get(number) == seen]
    found: dict[str, Mapping[str, float]] = {}
    for ids in evidence.clusters.members.values() if steady else ():
        row = await came_to_with(base, evidence.candidate(ids[0]).patch, programs, cells, place)
        if row:
            changed = any(number in row and row[number] != once[number] for number in steady)
            found |= {id_: {FACT: float(changed)} for id_ in ids}
    return found


async def shown_programs(
    evidence: Evidence, base: Sandbox, cells: CellStore, place: str = ""
) -> tuple[Program, ...]:
    """Return the issue's programs; names that they leave out are imported, as issues omit what all know.

    Args:
        evidence: whose issue.
        base: the untouched repository, in which names are looked for.
        cells: where it is kept where names are defined.
        place: names the base and its environment.

    Raises:
        SandboxError: the base cannot be forked.
    """
    shown = list(issue_programs(evidence.problem_statement))[:MOST]
    missing = {one.source: undefined_names(one.source) for one in shown}
    wanted = sorted({name for names in missing.values() for name in names})
    homes = await _homes(base, wanted, cells, place) if wanted else {}
    return tuple(
        replace(
            one,
            source="".join(_import(name, homes[name]) for name in missing[one.source] if name in homes)
            + one.source,
        )
        for one in shown
    )


async def _homes(base: Sandbox, names: Sequence[str], cells: CellStore, place: str) -> Mapping[str, str]:
    """Return the module of the repository that defines each name; names without one are missing."""
    key = hashlib.sha256(json.dumps(("homes 1", place, names)).encode()).hexdigest()
    if (known := cells.get(key)) is not None:
        return HOMES.validate_python(known["homes"])
    guest = (resources.files("selection.differences") / "guest" / "homes.py").read_text(encoding="utf-8")
    async with forked(base) as box:
        done = await box.exec(["python", "-c", guest], stdin=json.dumps(names).encode(), timeout=SECONDS)
    try:
        found = HOMES.validate_json(done.output)
    except ValidationError:
        found = {}
    await cells.put(key, {"homes": found})
    return found


def _import(name: str, module: str) -> str:
    """Return what imports a name: from the package itself where it has it, as its users would."""
    package = module.partition(".")[0]
    return (
        f"try:\n    from {package} import {name}\nexcept Exception:\n"
        f"    try:\n        from {module} import {name}\n    except Exception:\n        pass\n"
    )
