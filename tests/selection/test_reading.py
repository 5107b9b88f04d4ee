from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from agent.budget import RunEndedError
from agent.context.asking import MemoryReplies
from agent.messages import Reply
from agent.models.base import Capabilities
from agent.models.errors import ModelError
from envs.outcomes import Outcome
from envs.task import PublicTask
from sandbox.base import SandboxFileError
from selection.cells import MemoryCells
from selection.clusters import Clusters, cluster, content_order
from selection.evidence import Evidence
from selection.matrix import BASE, TestMatrix
from selection.reading import Readers, Surroundings, read
from selection.settings import SelectionSettings
from selection.verifiers.scores import LABELS
from tests.selection.readers import Reader, asker, candidate, evidence
from tests.selection.rules.made import KEPT

LABELLING = Capabilities(labels=True, logprobs=True)
NAMES = "abcdefgh"
SCORES = {name: (place + 1) / 10 for place, name in enumerate(NAMES)}
"""What the reader thinks of each, told apart by the patch alone."""


def subject(told):
    return next(name for name in NAMES if f"+    return {name}(x)" in told[1].content)


def scoring(told, sampling):
    """Score a patch by what it changes, and compare by the same."""
    if sampling.labels:
        yes = SCORES[subject(told)]
        return Reply(labels=dict.fromkeys(LABELS) | {"YES": math.log(yes), "NO": math.log(1 - yes)})
    body = told[1].content
    shown = sorted(
        (body.index(f"+    return {name}(x)"), name) for name in NAMES if f"return {name}(x)" in body
    )
    best = max(range(len(shown)), key=lambda place: SCORES[shown[place][1]])
    return f"{'ABC'[best]}"


@pytest.mark.parametrize("seed", range(6))
async def test_scores_belong_to_their_candidates_whatever_order_replies_come_in(seed):
    pool = [candidate(name) for name in NAMES]
    readers = Readers(*[asker(Reader(scoring, LABELLING, seed=seed)) for _ in range(2)])
    settings = SelectionSettings(views=("patch",), samples=2, groups=3, votes=3)
    found = await read(evidence(*pool), readers, settings, Surroundings())
    scores = found.evidence.scores("verifier:patch")
    assert {name: round(score, 6) for name, score in scores.items()} == SCORES
    for one in found.evidence.comparisons:
        assert one.picked == max(one.shown, key=SCORES.get)
    assert found.trouble == ()


async def test_equal_programs_are_read_once_and_share_the_verdict():
    pool = (candidate("a"), candidate("b"))
    known = Evidence("t", candidates=pool, clusters=Clusters({"one": ("a", "b")}))
    model = Reader(scoring, LABELLING)
    found = await read(known, Readers(asker(model)), SelectionSettings(views=("patch",)), Surroundings())
    assert len(model.asked) == 1
    assert {one.candidate for one in found.evidence.verdicts} == {"a", "b"}
    assert len({one.score for one in found.evidence.verdicts}) == 1


async def test_nothing_is_asked_twice_of_what_is_recorded():
    pool = [candidate(name) for name in "abc"]
    replies = MemoryReplies()
    settings = SelectionSettings(views=("patch",), groups=2, votes=2)
    once = Reader(scoring)
    first = await read(evidence(*pool), Readers(*[asker(once, replies)] * 2), settings, Surroundings())
    assert once.asked
    again = Reader(scoring)
    second = await read(evidence(*pool), Readers(*[asker(again, replies)] * 2), settings, Surroundings())
    assert not again.asked
    assert first == second


async def test_programs_that_differ_in_noise_only_keep_their_own_replies():
    """Durations and addresses count as the same between requests; the ids they carry do not."""
    pool = [candidate("a", "'took 1.0 s'"), candidate("b", "'took 2.0 s'")]
    replies = MemoryReplies()
    model = Reader(lambda told, _: "YES" if "1.0 s" in told[1].content else "NO")
    found = await read(
        evidence(*pool), Readers(asker(model, replies)), SelectionSettings(views=("patch",)), Surroundings()
    )
    scores = found.evidence.scores("verifier:patch")
    assert scores["a"] > 0.5 > scores["b"]
    assert len(replies.replies) == 2
    assert any("verifier:patch/a/0" in key for key in replies.replies)


