"""Ten pairs of published candidates, answered by hand before it was known which is right, played again.

`pairs.jsonl.gz` holds issues and patches, `pairs_code.json.gz` the lines of the base that readers are shown,
`pairs_replies.jsonl` the replies as a journal keeps them, `pairs_right.json` who turned out to be right.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from agent.context.asking import Asker, MemoryReplies
from agent.models.errors import ReplayDivergedError
from agent.models.replay import ReplayModel
from sandbox.base import SandboxFileError
from selection.evidence_file import read_evidence
from selection.reading import Readers, Surroundings, read
from selection.settings import SelectionSettings

FOLDER = Path(__file__).parent / "fixtures"
PAIRS = tuple(read_evidence(FOLDER / "pairs.jsonl.gz"))
CODE = json.loads(gzip.decompress((FOLDER / "pairs_code.json.gz").read_bytes()))
RIGHT = json.loads((FOLDER / "pairs_right.json").read_text())
SETTINGS = SelectionSettings(views=("patch",), groups=2, votes=2)


class Lines:
    """The base, as far as readers are shown it."""

    def __init__(self, texts):
        self._texts = texts

    async def read(self, path):
        if path not in self._texts:
            raise SandboxFileError(path)
        return self._texts[path].encode()


async def played(pair, replies=None):
    asker = Asker(ReplayModel(FOLDER / "pairs_replies.jsonl"), replies or MemoryReplies(), pair.task)
    return await read(pair, Readers(asker, asker), SETTINGS, Surroundings(base=Lines(CODE[pair.task])))


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.task)
async def test_what_was_said_by_hand_is_read_as_it_was_meant(pair):
    replies = MemoryReplies()
    found = await played(pair, replies)
    assert found.trouble == ()
    right = RIGHT[pair.task]
    assert len(replies.replies) == 4
    assert [one.picked for one in found.evidence.comparisons] == [right, right]
    assert {one.shown[0] for one in found.evidence.comparisons} == {one.id for one in pair.candidates}
    scores = found.evidence.scores("verifier:patch")
    assert {id_: score > 0.5 for id_, score in scores.items()} == {
        one.id: one.id == right for one in pair.candidates
    }


def test_there_are_ten_pairs():
    assert len(PAIRS) == len(RIGHT) == 10


async def test_another_question_is_not_answered_by_what_was_recorded():
    pair = PAIRS[0]
    asker = Asker(ReplayModel(FOLDER / "pairs_replies.jsonl"), MemoryReplies(), pair.task)
    found = await read(pair, Readers(verify=asker), SETTINGS, Surroundings())  # no code is shown
    assert [one.score for one in found.evidence.verdicts] == [None, None]
    assert "was not recorded" in found.trouble[0]
    assert ReplayDivergedError.__name__
