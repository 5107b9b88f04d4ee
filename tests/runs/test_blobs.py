from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from agent.messages import Reply
from runs.blobs import Blobs
from runs.journal import INLINE, Journal
from runs.journal_reading import verify
from runs.replies import JournalReplies

HALF = "\ud83d"
AS_BYTES = HALF.encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape")
"""The bytes of a file that are those of half a character; another text."""


@given(some.text(some.characters(exclude_categories=())))
@example(HALF)
@example(AS_BYTES)
@example("caf\udce9 and \ud83d\ude00")
def test_any_text_comes_back_the_same(text):
    with TemporaryDirectory() as folder:
        blobs = Blobs(Path(folder))
        assert blobs.get(blobs.put(text)) == text


def test_texts_of_the_same_bytes_are_kept_apart(tmp_path):
    blobs = Blobs(tmp_path)
    names = [blobs.put(text) for text in (HALF, AS_BYTES)]
    assert [blobs.get(name) for name in names] == [HALF, AS_BYTES]


def test_a_damaged_text_is_found(tmp_path):
    blobs = Blobs(tmp_path)
    name, other = blobs.put(f"one {HALF}"), blobs.put("other")
    place = tmp_path / name[:2] / f"{name}.gz"
    place.write_bytes((tmp_path / other[:2] / f"{other}.gz").read_bytes())
    with pytest.raises(OSError, match="damaged"):
        blobs.get(name)


async def test_a_long_reply_with_half_a_character_is_recorded_once_and_for_all(tmp_path):
    reply = Reply(text="x" * INLINE + HALF)
    with Journal(tmp_path) as journal:
        await JournalReplies(journal, "selection").put("k", reply)
    with Journal(tmp_path) as journal:
        assert JournalReplies(journal, "selection").get("k") == reply
    assert verify(tmp_path).problems == ()
