"""Inputs on which programs differ: small programs run on the base and on every cluster, without any model."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from importlib import resources

from agent.excerpts import first_line
from agent.messages import Value
from envs.regressions import existing_tests
from sandbox.base import PatchError, Sandbox, SandboxFileError
from sandbox.forks import forked
from selection.cells import CellStore
from selection.clusters import touched
from selection.differences.programs import Program, changed_names, harvest, issue_programs, varied
from selection.evidence import Evidence
from selection.matrix import BASE
from selection.verifiers.surroundings import base_texts

PROGRAMS = 120
"""Programs that are run in every row."""
TESTS = 6
"""Existing test files that programs are harvested from, the nearest first."""
SECONDS, TOTAL = 3.0, 60.0
"""Time of one program, and of all in one row."""
CHARACTERS = 300
"""Characters of a value that are kept."""
SHORT = 80
"""Characters of a varied value that are told."""
LATE = "runs out of time"
"""How a program ends that takes longer."""
LISTED = 8
"""Differences that a cluster is told of."""


class Seen(Value):
    """What one program came to: expressions with their values, and how it ended."""

    seen: tuple[tuple[str, str], ...] = ()
    ended: str = "was not run"


class Difference(Value):
    """A program that rows differ in; `results` are by cluster key, the base's by `BASE`."""

    source: str
    origin: str
    varied: str
    results: dict[str, Seen]

    def line(self, row: str) -> str:
        """Return in one line what a row came to, beside the base."""
        mine, base = self.results.get(row, Seen()), self.results.get(BASE, Seen())
        what, before, now = _first_parting(base, mine)
        return f"{what}: {before} without the patch, {now} with it"

    @property
    def where(self) -> str:
        """Where the program is from, and what was varied in it."""
        if not self.varied:
            return self.origin
        old, _, new = self.varied.partition(" -> ")
        return f"{self.origin}, with {parting(new, old)} in place of {parting(old, new)}"


async def differing_inputs(
    evidence: Evidence,
    base: Sandbox,
    *,
    cells: CellStore,
    commit: str = "",
    place: str = "",
    most: int = PROGRAMS,
    seconds: float = TOTAL,
    seed: int = 0,
) -> tuple[Difference, ...]:
    """Return the programs in which clusters part from each other or from the base, the most telling first.

    A program that does not come to the same twice on the base tells nothing.

    Args:
        evidence: whose clusters.
        base: the untouched repository.
        cells: where what was found is kept; nothing is run for it again.
        commit: the base commit.
        place: names the image, tree and limits of the base: what was found in another is not taken for it.
        most: programs that are run in each row.
        seconds: time of all programs in one row.
        seed: of the variations.

    Raises:
        SandboxError: the base cannot be read or forked.
    """
    patches = {key: evidence.candidate(ids[0]).patch for key, ids in evidence.clusters.members.items()}
    issue = evidence.problem_statement
    facts = ("inputs 2", commit, place, sorted(patches.items()), issue, most, seconds, seed)
    name = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
    if (known := cells.get(name)) is not None:
        return tuple(Difference.model_validate(one) for one in known["differences"])
    found = await _search(evidence, base, patches, most, seconds, seed)
    await cells.put(name, {"differences": [one.model_dump(mode="json") for one in found]})
    return found


async def _search(
    evidence: Evidence, base: Sandbox, patches: Mapping[str, str], most: int, seconds: float, seed: int
) -> tuple[Difference, ...]:
    shown = tuple(issue_programs(evidence.problem_statement))
    programs = varied(await calling(base, patches.values(), shown), most, seed)
    if not programs:
        return ()
    once, again = [await run_programs(base, "", programs, seconds) for _ in range(2)]
    rows = {BASE: once}
    for key, patch in patches.items():
        row = await run_programs(base, patch, programs, seconds)
        if row:  # one that ends the run at its import tells nothing
            rows[key] = row
    found = []
    for number, program in enumerate(programs):
        results = {key: row[number] for key, row in rows.items() if number in row}
        if len(results) == len(rows) and once[number] == again.get(number) and len(set(results.values())) > 1:
            found.append(
                Difference(
                    source=program.source, origin=program.origin, varied=program.varied, results=results
                )
            )
    return tuple(sorted(found, key=_telling))


