"""What programs come to with every candidate: equal for those that behave alike, and run once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sandbox.base import SandboxGoneError
from selection.cells import MemoryCells
from selection.clusters import cluster
from selection.differences.inputs import run_programs
from selection.differences.results import results_of
from selection.evidence import Evidence
from tests.selection.differences.test_inputs import ALMOST, BUGGY, RIGHT

OTHERWISE = RIGHT.replace(b"    return x\n", b"    else:\n        return x\n")
ENDLESS = RIGHT.replace(b"return high", b"while True:\n            pass")
GONE = RIGHT + b"\n\nTAKES_THE_SANDBOX_ALONG = 1\n"
ISSUE = "clamp is wrong\n\n```python\nfrom calc import clamp\nclamp(7, 0, 5)\nclamp(5.5, 0, 5)\n```\n"


async def evidence_of(scene, *sources, issue=""):
    pool = tuple(
        scene.candidate(str(number), {"calc/__init__.py": source}) for number, source in enumerate(sources)
    )
    return Evidence(
        task="t", problem_statement=issue, candidates=pool, clusters=await cluster(scene.base, pool)
    )


class Counting(MemoryCells):
    """Cells that count what is put in."""

    put_in = 0

    async def put(self, key, value):
        self.put_in += 1
        await super().put(key, value)


async def test_programs_that_behave_alike_come_to_the_same(scene):
    evidence = await evidence_of(scene, RIGHT, OTHERWISE, ALMOST, BUGGY + b"\n\nEXTRA = 1\n", issue=ISSUE)
    right, otherwise, almost, idle = (one.id for one in evidence.candidates)
    cells = Counting()
    found = await results_of(evidence, scene.base, cells=cells, parallel=2)
    assert found
    assert all(row[right] == row[otherwise] for row in found.values())
    assert any(len({row[right], row[almost], row[idle]}) == 3 for row in found.values())
    assert all(len(set(row.values())) > 1 for row in found.values())
    assert await results_of(evidence, scene.base, cells=cells) == found
    assert cells.put_in == 2 + len(evidence.clusters.members)
    known = replace(evidence, results=found).only([right, almost])
    assert {id_ for row in known.results.values() for id_ in row} == {right, almost}


async def test_who_takes_too_long_or_the_sandbox_along_is_silent_alone(scene, monkeypatch):
    evidence = await evidence_of(scene, RIGHT, ALMOST, ENDLESS, GONE, issue=ISSUE)
    right, almost, endless, gone = (one.id for one in evidence.candidates)

    async def run(base, patch, programs, seconds):
        if GONE.decode().splitlines()[-1] in patch:
            raise SandboxGoneError("the container is gone")
        return await run_programs(base, patch, programs, seconds)

    monkeypatch.setattr("selection.differences.came_to.run_programs", run)
    found = await results_of(evidence, scene.base, cells=MemoryCells())
    assert all({right, almost} <= set(row) and gone not in row for row in found.values())
    assert any(endless in row for row in found.values())
    assert any(endless not in row for row in found.values())


async def test_a_base_that_cannot_be_run_is_told_as_such(scene, monkeypatch):
    async def run(base, patch, programs, seconds):
        raise SandboxGoneError("the container is gone")

    monkeypatch.setattr("selection.differences.came_to.run_programs", run)
    with pytest.raises(SandboxGoneError):
        await results_of(
            await evidence_of(scene, RIGHT, ALMOST, issue=ISSUE), scene.base, cells=MemoryCells()
        )


async def test_what_is_not_the_same_twice_on_the_base_tells_nothing(scene):
    issue = ISSUE.replace("clamp(7, 0, 5)", "import time; clamp(time.time(), 0, 2 * time.time())")
    issue = issue.replace("clamp(5.5, 0, 5)\n", "")
    evidence = await evidence_of(scene, RIGHT, RIGHT + b"\n\nEXTRA = 1\n", issue=issue)
    assert await results_of(evidence, scene.base, cells=MemoryCells()) == {}


async def test_values_that_are_no_text_are_compared_as_any(scene):
    odd = b"class Odd:\n    def __repr__(self):\n        return chr(0xD800)\n\n\n"
    strange = odd + b"def clamp(x, low, high):\n    return Odd()\n"
    evidence = await evidence_of(scene, RIGHT, strange, issue=ISSUE)
    assert await results_of(evidence, scene.base, cells=MemoryCells())


async def test_names_that_the_issue_leaves_out_are_known_in_variations_too(scene):
    """Each would end in the same NameError else, and part nobody."""
    bare = "clamp is wrong\n\n```python\nclamp(7, 0, 5)\n```\n"
    evidence = await evidence_of(scene, RIGHT, BUGGY + b"\n\nEXTRA = 1\n", issue=bare)
    whole = await results_of(evidence, scene.base, cells=MemoryCells())
    assert len(whole) > 3


async def test_one_program_has_nobody_to_agree_with(scene):
    cells = Counting()
    assert await results_of(await evidence_of(scene, RIGHT), scene.base, cells=cells) == {}
    assert cells.put_in == 0
