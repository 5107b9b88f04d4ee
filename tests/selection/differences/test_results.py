"""What programs come to with every candidate: equal for those that behave alike, and run once."""

from __future__ import annotations

from dataclasses import replace

from selection.cells import MemoryCells
from selection.clusters import cluster
from selection.differences.results import results_of
from selection.evidence import Evidence
from tests.selection.differences.test_inputs import ALMOST, BUGGY, RIGHT

OTHERWISE = RIGHT.replace(b"    return x\n", b"    else:\n        return x\n")
ENDLESS = RIGHT.replace(b"return high", b"while True:\n            pass")


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
    issue = "clamp is wrong\n\n```python\nfrom calc import clamp\nclamp(7, 0, 5)\nclamp(5.5, 0, 5)\n```\n"
    evidence = await evidence_of(scene, RIGHT, OTHERWISE, ALMOST, BUGGY + b"\n\nEXTRA = 1\n", issue=issue)
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


async def test_a_program_that_takes_too_long_with_somebody_tells_nothing(scene):
    evidence = await evidence_of(
        scene,
        RIGHT,
        ENDLESS,
        issue="clamp is wrong\n\n```python\nfrom calc import clamp\nclamp(7, 0, 5)\n```\n",
    )
    assert await results_of(evidence, scene.base, cells=MemoryCells()) == {}


async def test_one_program_has_nobody_to_agree_with(scene):
    cells = Counting()
    assert await results_of(await evidence_of(scene, RIGHT), scene.base, cells=cells) == {}
    assert cells.put_in == 0