class Broken(Reader):
    """Fails in a way no model should."""

    async def generate(self, messages, tools, sampling):
        if "+    return b(x)" in messages[1].content:
            raise RuntimeError("a bug of the backend")
        return await super().generate(messages, tools, sampling)


async def test_one_that_fails_takes_nobody_with_it():
    pool = [candidate(name) for name in "abc"]
    model = Broken(scoring, LABELLING)
    settings = SelectionSettings(views=("patch", "evidence", "digest"), groups=3)
    found = await read(evidence(*pool), Readers(asker(model), asker(model)), settings, Surroundings())
    by = {(one.judge, one.candidate): one for one in found.evidence.verdicts}
    assert len(by) == 9
    assert by["verifier:patch", "a"].score is not None
    assert by["verifier:patch", "b"].score is None
    assert "a bug of the backend" in by["verifier:patch", "b"].evidence
    assert by["verifier:evidence", "a"].evidence == "unscored: nothing was run with it"
    assert by["verifier:digest", "a"].evidence == "unscored: its trajectory is not known"
    (vote,) = found.evidence.comparisons
    assert (vote.picked, vote.judge) == ("", "trae")
    assert any("a bug of the backend" in line for line in found.trouble)


class Ended(Reader):
    async def generate(self, messages, tools, sampling):
        raise RunEndedError("all dollars of the run are used")


async def test_the_end_of_the_run_is_no_opinion():
    settings = SelectionSettings(views=("patch",), groups=2)
    asked = asker(Ended(scoring, LABELLING))
    with pytest.raises(ExceptionGroup) as ended:
        await read(evidence(candidate("a"), candidate("b")), Readers(asked, asked), settings, Surroundings())
    assert ended.group_contains(RunEndedError, match="all dollars")


@pytest.mark.parametrize("said", ["", "purple", ModelError("gone"), "\ud800", "YES" * 100_000])
async def test_nonsense_ends_nothing(said):
    pool = [candidate(name) for name in "ab"]
    model = Reader(lambda *_: said)
    settings = SelectionSettings(views=("patch",), groups=2, samples=2, votes=2)
    found = await read(evidence(*pool), Readers(asker(model), asker(model)), settings, Surroundings())
    assert [one.score for one in found.evidence.verdicts] == [None, None]
    assert all(not one.picked for one in found.evidence.comparisons)


