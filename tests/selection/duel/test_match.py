from __future__ import annotations

from dataclasses import replace

import pytest

from agent.context.tokens import guessed
from agent.models.errors import ModelError
from selection.cells import MemoryCells
from selection.clusters import cluster
from selection.duel import Duel, Trials
from selection.duel.prompts import Choice, read_move
from selection.evidence import Evidence
from selection.verifiers.material import Material
from selection.written import UnusableError, Written
from tests.selection.readers import Reader, asker

BUGGY = (
    b"def clamp(x, low, high):\n    if x < low:\n        return low\n"
    b"    if x < high:\n        return high\n    return x\n"
)
RIGHT = BUGGY.replace(b"x < high", b"x > high")
WRONG = BUGGY.replace(b"        return high\n", b"        return 5\n")
TEST = """<test path="tests/test_new.py">
from calc import clamp


def test_inside():
    print("inside it is", clamp(4, 0, 9))
    assert clamp(4, 0, 9) == 4


def test_above():
    assert clamp(10, 0, 9) == 9
</test>"""


@pytest.fixture
async def ring(scene):
    """Make duels between a right and a wrong candidate."""
    right = scene.candidate("right", {"calc/__init__.py": RIGHT})
    wrong = scene.candidate("wrong", {"calc/__init__.py": WRONG})
    pool = (right, wrong)
    known = Evidence("t", "calc", "clamp is wrong", pool, await cluster(scene.base, pool))
    cells = MemoryCells()

    def fight(answer, *, turns=4, tokens=32_000):
        model = Reader(answer)
        trials = Trials(scene.task, scene.base, cells, seconds=30)
        material = Material(known, tokens=tokens)
        return model, Duel(asker(model), material, trials, scene.task.test_runner, turns).fight(pool)

    return fight, right, wrong, cells


def letter_that_passed(told):
    """Read from the results which candidate passed."""
    text = told[-1].content
    for letter in "AB":
        if "exit code 0" in text.partition(f'<result of="candidate {letter}">')[2].partition("</result>")[0]:
            return letter
    raise AssertionError(text)


async def test_a_test_is_written_and_seen_before_the_choice_and_both_orders_are_fought(ring):
    fight, right, wrong, cells = ring

    def answer(told, sampling):
        return TEST if len(told) == 2 else f"That one passes.\n<choice>{letter_that_passed(told)}</choice>"

    model, fought = fight(answer)
    first, second = await fought
    assert {first.comparison.shown, second.comparison.shown} == {(right.id, wrong.id), (wrong.id, right.id)}
    assert first.comparison.picked == second.comparison.picked == right.id
    assert first.comparison.judge == "duel"
    (file,) = first.tests
    assert (file.path, file.author) == ("tests/test_new.py", "duel")
    results = model.asked[-1][0][-1].content
    assert '<result of="untouched repository">\nexit code 1\n- test_above: failed' in results
    assert "inside it is 4" in results  # also of a test that passes
    ran = len(cells)
    assert ran == 3  # base and two candidates, for both duels together
    await fight(answer)[1]
    assert len(cells) == ran


