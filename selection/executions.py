"""How much of what candidates change is executed on the base, by the issue's programs and by failing tests.

A test that fails for the issue's reason runs into it: who changes nothing that runs there cannot mend it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from envs.executed import Ran, run_by_programs, run_by_tests
from envs.outcomes import Outcome
from sandbox.base import Sandbox, SandboxFileError
from sandbox.forks import forked
from selection.candidate import TestFile
from selection.cells import CellStore
from selection.differences.demonstrations import shown_programs
from selection.evidence import ISSUE, Evidence
from selection.matrix import BASE
from selection.scopes import Scope, changed_scopes, ran_scopes
from selection.votes import speaking

FILES = 16
"""Test files that are run, the first of the matrix."""
SECONDS, TOTAL = 10.0, 60.0
"""Time of one program, and of all; tests have as much as all programs, those of one run together."""


@dataclass(frozen=True, slots=True)
class _Bench:
    """Where runs are made, and where they are kept; `place` names the base and its environment."""

    base: Sandbox
    runner: str
    cells: CellStore
    place: str

    def key(self, *facts: object) -> str:
        """Return the key of a cell."""
        return hashlib.sha256(json.dumps(("executed 1", self.place, *facts)).encode()).hexdigest()


async def executions(
    evidence: Evidence,
    base: Sandbox,
    texts: Mapping[str, str],
    runner: str,
    *,
    cells: CellStore,
    place: str = "",
) -> Mapping[str, Mapping[str, float]]:
    """Return the share of what each candidate changes that runs on the base, by run and candidate id.

    Runs are the issue's programs together (`ISSUE`) and each generated test that fails on the base. One in
    which nothing of the repository is known to run is not there, nor is a candidate without a changed place
    (see `selection.scopes`).

    Args:
        evidence: candidates, the issue's text, and the matrix with its tests.
        base: the untouched repository.
        texts: the base's files that candidates touch, by path.
        runner: see `envs.testrun.run_tests`.
        cells: where it is kept what ran; nothing is run for it again.
        place: names the base and its environment.

    Raises:
        SandboxError: the base cannot be forked.
    """
    changed = {one.id: changed_scopes(one.patch, texts) for one in evidence.candidates}
    changed = {id_: places for id_, places in changed.items() if places}
    if not changed:
        return {}
    bench = _Bench(base, runner, cells, place)
    runs = {ISSUE: await _of_issue(evidence, bench), **await _of_tests(evidence, bench)}
    return {run: _shares(changed, ran_scopes(ran, texts)) for run, ran in runs.items() if ran}


def _shares(changed: Mapping[str, frozenset[Scope]], ran: frozenset[Scope]) -> Mapping[str, float]:
    return {id_: len(places & ran) / len(places) for id_, places in changed.items()}


async def _of_issue(evidence: Evidence, bench: _Bench) -> Ran:
    """Return what the issue's programs run, all together."""
    programs = await shown_programs(evidence, bench.base, bench.cells, bench.place)
    sources = [one.source for one in programs]
    if not sources:
        return {}
    key = bench.key(sources)
    if (known := bench.cells.get(key)) is None:
        async with forked(bench.base) as box:
            runs = await run_by_programs(box, sources, seconds=SECONDS, total=TOTAL)
        paths = sorted({path for ran in runs.values() for path in ran})
        together = {
            path: sorted({line for ran in runs.values() for line in ran.get(path, ())}) for path in paths
        }
        known = {"ran": together}
        await bench.cells.put(key, known)
    return {path: tuple(lines) for path, lines in known["ran"].items()}


async def _of_tests(evidence: Evidence, bench: _Bench) -> Mapping[str, Ran]:
    """Return what each test runs beside its own file, by its id."""
    wanted: dict[TestFile, dict[str, str]] = {}
    for test in speaking(evidence.matrix):
        hangs = evidence.matrix.outcome(test.id, BASE) is Outcome.TIMED_OUT
        if test.file is not None and test.target != test.file.path and not hangs:
            wanted.setdefault(test.file, {})[test.target] = test.id
    chosen = list(wanted)[:FILES]
    keys = {one: bench.key(bench.runner, one.path, one.content, sorted(wanted[one])) for one in chosen}
    for group in _groups([one for one in chosen if bench.cells.get(keys[one]) is None]):
        ran = await _run(group, {target for one in group for target in wanted[one]}, bench)
        for one in group:
            told = {target: ran[target] for target in wanted[one] if target in ran}
            await bench.cells.put(keys[one], {"ran": told})
    found: dict[str, Ran] = {}
    for one in chosen:
        known = bench.cells.get(keys[one]) or {"ran": {}}
        for target, ran in known["ran"].items():
            found[wanted[one][target]] = {
                path: tuple(lines) for path, lines in ran.items() if path != one.path
            }
    return found


async def _run(files: Sequence[TestFile], targets: set[str], bench: _Bench) -> Mapping[str, Ran]:
    texts = [(one.path, one.content) for one in files]
    async with forked(bench.base) as box:
        try:
            return await run_by_tests(box, bench.runner, texts, targets, timeout=TOTAL)
        except SandboxFileError:
            return {}


def _groups(files: Sequence[TestFile]) -> list[list[TestFile]]:
    """Return the files in groups of different paths, which can lie beside each other."""
    groups: list[list[TestFile]] = []
    for file in files:
        free = next((group for group in groups if all(one.path != file.path for one in group)), None)
        if free is None:
            groups.append([file])
        else:
            free.append(file)
    return groups
