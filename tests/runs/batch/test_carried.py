"""Folders that are carried between the driver and nodes, piece by piece."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runs.batch.carried import Changes, charge_lost, write_pieces
from runs.journal import INLINE, Journal, read_events
from runs.ledger import Ledger
from runs.purse import Spending
from runs.recipe import Allowance

PAID = {"text": "a", "model": "m", "cost": 1.0, "usage": {"input": 100, "output": 10}}


@pytest.fixture
def there(tmp_path):
    return tmp_path / "there"


@pytest.fixture
def here(tmp_path):
    return tmp_path / "here"


async def test_what_is_new_is_sent_once_and_what_arrives_can_be_read_at_any_time(there, here):
    changes = Changes(there)
    with Journal(there) as journal:
        for number in range(4):
            await journal.append("cell", {"text": f"{number}" * (INLINE + 1)})
            for piece in changes.take():
                write_pieces(here, [piece])  # a blob is there before its line
                assert all(event.data["text"] for event in (read_events(here) if number else ()))
            assert read_events(here) == journal.events
            assert changes.take() == []
    sizes = [len(piece.data) for piece in Changes(there).take()]
    assert sizes[-1] == (there / "journal.jsonl").stat().st_size


async def test_a_torn_line_is_neither_sent_nor_left(there, here):
    with Journal(there) as journal:
        await journal.append("cell", {"n": 0})
    write_pieces(here, Changes(there).take())
    with (here / "journal.jsonl").open("a") as file:
        file.write('{"torn')
    with (there / "journal.jsonl").open("a") as file:
        file.write('{"torn')
    changes = Changes(there)
    assert changes.take()[0].data.endswith(b"\n")
    with Journal(there) as journal:  # cuts off its own
        await journal.append("cell", {"n": 1})
    write_pieces(here, changes.take())
    assert [event.data["n"] for event in read_events(here)] == [0, 1]


def test_what_a_line_refers_to_is_on_disk_before_it(there, here, monkeypatch):
    (there / "blobs").mkdir(parents=True)
    (there / "blobs" / "b.gz").write_bytes(b"text")
    (there / "journal.jsonl").write_text("{}\n")
    synced = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(Path(f"/proc/self/fd/{fd}").readlink().name))
    write_pieces(here, Changes(there).take())
    assert synced == [".part-b.gz", "journal.jsonl"]


def test_an_outcome_comes_last_and_unfinished_files_do_not_come(there):
    there.mkdir()
    for name in ("a.json", ".part-a.json", "outcome.json", "z.json"):
        (there / name).write_text("{}")
    (there / "journal.jsonl").write_text("{}\n")
    assert [piece.name for piece in Changes(there).take()] == [
        "a.json",
        "z.json",
        "journal.jsonl",
        "outcome.json",
    ]


async def test_what_a_lost_node_had_spent_counts_beside_what_came_back(here):
    with Journal(here) as journal:
        await journal.append("reply", {"sample": 0, "turn": 0, "reply": PAID})
        told = Spending(dollars=6.0, input=600, output=60, steps=6)
        await charge_lost(journal, told)
        assert Ledger(journal, Allowance()).spent == told
        await charge_lost(journal, told)  # of another node, which had spent nothing
        await journal.append("reply", {"sample": 0, "turn": 1, "reply": PAID})
    with Journal(here) as journal:
        spent = Ledger(journal, Allowance()).spent
    assert (spent.dollars, spent.steps, spent.tokens) == (7.0, 7, 770)