def lines_by_cluster(found: Sequence[Difference]) -> Mapping[str, str]:
    """Return the differences as readable lines by cluster key, those first in which clusters part."""
    rows = {row for one in found for row in one.results if row != BASE}
    told: dict[str, str] = {}
    for row in sorted(rows):
        lines: dict[str, str] = {}
        for one in found:
            if one.results.get(row) != one.results.get(BASE):
                lines.setdefault(one.line(row), one.where)
        for one in found:
            if one.results.get(row) == one.results.get(BASE) and _clusters_part(one):
                lines.setdefault(f"as without the patch, where others differ: {_what(one)}", one.where)
        told[row] = "\n".join(f"- {line} [{where}]" for line, where in list(lines.items())[:LISTED])
    return told


def parting(text: str, other: str, room: int = SHORT) -> str:
    """Return a text where there is room for it, and else the part in which another begins to differ."""
    if len(text) <= room:
        return text or "nothing"
    pairs = enumerate(zip(text, other, strict=False))
    place = next((number for number, (one, two) in pairs if one != two), min(len(text), len(other)))
    start = max(0, place - room // 3)
    end = min(len(text), start + room)
    return f"{'...' if start else ''}{text[start:end]}{'...' if end < len(text) else ''}"


def _what(one: Difference) -> str:
    other = next(row for row in sorted(one.results) if one.results[row] != one.results[BASE])
    what, before, _ = _first_parting(one.results[BASE], one.results[other])
    return f"{what}: {before}"


def _telling(one: Difference) -> tuple[bool, bool, bool, int, str]:
    """Return a difference's place: clusters part, it is the issue's own, the base raises, it is short."""
    raises = one.results[BASE].ended.startswith("raises")
    return (
        not _clusters_part(one),
        one.origin != "the issue" or bool(one.varied),
        not raises,
        len(one.source) + 1_000 * bool(one.varied),
        one.source,
    )


def _clusters_part(one: Difference) -> bool:
    return len({seen for row, seen in one.results.items() if row != BASE}) > 1


def _first_parting(base: Seen, mine: Seen) -> tuple[str, str, str]:
    """Return the first expression of which two runs differ, and what each came to."""
    for (label, before), (_, now) in zip(base.seen, mine.seen, strict=False):
        if before != now:
            return first_line(label), before, now
    longer = max(base.seen, mine.seen, key=len)
    at = min(len(base.seen), len(mine.seen))
    label = first_line(longer[at][0]) if at < len(longer) else "the end"

    def came_to(one: Seen) -> str:
        return one.seen[at][1] if at < len(one.seen) else one.ended

    return label, came_to(base), came_to(mine)


async def calling(base: Sandbox, patches: Collection[str], shown: Sequence[Program]) -> tuple[Program, ...]:
    """Return programs that call what patches change: of those shown by the issue, and of tests near it.

    Raises:
        SandboxError: the base cannot be read or forked.
    """
    before = await base_texts(base, patches)
    names: set[str] = set()
    for patch in patches:
        names |= changed_names(before, await _patched(base, patch, before))
    return harvest(await _tests(base, patches), shown, names)


async def _patched(base: Sandbox, patch: str, before: Mapping[str, str]) -> Mapping[str, str]:
    async with forked(base) as box:
        try:
            await box.apply_patch(patch)
        except PatchError:
            return before
        return await base_texts(box, [patch])


async def _tests(base: Sandbox, patches: Iterable[str]) -> Mapping[str, str]:
    paths = sorted({path for patch in patches for path in touched(patch)})
    texts: dict[str, str] = {}
    for path in await existing_tests(base, paths, limit=TESTS):
        try:
            texts[path] = (await base.read(path)).decode("utf-8", "replace")
        except SandboxFileError:
            continue
    return texts


async def run_programs(
    base: Sandbox, patch: str, programs: Sequence[Program], seconds: float = TOTAL
) -> dict[int, Seen]:
    """Return what each program came to in one row, by its number; some had no time in all the seconds."""
    guest = (resources.files("selection.differences") / "guest" / "run.py").read_text(encoding="utf-8")
    order = {
        "programs": [one.source for one in programs],
        "seconds": SECONDS,
        "total": seconds,
        "characters": CHARACTERS,
    }
    async with forked(base) as box:
        if patch:
            try:
                await box.apply_patch(patch)
            except PatchError:
                return {}
        result = await box.exec(
            ["python", "-c", guest],
            stdin=json.dumps(order).encode("utf-8", "surrogateescape"),
            timeout=seconds + 2 * SECONDS + 10,
            env={"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"},
            output=8 << 20,
        )
    return await asyncio.to_thread(_read, result.text)


def _read(text: str) -> dict[int, Seen]:
    found: dict[int, Seen] = {}
    for line in text.splitlines():
        try:
            told = json.loads(line)
            found[int(told["n"])] = Seen.model_validate({"seen": told["seen"], "ended": told["ended"]})
        except (ValueError, KeyError, TypeError):
            continue
    return found
