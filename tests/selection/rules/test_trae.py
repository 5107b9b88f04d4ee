"""Groups and the final between their winners: who won the final wins, whatever replies were lost before."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selection.evidence import Comparison, Evidence
from selection.evidence_file import read_evidence, write_evidence
from selection.groups import Groups
from selection.rules import RULES
from selection.verifiers.material import Material
from tests.selection.readers import Reader, asker, candidate, evidence

RULE = RULES["trae"]


def order(known: Evidence) -> list[str]:
    return [place.candidate for place in RULE.choose(known).ranking]


def voted(round_: int, *votes: tuple[str, str]) -> tuple[Comparison, ...]:
    return tuple(Comparison("trae", tuple(shown), picked, round=round_) for shown, picked in votes)


@pytest.fixture
def known():
    return evidence(*(candidate(name) for name in "abcd"))


async def test_who_won_the_final_wins_though_another_tied_in_its_group(known, tmp_path):
    """Of a and c, who tie, a goes on; b has no group to win, and beats a by the one vote that is readable."""
    pool = known.candidates[:3]
    said = {("a", "c"): ["A", "B", "A", "B", "?"], ("a", "b"): ["B", "?", "?", "?", "?"]}

    def answer(told, sampling):
        shown = tuple(name for name in "abc" if f"return {name}(x)" in told[1].content)
        return said[shown][sampling.sample]

    model = Reader(answer)
    group = Groups(asker(model), Material(known), size=2, votes=5)
    votes = await group.compare(pool)
    assert sorted(one.picked for one in votes if "c" in one.shown) == ["", "a", "a", "c", "c"]
    assert {one.shown for one in votes if one.round == 2} == {("a", "b"), ("b", "a")}
    found = replace(evidence(*pool), comparisons=votes)
    assert RULE.choose(found).winner == "b"
    assert order(found) == ["b", "a", "c"]
    write_evidence(tmp_path / "one.jsonl", [found])
    assert order(next(read_evidence(tmp_path / "one.jsonl"))) == ["b", "a", "c"]


def test_finalists_come_before_the_others_and_then_who_lost_least(known):
    votes = (
        *voted(1, ("ab", "a"), ("ab", "b"), ("ab", "a"), ("ab", "b")),
        *voted(1, ("cd", "c")),
        *voted(2, ("ac", "c"), ("ac", "")),
    )
    found = replace(known, comparisons=votes)
    assert order(found) == ["c", "a", "b", "d"]
    assert "most rounds of groups (2)" in RULE.choose(found).reason


def test_replies_that_none_could_read_say_nothing(known):
    found = replace(known, comparisons=(*voted(1, ("ab", ""), ("cd", "")), *voted(2, ("ac", ""))))
    assert RULE.choose(found).tied == RULE.choose(known).tied
    assert order(found) == order(known)


def test_comparisons_without_rounds_go_by_lost_groups(known):
    found = replace(known, comparisons=voted(0, ("ab", "a"), ("cd", "c"), ("ac", "c")))
    assert order(found)[0] == "c"
    assert "rounds" not in RULE.choose(found).reason
