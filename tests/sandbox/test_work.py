from __future__ import annotations

from sandbox.work import ELSEWHERE, Work, give_back, part_of, take, waiting


def test_work_is_busy_until_all_of_its_parts_wait():
    work = Work()
    with part_of(work):
        first = take()
        with waiting("x", lambda: (ELSEWHERE,)):
            assert not work.is_busy()
            with part_of(work):
                second = take()
                assert work.is_busy()
                assert [wait.what for wait in work.awaited()] == ["x"]
                give_back(second)
        assert work.is_busy()
        give_back(first)
    assert (work.parts, work.waits) == ([], [])


def test_it_is_held_up_by_others_that_are_busy_and_by_nobody_else():
    mine, other, third = Work(), Work(), Work()
    with part_of(mine):
        own = take()
        with waiting("mine", lambda: (own,)):
            assert not mine.is_held_up()
        with waiting("theirs", lambda: (Work(other),)):
            assert mine.is_held_up()
            with part_of(other), waiting("the third's", lambda: (third,)):
                assert mine.is_held_up()
                with part_of(third), waiting("mine", lambda: (own,)):
                    assert not any(work.is_held_up() for work in (mine, other, third))
        with waiting("nobody's", lambda: ()):
            assert not mine.is_held_up()
        with waiting("a server", lambda: (ELSEWHERE,)):
            assert mine.is_held_up()


def test_outside_of_any_work_nothing_is_kept():
    with waiting("x", lambda: ()):
        held = take()
        assert held.whole() is held
        assert held.is_busy()
        give_back(held)