@pytest.mark.parametrize("number", [0, 1, 2])
async def test_any_number_of_candidates_and_blank_ones(number):
    pool = [candidate("a")][: number // 1 and 1]
    blank = Evidence("t", candidates=tuple(pool))
    model = Reader(lambda *_: "YES")
    settings = SelectionSettings(views=("patch",), groups=3, duel=3, differences=True)
    found = await read(blank, Readers(asker(model), asker(model)), settings, Surroundings())
    assert (found.evidence, found.tests, found.trouble) == (blank, (), ())
    assert not model.asked


class Nowhere:
    """A base that has no file, and that nothing is run in."""

    async def read(self, path):
        raise SandboxFileError(path)


@pytest.mark.parametrize(
    ("named", "places", "met"),
    [(None, 3, None), ("dca", 5, "dca"), ("dca", 2, "dc"), ("d", 3, "")],
)
async def test_the_duel_is_between_whom_the_rule_names_else_the_best_ranked(named, places, met):
    pool = [candidate(name) for name in "abcd"]
    if named is None:
        met = [one.id for one in sorted(pool, key=content_order)[:3]]
    task = PublicTask("t", "calc", "c", "clamp is wrong", "/testbed", "pytest")
    given = Surroundings(task, Nowhere(), finalists=named and (lambda _: tuple(named)))
    settings = SelectionSettings(duel=places, turns=2)
    found = await read(evidence(*pool), Readers(select=asker(Reader(lambda *_: "hm"))), settings, given)
    orders = [tuple(met), tuple(reversed(met))] if met else []
    assert [one.shown for one in found.evidence.comparisons] == orders


@pytest.mark.parametrize(("keeping", "met"), [("ab", {"a", "b"}), ("", {"a", "b", "c"})])
async def test_programs_that_break_existing_tests_are_not_voted_on_beside_others(keeping, met):
    known = evidence(*map(candidate, "abc"))
    rows = tuple(known.clusters.members)
    outcomes = {(KEPT.id, BASE): Outcome.PASSED} | {
        (KEPT.id, row): Outcome.PASSED if row[-1] in keeping else Outcome.FAILED for row in rows
    }
    known = replace(known, matrix=TestMatrix((KEPT,), rows, outcomes))
    readers = Readers(select=asker(Reader(scoring)))
    found = await read(known, readers, SelectionSettings(groups=3, votes=1), Surroundings())
    assert {name for one in found.evidence.comparisons for name in one.shown} == met


async def test_a_server_that_is_gone_is_not_called_for_every_candidate():
    pool = [candidate(f"c{number}") for number in range(60)]
    model = Reader(lambda *_: ModelError("the server is gone"))
    settings = SelectionSettings(views=("patch",), samples=2)
    found = await read(evidence(*pool), Readers(asker(model)), settings, Surroundings())
    assert len(found.evidence.verdicts) == 60
    assert all("the server is gone" in one.evidence for one in found.evidence.verdicts)
    assert len(model.asked) < 60 + 64


async def test_without_models_nobody_is_asked():
    settings = SelectionSettings(views=("patch",), groups=3, duel=3, differences=True)
    known = evidence(candidate("a"), candidate("b"))
    assert (await read(known, Readers(), settings, Surroundings())).evidence == known


async def test_every_prompt_fits_a_small_window():
    pool = [candidate(name, f"{name}(x)  # {'long ' * 4000}") for name in "abc"]
    small = Capabilities(context_length=12_000)
    model = Reader(lambda *_: "YES", small)
    settings = SelectionSettings(views=("patch",), groups=3, votes=1)
    known = evidence(*pool, issue="word " * 20_000)
    found = await read(known, Readers(asker(model), asker(model)), settings, Surroundings())
    assert model.asked
    for told, sampling in model.asked:
        size = sum(len(one.content.encode()) for one in told) / 3
        assert size + sampling.max_tokens < 12_000
    assert "cut issue to" in found.evidence.verdicts[0].evidence


BUGGY = (
    b"def clamp(x, low, high):\n    if x < low:\n        return low\n"
    b"    if x < high:\n        return high\n    return x\n"
)
TEST = """Whole numbers hide it.
<test path="tests/test_parts.py">
from calc import clamp


def test_parts():
    assert clamp(9.5, 0, 9) == 9
</test>
"""


async def test_in_a_sandbox_inputs_tests_and_duels_come_together(scene):
    right = scene.candidate("right", {"calc/__init__.py": BUGGY.replace(b"x < high", b"x > high")})
    almost = scene.candidate("almost", {"calc/__init__.py": BUGGY.replace(b"x < high", b"x >= high + 1")})
    pool = (right, almost)
    issue = "clamp\n\n```python\nfrom calc import clamp\nclamp(9.5, 0, 9)\n```\n"
    from selection.matrix import run_matrix

    clusters = await cluster(scene.base, pool)
    matrix = await run_matrix(scene.task, scene.base, pool, clusters, regressions=[["tests/test_calc.py"]])
    known = Evidence("t", "calc", issue, pool, clusters, matrix)

    def answer(told, sampling):
        if "tells these candidates apart" in told[1].content:
            return TEST
        if len(told) == 2:
            return TEST
        part = told[-1].content.partition('<result of="candidate A">')[2].partition("</result>")[0]
        return f"<choice>{'A' if 'exit code 0' in part else 'B'}</choice>"

    model, cells, replies = Reader(answer), MemoryCells(), MemoryReplies()
    settings = SelectionSettings(duel=3, differences=True)
    given = Surroundings(scene.task, scene.base, cells=cells)
    found = await read(known, Readers(select=asker(model, replies)), settings, given)
    assert [one.picked for one in found.evidence.comparisons] == [right.id, right.id]
    assert {one.author for one in found.tests} <= {"differences", "duel"}
    assert [one.path for one in found.tests] == ["tests/test_parts.py"]
    assert "clamp(9.5, 0, 9): 9.5 without the patch, 9 with it" in json.dumps(
        [told[1].content for told, _ in model.asked]
    )
    ran, paid = len(cells), len(model.asked)
    again = await read(known, Readers(select=asker(model, replies)), settings, given)
    assert (len(cells), len(model.asked)) == (ran, paid)
    assert again == found
    elsewhere = replace(given, place="another image")
    await read(known, Readers(select=asker(model, replies)), settings, elsewhere)
    assert (len(cells), len(model.asked)) == (2 * ran, paid)
