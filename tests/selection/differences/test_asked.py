from __future__ import annotations

import pytest

from agent.context.tokens import guessed
from agent.models.errors import ModelError
from envs.outcomes import Outcome
from selection.cells import MemoryCells
from selection.clusters import Clusters, cluster
from selection.differences.asked import Separator, indistinct
from selection.duel import Trials
from selection.evidence import Evidence
from selection.matrix import BASE, TestCase, TestMatrix
from selection.verifiers.material import Material
from tests.selection.readers import Reader, asker

BUGGY = (
    b"def clamp(x, low, high):\n    if x < low:\n        return low\n"
    b"    if x < high:\n        return high\n    return x\n"
)
TEST = '<test path="tests/test_parts.py">\nfrom calc import clamp\n\n\ndef test():\n    assert {}\n</test>'
ALIKE, PARTS = TEST.format("clamp(10, 0, 9) == 9"), TEST.format("clamp(9.5, 0, 9) == 9")


@pytest.fixture
async def ask(scene):
    right = scene.candidate("right", {"calc/__init__.py": BUGGY.replace(b"x < high", b"x > high")})
    almost = scene.candidate("almost", {"calc/__init__.py": BUGGY.replace(b"x < high", b"x >= high + 1")})
    pool = (right, almost)
    known = Evidence("t", "calc", "clamp is wrong", pool, await cluster(scene.base, pool))
    trials = Trials(scene.task, scene.base, MemoryCells(), seconds=30)

    async def separate(*said, tokens=32_000):
        replies = iter(said)
        model = Reader(lambda *_: next(replies))
        separator = Separator(asker(model), Material(known, tokens=tokens), trials, scene.task.test_runner)
        return model, await separator.separate(pool)

    return separate


async def test_a_test_is_taken_when_it_does_not_do_the_same_with_all(ask):
    model, file = await ask(ALIKE, "no", PARTS)
    assert (file.path, file.author) == ("tests/test_parts.py", "differences")
    heard = [one.content for one in model.asked[-1][0] if one.role == "user"]
    assert "does not tell the candidates apart" in heard[1]
    assert "it has no <test> block" in heard[2]


async def test_what_never_separates_is_not_taken(ask):
    assert (await ask(ALIKE, ALIKE, TEST.format("False")))[1] is None
    assert (await ask(ModelError("gone")))[1] is None


async def test_no_prompt_passes_its_tokens_however_long_replies_are(ask):
    wordy = "so it goes on and on\n" * 400
    model, file = await ask(wordy + ALIKE, wordy + ALIKE, PARTS, tokens=5_000)
    assert file.path == "tests/test_parts.py"
    assert len(model.asked) == 3
    for told, _ in model.asked:
        assert sum(guessed(one.content) for one in told) <= 5_000


def test_programs_are_alike_where_every_steady_test_does_the_same():
    tests = tuple(TestCase(name, None, name) for name in ("t1", "t2", "unsteady"))
    marks = {"a": "PPP", "b": "PPF", "c": "PFP", "d": "PFP", "e": "FPP"}
    outcomes = {
        (test.id, row): Outcome.PASSED if mark == "P" else Outcome.FAILED
        for row, told in marks.items()
        for test, mark in zip(tests, told, strict=True)
    }
    matrix = TestMatrix(tests, tuple(marks), outcomes, quarantined=("unsteady",))
    known = Evidence("t", clusters=Clusters({row: (row,) for row in marks}), matrix=matrix)
    assert indistinct(known) == (("a", "b"), ("c", "d"))
    assert BASE not in marks
    assert indistinct(Evidence("t")) == ()
