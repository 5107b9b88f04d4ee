from __future__ import annotations

import math
from dataclasses import replace

from agent.messages import Message, Reply, Sampling, ToolCall
from agent.models.base import Capabilities
from agent.models.errors import ModelError
from agent.trajectory import ExitReason, Observation, Trajectory, Turn
from envs.outcomes import Outcome
from selection.candidate import TestFile
from selection.matrix import BASE, TestMatrix, generated_case
from selection.settings import SelectionSettings
from selection.verifiers.digest import digest, steps_of
from selection.verifiers.material import Material
from selection.verifiers.prompts import read_verdict
from selection.verifiers.scores import LABELS
from selection.verifiers.verify import Verifier
from tests.selection.readers import Reader, asker, candidate, evidence

LABELLING = Capabilities(labels=True, logprobs=True)
PRAISE = "I am sure this is a perfect solution"
TRAJECTORY = Trajectory(
    sample=0,
    model="m",
    exit_reason=ExitReason.SUBMITTED,
    diff="",
    message=PRAISE,
    turns=(
        Turn(
            reply=Reply(
                text=PRAISE,
                reasoning=PRAISE,
                tool_calls=(
                    ToolCall(
                        id="a", name="bash", arguments={"command": f"# {PRAISE}\necho '{PRAISE}'\npytest -q"}
                    ),
                ),
            ),
            observations=(Observation(call_id="a", text="3 passed"),),
        ),
        Turn(
            reply=Reply(
                text=PRAISE, tool_calls=(ToolCall(id="b", name="submit", arguments={"message": PRAISE}),)
            )
        ),
    ),
)


def verifier(model, *candidates, view="patch", **settings):
    known = evidence(*candidates)
    steps = {one.id: steps_of(TRAJECTORY) for one in candidates}
    material = Material(known, {"calc.py": "def clamp(x):\n    return x\n"}, steps)
    return Verifier(asker(model), material, SelectionSettings(**settings), view)


def labelled(yes: float) -> Reply:
    told = dict.fromkeys(LABELS) | {"YES": math.log(yes), "NO": math.log(1 - yes)}
    return Reply(text="YES", labels=told)


async def test_a_backend_that_tells_labels_is_asked_for_one_word_in_both_orders():
    model = Reader(lambda told, sampling: labelled(0.9 if sampling.sample else 0.6), LABELLING)
    verdict = await verifier(model, candidate("a"), samples=2).verdict(candidate("a"))
    assert verdict.judge == "verifier:patch"
    assert 0.6 < verdict.score < 0.9
    questions = [told[-1].content.rpartition("\n\n")[2] for told, _ in model.asked]
    assert {"YES or NO" in one for one in questions} == {True, False}
    assert all(sampling.labels == LABELS for _, sampling in model.asked)
    assert "over 2 readings" in verdict.evidence


async def test_labels_that_are_not_told_lead_to_readings_that_think():
    def answer(told: list[Message], sampling: Sampling) -> Reply | str:
        return Reply(labels=dict.fromkeys(LABELS)) if sampling.labels else "It returns x.\n\n**YES**"

    verdict = await verifier(Reader(answer, LABELLING), candidate("a")).verdict(candidate("a"))
    assert round(verdict.score, 3) == 0.75
    assert "1 of 1 readings say YES" in verdict.evidence
    assert "It returns x." in verdict.evidence


async def test_a_backend_without_labels_is_sampled_and_what_cannot_be_read_is_no_vote():
    said = ["fine\nYES", "no idea", "bad\nNO.", "good\n`yes`"]
    model = Reader(lambda told, sampling: said[sampling.sample])
    verdict = await verifier(model, candidate("a"), samples=4).verdict(candidate("a"))
    assert round(verdict.score, 9) == 5 / 8
    assert "2 of 3 readings say YES, 1 cannot be read" in verdict.evidence


async def test_nonsense_and_lost_calls_are_unscored():
    nonsense = await verifier(Reader(lambda *_: "purple\nmonkey"), candidate("a")).verdict(candidate("a"))
    assert nonsense.score is None
    assert "monkey" in nonsense.evidence
    lost = await verifier(Reader(lambda *_: ModelError("the server is gone")), candidate("a")).verdict(
        candidate("a")
    )
    assert lost.score is None
    assert "the server is gone" in lost.evidence


