from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from importlib import resources

from selection.cells import MemoryCells
from selection.clusters import cluster
from selection.differences.inputs import Difference, differing_inputs, lines_by_cluster
from selection.evidence import Evidence
from selection.matrix import BASE

BUGGY = (
    b"def clamp(x, low, high):\n    if x < low:\n        return low\n"
    b"    if x < high:\n        return high\n    return x\n"
)
RIGHT = BUGGY.replace(b"x < high", b"x > high")
ALMOST = BUGGY.replace(b"x < high", b"x >= high + 1")
"""The same for whole numbers, not for others."""


def guest(*programs, seconds=2, total=20):
    path = resources.files("selection.differences") / "guest" / "run.py"
    order = {"programs": programs, "seconds": seconds, "total": total, "characters": 60}
    done = subprocess.run(
        [sys.executable, str(path)],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_guest_tells_values_of_expressions_and_of_what_is_asserted():
    (found,) = guest("import math\nx = math.floor(2.5)\nx + 1\nassert math.ceil(0.5) == 7\nprint('hello')")
    assert found["seen"] == [
        ["math.floor(2.5)", "2"],
        ["x + 1", "3"],
        ["math.ceil(0.5)", "1"],
        ["print('hello')", "None"],
        ["printed", "'hello\\n'"],
    ]
    assert found["ended"] == "ended"


def test_the_guest_outlives_whatever_programs_do():
    found = guest(
        "1 / 0",
        "while True: pass",
        "import os; os._exit(3)",
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "print('x' * 10**6)\n'y' * 10**6",
        "class A: pass\nA()",
        "def f(",
        "raise SystemExit(2)",
        "2 + 2",
    )
    ended = [one["ended"] for one in found]
    assert ended[0] == "raises ZeroDivisionError: 'division by zero'"
    assert ended[1] == "runs out of time"
    assert ended[2] == "ends without a word"
    assert ended[3] == "dies of signal 9"
    assert all(len(value) < 80 for _, value in found[4]["seen"])
    assert found[5]["seen"] == [["A()", "<program.A object at 0x>"]]
    assert ended[6].startswith("raises SyntaxError")
    assert ended[7].startswith("raises SystemExit")
    assert found[8]["seen"] == [["2 + 2", "4"]]


def test_the_guest_is_bounded_in_all():
    assert len(guest(*["import time; time.sleep(1)"] * 20, total=2)) < 6


async def test_programs_differ_where_no_test_does_and_nothing_is_run_twice(scene):
    right = scene.candidate("right", {"calc/__init__.py": RIGHT})
    almost = scene.candidate("almost", {"calc/__init__.py": ALMOST})
    pool = (right, almost)
    clusters = await cluster(scene.base, pool)
    issue = "clamp\n\n```python\nfrom calc import clamp\nclamp(9.5, 0, 9)\n```\n"
    known = Evidence("t", "calc", issue, pool, clusters)
    cells = MemoryCells()
    found = await differing_inputs(known, scene.base, cells=cells, commit="c")
    first = found[0]
    assert first.origin == "the issue"
    rows = {id_: key for key, ids in clusters.members.items() for id_ in ids}
    told = {
        name: first.results[key].seen
        for name, key in (("right", rows[right.id]), ("almost", rows[almost.id]))
    }
    assert told == {"right": (("clamp(9.5, 0, 9)", "9"),), "almost": (("clamp(9.5, 0, 9)", "9.5"),)}
    assert first.results[BASE].seen == (("clamp(9.5, 0, 9)", "9.5"),)
    lines = lines_by_cluster(found)
    assert "clamp(9.5, 0, 9): 9.5 without the patch, 9 with it [the issue]" in lines[rows[right.id]]
    again = await differing_inputs(known, None, cells=cells, commit="c")
    assert again == found
    ran = len(cells)
    await differing_inputs(known, scene.base, cells=cells, commit="c", place="another image")
    assert len(cells) == ran + 1


async def test_a_candidate_that_ends_the_run_keeps_nobody_from_being_told(scene):
    right = scene.candidate("right", {"calc/__init__.py": RIGHT})
    rude = scene.candidate("rude", {"calc/__init__.py": b"import os\nos._exit(0)\n" + BUGGY})
    known = Evidence("t", "calc", "none", (right, rude), await cluster(scene.base, (right, rude)))
    found = await differing_inputs(known, scene.base, cells=MemoryCells())
    assert found
    assert all(known.clusters.key_of(rude.id) not in one.results for one in found)


async def test_no_candidate_and_no_program_is_no_difference(scene):
    nothing = Evidence("t", "calc", "words only")
    assert await differing_inputs(nothing, scene.base, cells=MemoryCells()) == ()
    one = scene.candidate("data", {"data.txt": b"x\n"})
    known = replace(nothing, candidates=(one,), clusters=await cluster(scene.base, (one,)))
    assert await differing_inputs(known, scene.base, cells=MemoryCells()) == ()


def test_where_a_program_is_from_tells_what_it_has_in_place_of_what():
    found = Difference(source="f('new')", origin="t.py::test", varied="'old' -> 'new'", results={})
    assert found.where == "t.py::test, with 'new' in place of 'old'"
