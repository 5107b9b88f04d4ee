"""Candidates judged in a room of their own: what duels ran is paid once, and only for the place it ran in."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import pytest

from envs.task import Environment, Task
from runs.base_room import BaseRoom
from runs.decision import decision_of
from runs.evidence import evidence_of
from runs.journal import Journal
from runs.judging import EVIDENCE, chosen, judge, judged
from runs.pool import Pool
from runs.recipe import Recipe
from runs.rounds import Left, next_step
from sandbox.base import SandboxGoneError
from selection.candidate import Candidate
from selection.evidence_file import read_evidence
from selection.settings import SelectionSettings
from tests.interpreter import lean_python
from tests.selection.rules.made import CHANGED, crowd

TEST = """<test path="test_new.py">
from area import area


def test():
    assert area(3) == 9
</test>"""
MODEL = f"""
from agent import Capabilities, Reply


class Duellist:
    name = "duellist"
    capabilities = Capabilities()

    async def generate(self, messages, tools, sampling):
        return Reply(text="<choice>A</choice>" if len(messages) > 2 else {TEST!r})
"""
PATCH = """diff --git a/area.py b/area.py
--- a/area.py
+++ b/area.py
@@ -1,2 +1,2 @@
 def area(side):
-    return side
+    return {}
"""
POOL = Pool((Candidate("right", PATCH.format("side * side")), Candidate("wrong", PATCH.format("2 * side"))))


def git(folder, *arguments):
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    done = subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def task(tmp_path):
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "area.py").write_text("def area(side):\n    return side\n")
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "base")
    return Task(
        instance_id="area-1",
        repo="area",
        base_commit=git(folder, "rev-parse", "HEAD"),
        problem_statement="`area` is wrong",
        environment=Environment(python=str(lean_python())),
        test_runner="python -m pytest -q -p no:cacheprovider",
    )


async def test_what_duels_ran_is_run_again_in_another_place_and_in_no_other_case(tmp_path, task):
    (tmp_path / "duellist.py").write_text(MODEL)

    async def trials(memory_mb):
        """Judge in a room of so much memory, and return how many trials the journal holds then."""
        recipe = Recipe(
            models={"select": f"{tmp_path}/duellist.py:Duellist"},
            selection=SelectionSettings(duel=2, turns=2),
            sandbox="daemonless",
            memory_mb=memory_mb,
        )
        async with BaseRoom(task, tmp_path / "repository", recipe, tmp_path / "home") as room:
            with Journal(tmp_path / "run") as journal:
                await judge(task.public(), room, POOL, recipe, journal, [].append)
                return sum("output" in event.data["cell"] for event in journal.of("cell"))

    assert [await trials(memory) for memory in (1024, 1024, 2048)] == [3, 3, 6]


async def test_a_test_of_a_reader_can_show_that_an_existing_one_guards_nothing(tmp_path, task):
    """No program passes anything that shows the issue before the duel writes its test."""
    (tmp_path / "duellist.py").write_text(MODEL)
    repository = tmp_path / "repository"
    (repository / "test_area.py").write_text(
        "from area import area\n\n\ndef test():\n    assert area(3) == 3\n"
    )
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "a test of what the issue changes")
    task = replace(task, base_commit=git(repository, "rev-parse", "HEAD"))
    recipe = Recipe(
        models={"select": f"{tmp_path}/duellist.py:Duellist"},
        selection=SelectionSettings(duel=2, turns=2),
        sandbox="daemonless",
    )
    pool = Pool((*POOL.candidates, Candidate("other", PATCH.format("3 * side + 1"))))
    async with BaseRoom(task, repository, recipe, tmp_path / "home") as room:
        with Journal(tmp_path / "run") as journal:
            decision = await judge(task.public(), room, pool, recipe, journal, [].append)
    assert (list(decision.excused), decision.guards) == (["test_area.py::test"], 0)


@pytest.mark.parametrize(
    ("rule", "most", "compares"),
    [("posterior", 3, True), ("posterior-execution", 3, True), ("vote", 3, False), ("posterior", 0, False)],
)
async def test_what_programs_come_to_is_compared_for_rules_that_hear_it(tmp_path, task, rule, most, compares):
    shown = replace(task, problem_statement="`area` is wrong\n\n>>> from area import area\n>>> area(3)\n3\n")
    recipe = Recipe(rule=rule, sandbox="daemonless", selection=SelectionSettings(inputs=most))
    third = Candidate("alike", PATCH.format("side * side + 0"))
    async with BaseRoom(shown, tmp_path / "repository", recipe, tmp_path / "home") as room:
        with Journal(tmp_path / "run") as journal:
            await judge(shown.public(), room, Pool((*POOL.candidates, third)), recipe, journal, [].append)
    (evidence,) = read_evidence(tmp_path / "run" / EVIDENCE)
    told = {tuple(row[name] for name in ("right", "alike", "wrong")) for row in evidence.results.values()}
    assert bool(told) == compares
    assert all(right == alike != wrong for right, alike, wrong in told)


@pytest.mark.parametrize("error", [SandboxGoneError("the container is gone"), RecursionError("too deep")])
async def test_results_that_cannot_be_compared_cost_no_decision(tmp_path, task, monkeypatch, error):
    async def fail(*anything, **more):
        raise error

    monkeypatch.setattr("runs.judging.results_of", fail)
    recipe = Recipe(rule="posterior", sandbox="daemonless")
    async with BaseRoom(task, tmp_path / "repository", recipe, tmp_path / "home") as room:
        with Journal(tmp_path / "run") as journal:
            decision = await judge(task.public(), room, POOL, recipe, journal, [].append)
    assert decision.winner
    (told,) = decision.trouble
    assert told.startswith("comparing results")
    assert str(error) in told


def test_a_test_that_the_issue_changes_keeps_no_drawing_going():
    evidence = crowd(agreeing=5, others=2)
    found = judged(evidence, Pool(evidence.candidates), Recipe())
    standings = evidence_of(found, Left(1, 0, 1))
    assert {one.broken for one in standings.standings} == {0}
    assert next_step(standings, 0.95).purpose is None


def test_a_test_that_the_issue_changes_is_not_counted_among_those_that_guard():
    evidence = crowd(agreeing=2, others=2)
    decision = decision_of(evidence, chosen(evidence, Recipe()))
    assert (decision.guards, set(decision.excused)) == (1, {CHANGED.id})


def test_nobody_is_tied_with_a_winner_that_is_not_chosen():
    evidence = crowd(agreeing=2, others=2)
    sure, doubtful = (
        chosen(evidence, Recipe(rule="posterior", min_probability=least)) for least in (0.0, 1.0)
    )
    assert (sure.winner is not None, len(sure.tied)) == (True, 2)
    assert (doubtful.winner, doubtful.tied) == (None, ())