async def test_nobody_may_choose_before_a_test_ran_and_every_refusal_has_its_reason(ring):
    fight, *_ = ring
    said = ["<choice>A</choice>", "hm", f"{TEST}\n<choice>A</choice>", "<test path='x'>"]
    model, fought = fight(lambda told, sampling: said[(len(told) - 2) // 2])
    first, second = await fought
    assert (first.comparison.picked, second.comparison.picked) == ("", "")
    assert first.comparison.evidence == "no choice in 4 replies"
    assert first.tests == ()
    refusals = [one.content for one in model.asked[-1][0] if one.role == "user"][1:]
    assert "you have not written a test that ran" in refusals[0]
    assert "it has no <test> block" in refusals[1]
    assert "a test and a choice" in refusals[2]
    assert "This is your last reply" in refusals[2]


async def test_a_file_of_the_repository_and_the_same_test_again_are_refused(ring):
    fight, *_ = ring
    said = [TEST.replace("test_new", "test_calc"), TEST, TEST, "<choice>C</choice>", "<choice>b</choice>"]
    model, fought = fight(lambda told, sampling: said[(len(told) - 2) // 2], turns=5)
    first, _ = await fought
    assert first.comparison.picked == first.comparison.shown[1]
    heard = [one.content for one in model.asked[-1][0] if one.role == "user"]
    assert "the repository has a file tests/test_calc.py" in heard[1]
    assert "this very test was run before" in heard[3]
    assert "must be one of A, B" in heard[4]


def numbered(number, words=""):
    return words + TEST.replace("test_new", f"test_new_{number}")


async def test_a_long_duel_never_passes_the_tokens_of_a_prompt(ring):
    fight, *_ = ring
    replies = iter(range(99))

    def answer(told, sampling):
        return numbered(next(replies), "so it goes on and on\n" * 300)

    model, fought = fight(answer, turns=5, tokens=3_500)
    await fought
    assert len(model.asked) == 10
    for told, _ in model.asked:
        assert sum(guessed(one.content) for one in told) <= 3_500
    told = [one.content for one in model.asked[-1][0]]
    assert "left out for room" in told[1]
    assert told[-1].count("<result of=") == 3


async def test_a_test_whose_results_were_left_out_may_be_asked_for_again(ring):
    fight, *_ = ring

    def answer(told, sampling):
        if "left out for room" in told[1].content:
            return numbered(0)
        return numbered((len(told) - 2) // 2, "so it goes on and on\n" * 300)

    model, fought = fight(answer, turns=5, tokens=3_500)
    first, _ = await fought
    assert len(first.tests) == 3  # and the first of them twice
    answers = [told[-1].content for told, _ in model.asked if told[-2].content == numbered(0)]
    assert ['<result of="candidate A">' in text for text in answers] == [True, True]  # one in each order


async def test_a_candidate_that_does_not_apply_is_no_reason_to_refuse_a_choice(scene):
    right = scene.candidate("right", {"calc/__init__.py": RIGHT})
    stray = replace(right, id="stray", patch=right.patch.replace(" def clamp", " def clump"))
    known = Evidence("t", "calc", "clamp is wrong", (right, stray))
    model = Reader(lambda told, sampling: TEST if len(told) == 2 else "<choice>A</choice>")
    trials = Trials(scene.task, scene.base, MemoryCells(), seconds=30)
    duel = Duel(asker(model), Material(known), trials, scene.task.test_runner, 4)
    there, back = await duel.fight((right, stray))
    assert (there.comparison.picked, back.comparison.picked) == (right.id, "stray")
    assert "the patch does not apply" in model.asked[-1][0][-1].content
    assert [file.path for file in there.tests] == ["tests/test_new.py"]


async def test_a_lost_call_is_a_duel_without_a_choice(ring):
    fight, *_ = ring
    _, fought = fight(lambda *_: ModelError("the server is gone"))
    first, _ = await fought
    assert first.comparison.picked == ""
    assert "the server is gone" in first.comparison.evidence


def test_a_move_is_a_test_or_a_choice():
    assert read_move("so\n<choice> a </choice>", "AB", may_choose=True) == Choice("A")
    move = read_move(f"first\n{TEST.replace('new', 'old')}\nbetter:\n{TEST}", "AB", may_choose=False)
    assert isinstance(move, Written)
    assert move.path == "tests/test_new.py"
    fenced = TEST.replace('.py">\n', '.py">\n```python\n').replace("</test>", "```\n</test>")
    assert read_move(fenced, "AB", may_choose=True) == read_move(TEST, "AB", may_choose=True)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no <test> block"),
        ("I choose <choice>A</choice>", "no <test> block"),
        ("<choice>A</choice>\n<choice>B</choice>", "must be one of"),
        ("<choice>D</choice>", "must be one of"),
        (TEST.replace("</test>", ""), "is not closed by a line"),
        (TEST.replace("tests/test_new.py", "../test_new.py"), "no path of a new test file"),
        (TEST.replace("tests/test_new.py", "/etc/test_new.py"), "no path of a new test file"),
        (TEST.replace("tests/test_new.py", "calc/new.py"), "no path of a new test file"),
        (TEST.replace("def test_inside():", "def test_inside("), "no Python"),
        (TEST.replace("def test_", "def check_"), "defines no test"),
    ],
)
def test_what_cannot_be_taken_says_why(text, reason):
    with pytest.raises(UnusableError, match=reason):
        read_move(text, "AB", may_choose=True)
