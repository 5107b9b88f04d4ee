"""Duels on ten pairs of published candidates, fought by hand before it was known who is right, played again.

The pairs and the code they are shown with are those of `test_pairs_by_hand`. `duels_replies.jsonl` holds the
replies as a journal keeps them, `duels_trials.json.gz` by task its base commit, its test command and its
limit of time, and what every trial of a test showed.
"""

from __future__ import annotations

import gzip
import json

import pytest

from agent.context.asking import Asker, MemoryReplies
from agent.models.replay import ReplayModel
from envs.task import PublicTask
from selection.cells import MemoryCells
from selection.reading import Readers, Surroundings, read
from selection.settings import SelectionSettings
from tests.selection.test_pairs_by_hand import CODE, FOLDER, PAIRS, RIGHT, Lines

TRIALS = json.loads(gzip.decompress((FOLDER / "duels_trials.json.gz").read_bytes()))
SETTINGS = SelectionSettings(duel=2, turns=6)


class Absent:
    """What a command says of a file that is not there."""

    ok = False


class Base(Lines):
    """The base, as far as duels use it when every trial is known: a fork would fail."""

    async def exec(self, command, **limits):
        assert command[:2] == ["test", "-e"]
        return Absent()


class Counting(MemoryCells):
    """Cells that take nothing in: what was not recorded would have to be run."""

    async def put(self, key, value):
        raise AssertionError("a trial that was not recorded")


async def fought(pair):
    known = TRIALS[pair.task]
    cells = Counting()
    cells._cells.update(known["cells"])
    task = PublicTask(
        pair.task, pair.repo, known["commit"], pair.problem_statement, "/testbed", known["runner"]
    )
    asker = Asker(ReplayModel(FOLDER / "duels_replies.jsonl"), MemoryReplies(), pair.task)
    given = Surroundings(task=task, base=Base(CODE[pair.task]), cells=cells, seconds=known["seconds"])
    return await read(pair, Readers(select=asker), SETTINGS, given)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.task)
async def test_duels_end_as_they_did_by_hand(pair):
    found = await fought(pair)
    assert found.trouble == ()
    there, back = found.evidence.comparisons
    assert there.shown == tuple(reversed(back.shown))
    assert [there.picked, back.picked] == TRIALS[pair.task]["picked"]
    assert found.tests  # each duel begins with a test


def test_most_duels_were_won_by_who_is_right():
    picked = [(task, one) for task, known in TRIALS.items() for one in known["picked"]]
    assert len(picked) == 20
    assert sum(one == RIGHT[task] for task, one in picked) >= 14
