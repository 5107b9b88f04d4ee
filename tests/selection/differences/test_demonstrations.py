"""Candidates that change what the issue's own programs come to, and those that do not."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from importlib import resources

from agent.models.repair.names import undefined_names
from sandbox.base import SandboxGoneError
from selection.cells import MemoryCells
from selection.clusters import cluster
from selection.differences.demonstrations import FACT, demonstrated
from selection.differences.inputs import run_programs
from selection.differences.programs import issue_programs
from selection.evidence import Evidence
from selection.features import measure
from tests.selection.differences.test_inputs import RIGHT

ISSUE = "clamp is wrong\n\n```python\nclamp(7, 0, 5)\n```\n"


class Counting(MemoryCells):
    """Cells that count what is put in."""

    put_in = 0

    async def put(self, key, value):
        self.put_in += 1
        await super().put(key, value)


async def evidence_in(scene, issue):
    pool = (
        scene.candidate("right", {"calc/__init__.py": RIGHT}),
        scene.candidate("idle", {"calc/__init__.py": scene.tree["calc/__init__.py"] + b"\n\nEXTRA = 1\n"}),
        scene.candidate("broken", {"calc/__init__.py": b"raise RuntimeError\n"}),
    )
    return Evidence(
        task="t", problem_statement=issue, candidates=pool, clusters=await cluster(scene.base, pool)
    )


async def test_who_changes_what_the_issue_shows_is_told_from_who_does_not(scene):
    base = scene.base
    evidence, cells = await evidence_in(scene, ISSUE), Counting()
    right, idle, broken = (one.id for one in evidence.candidates)
    found = await demonstrated(evidence, base, cells=cells)
    assert {id_: facts[FACT] for id_, facts in found.items()} == {right: 1.0, idle: 0.0, broken: 1.0}
    assert await demonstrated(evidence, base, cells=cells) == found
    assert cells.put_in == 1 + 2 + len(evidence.clusters.members)
    known = evidence.with_facts(found)
    assert [measure(known)[id_][FACT] for id_ in (right, idle)] == [1.0, 0.0]
    assert known.only([idle]).facts == {idle: {FACT: 0.0}}


async def test_who_takes_the_sandbox_along_is_silent_alone(scene, monkeypatch):
    evidence = await evidence_in(scene, ISSUE)
    right, idle, _ = (one.id for one in evidence.candidates)

    async def run(base, patch, programs, seconds):
        if "raise RuntimeError" in patch:
            raise SandboxGoneError("the container is gone")
        return await run_programs(base, patch, programs, seconds)

    monkeypatch.setattr("selection.differences.came_to.run_programs", run)
    assert set(await demonstrated(evidence, scene.base, cells=MemoryCells())) == {right, idle}


async def test_programs_that_cannot_be_had_or_trusted_tell_nothing(scene):
    base = scene.base
    for issue in ("clamp is wrong", "```python\nimport random\nrandom.random()\n```"):
        evidence = await evidence_in(scene, issue)
        assert await demonstrated(evidence, base, cells=MemoryCells()) == {}
    nobody = replace(evidence, problem_statement=ISSUE, candidates=(), clusters=type(evidence.clusters)())
    assert await demonstrated(nobody, base, cells=MemoryCells()) == {}


def test_names_that_a_program_leaves_out_are_told_from_those_it_makes():
    source = "import a.b as c\ndef f(x, *rest):\n    return x + y\nfor i in range(3):\n    f(i, len(c.z))\n"
    assert undefined_names(source) == ["y"]
    assert undefined_names("from m import *\nLatex(3 * x)\n") == ["Latex", "x"]


def test_the_guest_finds_the_shallowest_home_of_a_name(tmp_path):
    for path, text in {
        "pkg/__init__.py": "from pkg.deep import Thing\n",
        "pkg/abc.py": "x, y = 1, 2\nz == 3\n",
        "pkg/deep/__init__.py": "class Thing: pass\nx = 5\n",
        "pkg/tests/__init__.py": "helper = 1\n",
        "loose/thing.py": "alone = 1\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    guest = resources.files("selection.differences") / "guest" / "homes.py"
    names = json.dumps(["x", "y", "z", "Thing", "helper", "alone"])
    done = subprocess.run(
        [sys.executable, str(guest)], input=names, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == {"x": "pkg.abc", "y": "pkg.abc", "Thing": "pkg.deep"}


def test_further_lines_of_an_input_are_read_as_ipython_shows_them():
    issue = "T\n\n```\nIn [1]: from m import *\n        a = f(1)\n\nIn [2]: a\nOut[2]: 5\n```\n"
    assert [one.source for one in issue_programs(issue)] == ["from m import *\na = f(1)\na"]
    matrix = "T\n\n```\n>>> f(2)\n        [1 2]\n>>> g()\n```\n"
    assert [one.source for one in issue_programs(matrix)] == ["f(2)\ng()"]
