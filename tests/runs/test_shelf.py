from __future__ import annotations

import asyncio

import pytest

from agent.shelf import SharedTest
from runs.crews import Seat
from runs.journal import Journal
from runs.recipe import Crew
from runs.shelf import JournalShelf, SeedOnly, ShelfOfOne, seed_author


def written(number, author):
    return SharedTest(f"tests/test_{number}.py", f"def test(): assert {number}\n", author, "E assert")


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path) as opened:
        yield opened


async def test_a_trajectory_sees_the_others_tests_in_the_order_they_came(journal):
    shelf = JournalShelf(journal)
    mine, yours = ShelfOfOne(shelf, 0), ShelfOfOne(shelf, 1)
    for number, (view, author) in enumerate([(yours, 1), (mine, 0), (yours, 1)]):
        await view.put(written(number, author))
    assert [test.path for test in mine.tests()] == ["tests/test_0.py", "tests/test_2.py"]
    assert [test.path for test in yours.tests()] == ["tests/test_1.py"]


async def test_a_content_lies_there_once_whoever_brings_it_again(journal):
    shelf = JournalShelf(journal)
    same = [SharedTest(f"tests/test_{n}.py", "same\n", n) for n in range(4)]
    async with asyncio.TaskGroup() as group:
        for test in same:
            group.create_task(ShelfOfOne(shelf, test.author).put(test))
    assert len(shelf.tests()) == len(list(journal.of("test"))) == 1


async def test_a_resumed_run_finds_the_shelf_as_it_was(journal, tmp_path):
    shelf = JournalShelf(journal)
    for number in (3, 1, 2):
        await shelf.put(written(number, number))
    before = shelf.tests()
    journal.close()
    with Journal(tmp_path) as again:
        shelf = JournalShelf(again)
        assert shelf.tests() == before
        await shelf.put(written(1, 1))  # replayed
        assert shelf.tests() == before


async def test_a_put_that_is_cut_off_may_be_made_again(journal):
    shelf = JournalShelf(journal)
    putting = asyncio.create_task(shelf.put(written(1, 1)))
    await asyncio.sleep(0)
    putting.cancel()
    await asyncio.gather(putting, return_exceptions=True)
    await shelf.put(written(1, 1))
    assert [test.author for test in shelf.tests()] == [1]
    assert len(list(journal.of("test"))) == 1


async def test_each_trajectory_of_a_seeded_crew_starts_from_another_tester(journal):
    shelf = JournalShelf(journal)
    for number, author in enumerate([4, 5, 5, 9]):
        await shelf.put(written(number, author))
    crew, testers = Crew(samples=5, seed_test=True), {4, 5, 6}
    authors = [seed_author(Seat(n, crew, n), shelf, testers) for n in range(3)]
    assert authors == [4, 5, 4]
    assert seed_author(Seat(0, Crew(), 0), shelf, testers) is None
    assert seed_author(Seat(0, crew, 0), shelf, {6}) is None
    seeded = SeedOnly(ShelfOfOne(shelf, 1, frozenset({5})))
    assert [test.author for test in seeded.tests()] == [5, 5]
    await seeded.put(written(7, 1))
    assert len(shelf.tests()) == 4
