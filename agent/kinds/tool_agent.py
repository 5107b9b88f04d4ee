"""The tool agent: a model with a shell, an editor and a search, free in what it does next.

After R2E-Gym's editing agent (section 3.1 of its paper) and mini-swe-agent.
"""

from __future__ import annotations

from agent import prompts
from agent.arguments import ARGUMENTS
from agent.assignment import Assignment
from agent.endings import Ending, ending_of_call
from agent.evidence import EvidenceBench
from agent.phase import Phase
from agent.played import played
from agent.siblings import seeded
from agent.talk import Talk
from agent.trajectory import Trajectory

ENDINGS = frozenset({"submit", "give_up"})
CHANGES = frozenset({"edit", "write_test"})
MAY_CHANGE = frozenset({"bash"})


async def run_agent(given: Assignment) -> Trajectory:
    """Let a model work on an issue with tools, and return what it did; see `agent.played.played`."""
    return await played(given, _work)


async def _work(talk: Talk) -> Ending:
    return ending_of_call(await talk.through(patching(talk, prompts.EDIT)))


def patching(talk: Talk, work: str) -> Phase:
    """Return the phase in which a patch is made with all tools; `work` is what the model is to do."""
    given = talk.given
    return Phase(
        system=prompts.SYSTEM,
        opening=prompts.first_message(given.task, given.context, seeded(work, given.seed)),
        tools=ARGUMENTS,
        bench=EvidenceBench(given, talk.is_last_step),
        endings=ENDINGS,
        reminder=prompts.NO_CALL,
        changes=CHANGES,
        may_change=MAY_CHANGE,
    )
