from __future__ import annotations

from selection.candidate import TestFile
from selection.cells import MemoryCells
from selection.duel import Trials

FILE = TestFile("tests/test_new.py", "def test():\n    assert True\n", "duel")


async def test_a_trial_of_another_image_tree_or_limit_is_not_taken_for_one_here(scene):
    cells = MemoryCells()
    for place, kept in (("", 1), ("one", 2), ("one", 2), ("other", 3), ("", 3)):
        trials = Trials(scene.task, scene.base, cells, seconds=30, place=place)
        (trial,) = await trials.on(FILE, [""])
        assert trial.exit_code == 0
        assert len(cells) == kept
