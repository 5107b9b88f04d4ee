"""The rules that choose among an issue's candidates, by name: pure functions from evidence to a selection.

A rule answers for every number of candidates and every kind of evidence, raises nothing, and never depends on
the order of candidates or tests. Reading and running come before: rules that need a judge's verdicts or
comparisons find them in the evidence, and say in `needs` whose.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from selection.evidence import Evidence
from selection.rules import (
    agentless,
    codemonkeys,
    hearing,
    majority_patch,
    posterior,
    r2e,
    random,
    readings,
    swe_gym,
    trae,
    vote,
)
from selection.rules.hearing import Hears
from selection.verdict import Selection


class RuleError(ValueError):
    """There is no rule of a name; the message says which there are."""


class Choose(Protocol):
    """What a rule does."""

    def __call__(self, evidence: Evidence, /) -> Selection:
        """Return the ranking of all candidates, and the winner or why there is none."""


Finalists = Callable[[Evidence], Sequence[str]]
"""Returns the ids of the candidates that a duel is between, one of each program."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: its name, what it does in one line, the published system it is from, and whom it asks.

    `needs` are names of judges; a rule that finds nothing of them in the evidence says so in its reason
    and decides by what is left. `finalists` names the candidates that its duel is between, None for a rule
    that hears a duel of any. `fitted` says in one line what its probability was fitted on, with the
    harm rate and the calibration error found there; it is empty for a rule that was not fitted. `hears` says
    whose words reach it, which is whom it pays for. `compares_results` says whether it goes by what programs
    come to with each candidate, which takes running them.
    """

    name: str
    about: str
    source: str
    choose: Choose
    needs: tuple[str, ...] = ()
    finalists: Finalists | None = None
    fitted: str = ""
    hears: Hears = hearing.nobody
    compares_results: bool = False


_ALL = (
    Rule("random", "any candidate", "baseline", random.choose),
    Rule("majority-patch", "the program that most candidates made", "baseline", majority_patch.choose),
    Rule(
        "codemonkeys-vote",
        "most passing generated scripts, then the shortest patch",
        "CodeMonkeys",
        codemonkeys.choose_by_votes,
        hears=hearing.testers,
    ),
    Rule(
        "codemonkeys",
        "the three with most votes, then a duel that writes a separating test",
        "CodeMonkeys",
        codemonkeys.choose,
        needs=(codemonkeys.JUDGE,),
        finalists=codemonkeys.finalists,
        hears=hearing.both(hearing.unasked, hearing.comparing(codemonkeys.JUDGE)),
    ),
    Rule(
        "agentless",
        "fewest broken tests, then the reproduction test, then the most frequent patch",
        "Agentless 1.5",
        agentless.choose,
        hears=hearing.testers,
    ),
    Rule(
        "r2e-execution",
        "most existing tests kept, then most generated tests passed",
        "R2E-Gym",
        r2e.choose_by_execution,
        hears=hearing.testers,
    ),
    Rule(
        "r2e-execution-free",
        "the verifier's best",
        "R2E-Gym",
        r2e.choose_by_reading,
        needs=readings.NEEDS,
        hears=hearing.verifier,
    ),
    Rule(
        "r2e-hybrid",
        "by execution among the better half of the verifier",
        "R2E-Gym, DeepSWE",
        r2e.choose_hybrid,
        needs=readings.NEEDS,
        hears=hearing.both(hearing.testers, hearing.verifier),
    ),
    Rule(
        "swe-gym",
        "the verifier's best",
        "SWE-Gym",
        swe_gym.choose,
        needs=readings.NEEDS,
        hears=hearing.verifier,
    ),
    Rule(
        "trae",
        "who breaks nothing, then votes of agents that compare in groups",
        "Trae Agent",
        trae.choose,
        needs=(trae.JUDGE,),
        hears=hearing.comparing(trae.JUDGE),
    ),
    Rule(
        "vote",
        "votes of tests that fail on the base; abstains without any",
        "Mangabey",
        vote.choose,
        hears=hearing.testers,
    ),
    Rule(
        posterior.EXECUTION,
        "the likeliest program by what was run and read, with its probability",
        "Mangabey",
        posterior.choose_by_execution,
        hears=hearing.everybody,
        compares_results=True,
    ),
    Rule(
        posterior.NAME,
        "the likeliest program by all evidence, with its probability",
        "Mangabey",
        posterior.choose,
        hears=hearing.everybody,
        compares_results=True,
        fitted="69 real issues, 48 of them with tests: harm rate 5.5% without a model, 4.5% with generated "
        "tests, 1.3% with a capable reader too; calibration error 0.08, 0.09 and 0.07",
    ),
)

RULES: Mapping[str, Rule] = {rule.name: rule for rule in _ALL}
"""Every rule by its name."""


def rule_named(name: str) -> Rule:
    """Return the rule of a name.

    Raises:
        RuleError: there is none.
    """
    if name in RULES:
        return RULES[name]
    near = difflib.get_close_matches(name, RULES, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(RULES)}"
    raise RuleError(f"no rule is called {name!r}: {hint}")
