"""How much of what candidates change runs on the base."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selection.cells import MemoryCells
from selection.clusters import cluster
from selection.evidence import ISSUE, Evidence
from selection.executions import executions
from selection.features import measure
from selection.matrix import run_matrix
from selection.verifiers.surroundings import base_texts
from tests.selection.conftest import RUNNER
from tests.selection.differences.test_inputs import BUGGY, RIGHT

DOUBLE = b"def double(x):\n    return x + x\n"
SHOWN = "clamp is wrong\n\n```python\nclamp(7, 0, 5)\n```\n"
HIGH = b"from calc import clamp\n\n\ndef test_high():\n    assert clamp(7, 0, 5) == 5\n"
TWICE = (
    b"from calc.extra import double\n\n\ndef test_double():\n    assert double(2) == 5\n\n\n"
    b"def test_fine():\n    assert double(2) == 4\n"
)


class Counting(MemoryCells):
    """Cells that count what is put in, and can be cut off."""

    left = 1000

    async def put(self, key, value):
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        await super().put(key, value)


async def evidence_in(scene, issue="", **tests):
    def made(origin, changes):
        return scene.candidate(
            origin, changes | ({f"tests/test_{origin}.py": tests[origin]} if origin in tests else {})
        )

    pool = (
        made("right", {"calc/__init__.py": RIGHT}),
        made("aside", {"calc/extra.py": DOUBLE}),
        made("both", {"calc/__init__.py": RIGHT, "calc/extra.py": DOUBLE}),
        made("new", {"calc/more.py": b"X = 1\n"}),
        made("blank", {}),
    )
    clusters = await cluster(scene.base, pool)
    matrix = await run_matrix(scene.task, scene.base, pool, clusters, timeout=30.0)
    return Evidence("t", problem_statement=issue, candidates=pool, clusters=clusters, matrix=matrix)


async def ran_in(scene, evidence, cells=None):
    texts = await base_texts(scene.base, [one.patch for one in evidence.candidates])
    return await executions(evidence, scene.base, texts, RUNNER, cells=cells or MemoryCells())


def measured(evidence, ran):
    found = measure(replace(evidence, executed=ran))
    return {one.origin: found.get(one.id, {}).get("executed") for one in evidence.candidates}


async def test_who_changes_what_the_issue_runs_is_told_from_who_does_not_and_nothing_runs_again(scene):
    evidence, cells = await evidence_in(scene, SHOWN), Counting()
    ran = await ran_in(scene, evidence, cells)
    assert list(ran) == [ISSUE]
    both = evidence.candidates[2]
    assert ran[ISSUE][both.id] == 0.5
    assert measured(evidence, ran) == {"right": 1.0, "aside": 0.0, "both": 1.0, "new": None, "blank": None}
    cells.left = 0
    assert await ran_in(scene, evidence, cells) == ran
    aside = replace(evidence, executed=ran).only([evidence.candidates[1].id])
    assert measured(aside, aside.executed) == {"aside": None}  # nothing of anybody's is executed


async def test_failing_tests_of_others_count_and_own_ones_do_not(scene):
    evidence = await evidence_in(scene, right=HIGH, aside=TWICE)
    ran = await ran_in(scene, evidence)
    assert sorted(run.partition(":")[2] for run in ran) == [
        "tests/test_aside.py::test_double",
        "tests/test_right.py::test_high",
    ]
    assert measured(evidence, ran) == {"right": 0.0, "aside": 0.0, "both": 1.0, "new": None, "blank": None}
    alone = replace(evidence, executed=ran).only(
        [one.id for one in evidence.candidates if one.origin != "aside"]
    )
    assert [run.partition(":")[2] for run in alone.executed] == ["tests/test_right.py::test_high"]
    assert measured(alone, alone.executed) == {"right": None, "both": 1.0, "new": None, "blank": None}


async def test_tests_of_one_path_do_not_hide_each_other(scene):
    one, other = (
        scene.candidate(name, {"calc/__init__.py": text, "tests/test_same.py": test})
        for name, text, test in (("one", RIGHT, HIGH), ("other", BUGGY + b"\n\nX = 1\n", TWICE))
    )
    clusters = await cluster(scene.base, (one, other))
    matrix = await run_matrix(scene.task, scene.base, (one, other), clusters, timeout=30.0)
    evidence = Evidence("t", candidates=(one, other), clusters=clusters, matrix=matrix)
    ran = await ran_in(scene, evidence)
    assert {run.rpartition("::")[2]: shares[one.id] for run, shares in ran.items()} == {
        "test_high": 1.0,
        "test_double": 0.0,
    }


@pytest.mark.parametrize(
    "issue", ["clamp is wrong", "```python\nimport nowhere_at_all\n```", "```python\n1 + 1\n```"]
)
async def test_where_nothing_of_the_repository_runs_nothing_is_known(scene, issue):
    evidence = await evidence_in(scene, issue)
    assert await ran_in(scene, evidence) == {}
    assert set(measured(evidence, {}).values()) == {None}


async def test_an_interrupted_look_goes_on_where_it_stopped(scene):
    evidence = await evidence_in(scene, SHOWN, right=HIGH, aside=TWICE)
    whole, cells = Counting(), Counting()
    expected = await ran_in(scene, evidence, whole)
    puts = len(whole)
    for allowed in range(puts):
        cells = Counting()
        cells.left = allowed
        with pytest.raises(KeyboardInterrupt):
            await ran_in(scene, evidence, cells)
        assert len(cells) == allowed
        cells.left = puts - allowed
        assert await ran_in(scene, evidence, cells) == expected
        assert cells.left == 0