async def test_the_patch_view_shows_the_code_around_and_nothing_of_its_author():
    model = Reader(lambda *_: "YES")
    await verifier(model, candidate("a")).verdict(candidate("a"))
    (told, _), *_ = model.asked
    assert "    1 def clamp(x):" in told[1].content
    assert "+    return a(x)" in told[1].content
    assert "3 passed" not in told[1].content


async def test_the_digest_has_actions_and_observations_and_no_praise():
    model = Reader(lambda *_: "YES")
    await verifier(model, candidate("a"), view="digest").verdict(candidate("a"))
    (told, _), *_ = model.asked
    assert "$ pytest -q\n3 passed" in told[1].content
    assert PRAISE not in told[1].content


async def test_the_evidence_view_needs_something_that_was_run_and_tells_it_in_words():
    one = candidate("a", "x + 1")
    model = Reader(lambda *_: "YES")
    nothing = await verifier(model, one, view="evidence").verdict(one)
    assert (nothing.score, nothing.evidence) == (None, "unscored: nothing was run with it")
    file = TestFile("tests/test_x.py", "def test_x():\n    assert clamp(1) == 0\n", "somebody")
    case = generated_case(file, "tests/test_x.py::test_x", ("somebody",))
    outcomes = {(case.id, BASE): Outcome.FAILED, (case.id, "row-a"): Outcome.PASSED}
    run = verifier(model, one, view="evidence")
    known = run.material.evidence
    object.__setattr__(known, "matrix", TestMatrix((case,), ("row-a",), outcomes))
    assert (await run.verdict(one)).score is not None
    text = model.asked[-1][0][1].content
    assert "tests/test_x.py::test_x: failed before the patch, passed with it" in text
    assert "assert clamp(1) == 0" in text
    assert "somebody" not in text


async def test_all_prompts_of_an_issue_begin_alike():
    model = Reader(lambda *_: "YES")
    pool = [candidate("a"), candidate("b")]
    for view in ("patch", "digest"):
        for one in pool:
            await verifier(model, *pool, view=view).verdict(one)
    heads = {(told[0].content, told[1].content.partition("</issue>")[0]) for told, _ in model.asked}
    assert len(heads) == 1


async def test_a_trained_verifier_gets_its_layout_and_its_label_is_read_behind_the_tag():
    model = Reader(lambda *_: labelled(0.8), LABELLING)
    verdict = await verifier(model, candidate("a"), format="judgement").verdict(candidate("a"))
    assert round(verdict.score, 3) == 0.8
    ((told, sampling),) = model.asked
    assert told[-1] == Message(role="assistant", content="<judgement>")
    log = told[1].content
    assert log.index("=== INTERACTION LOG ===") < log.index("[STEP]\n0\n[/STEP]") < log.index("3 passed")
    assert log.index("=== END INTERACTION ===") < log.index("[PATCH]\ndiff --git")
    assert PRAISE not in log
    assert sampling.temperature == 0.0


async def test_a_trained_verifier_without_log_probabilities_is_unscored():
    verdict = await verifier(Reader(lambda *_: "x"), candidate("a"), format="judgement").verdict(
        candidate("a")
    )
    assert (verdict.score, "log-probabilities" in verdict.evidence) == (None, True)


def test_a_verdict_is_the_last_line_and_nothing_else():
    assert read_verdict("NO\n\nYES\n") is True
    assert read_verdict("it is *wrong*\n**No.**") is False
    for text in ("", "\n", "YES and NO", "YES\nbecause", "resolved", "NOT", "unresolved YES", "YES YES"):
        assert read_verdict(text) is None


async def test_an_author_of_whom_no_step_is_known_has_no_digest():
    one = replace(candidate("a"), exit_reason="submitted")
    read = replace(verifier(Reader(lambda *_: "YES"), one, view="digest"), material=Material(evidence(one)))
    assert (await read.verdict(one)).evidence == "unscored: its trajectory is not known"
    assert digest((), "submitted") == ""
