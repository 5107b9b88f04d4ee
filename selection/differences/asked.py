"""A model is asked for a test that tells programs apart which no test tells apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.context.asking import Asker
from agent.messages import Message, Sampling
from envs.outcomes import Outcome
from selection.candidate import Candidate, TestFile
from selection.conversation import bounded
from selection.duel.prompts import refusal, results
from selection.duel.trials import Trial, Trials
from selection.evidence import Evidence
from selection.matrix import BASE
from selection.side_by_side import fitted, rendered
from selection.verifiers.material import Material
from selection.verifiers.prompts import issue_block
from selection.written import SHAPE, UnusableError, read_test

AUTHOR = "differences"
REPLY = 8_192
TRIES = 3
"""Replies in which a test may come."""
MOST = 3
"""Programs that one question is about."""

SYSTEM = f"""\
You write one test file that tells apart patches for the same issue of a code repository. No test so far does:
they all pass and fail the same tests. A right patch must pass your test.

How to work:
- Read from the patches where they do different things: find an input, a type, an order, a caller for which
  they part. Then find what the issue, or what is documented or usual in this code, says must happen there.
- Assert exactly that, in a few small test functions, one for each case. Nothing that the issue leaves open,
  no private names, nothing random or slow.
- The file is new, is run by pytest from the repository's folder, and stands alone. Import what may be missing
  inside of the test functions. Your reply holds it as a whole:

{SHAPE}
"""
QUESTION = """\
Tests are run with this command, a test file behind it:

<command>
{runner}
</command>

Write the test that tells these candidates apart. Think first, briefly.
"""
ALIKE = """\
{results}

That does not tell the candidates apart: they all do the same. Write another test file, for a case in which
their code goes different ways.
"""


@dataclass(frozen=True, slots=True)
class Separator:
    """Asks for separating tests; `runner` is the command that tests run with."""

    asker: Asker
    material: Material
    trials: Trials
    runner: str

    async def separate(self, shown: Sequence[Candidate]) -> TestFile | None:
        """Return a test that does not do the same with all of the candidates, None where none came."""
        about = f"{AUTHOR}/{'+'.join(one.id for one in shown)}"
        texts = fitted(self.material, shown, reserved=self.material.tokens // 4).texts
        question = QUESTION.format(runner=self.runner)
        content = "\n\n".join([issue_block(texts["issue"]), rendered(texts, len(shown)), question])
        told = [Message(role="system", content=SYSTEM), Message(role="user", content=content)]
        for turn in range(TRIES):
            prompt = bounded(told, self.material.tokens, self.material.count)
            reply = await self.asker.reply(prompt, Sampling(max_tokens=REPLY), f"{about}/{turn}")
            if reply is None:
                return None
            told.append(Message(role="assistant", content=reply.text or "(nothing)"))
            try:
                file = await self.trials.new_file(read_test(reply.text), AUTHOR)
            except UnusableError as error:
                told.append(refusal(str(error), last=False))
                continue
            found = await self.trials.on(file, ["", *(one.patch for one in shown)])
            if separates(found[1:]):
                return file
            told.append(Message(role="user", content=ALIKE.format(results=results(found, 2_000))))
        return None


def separates(trials: Sequence[Trial]) -> bool:
    """Whether a file does not do the same with all patches, and passes with one of them."""
    ran = [trial for trial in trials if not trial.trouble]
    passes = any(Outcome.PASSED in trial.outcomes.values() for trial in ran)
    return len(ran) == len(trials) and passes and len({trial.behaviour for trial in ran}) > 1


def indistinct(evidence: Evidence) -> tuple[tuple[str, ...], ...]:
    """Return the groups of clusters, of two and more, that no test tells apart, the largest first.

    Clusters that no row of the matrix has are in none.
    """
    matrix = evidence.matrix
    telling = [test.id for test in matrix.tests if test.id not in matrix.quarantined]
    alike: dict[tuple[Outcome, ...], list[str]] = {}
    for row in sorted(row for row in matrix.rows if row != BASE):
        alike.setdefault(tuple(matrix.outcome(test, row) for test in telling), []).append(row)
    groups = [tuple(rows) for rows in alike.values() if len(rows) > 1]
    return tuple(sorted(groups, key=lambda group: (-len(group), group)))
