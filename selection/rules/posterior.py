"""Ours: tests, kept tests, readers, features and agreement as noisy sensors of which programs are right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from selection.candidate import Candidate
from selection.evidence import Evidence
from selection.feature_verifier import Weights
from selection.posterior import Model, Posterior, believe, shipped
from selection.rules.stages import Stage, decide, standing
from selection.rules.tallies import Tallies
from selection.verdict import Selection

NAME = "posterior"
EXECUTION = "posterior-execution"
WORDS = {
    "features": "features and agreement of the patches",
    "reproduction": "generated tests",
    "regression": "existing tests",
    "behaviour": "programs that behave alike",
    "readers": "readers",
    "comparisons": "comparisons",
}


def choose(evidence: Evidence) -> Selection:
    """Return the likeliest program, with how likely each is right and how likely none."""
    return _choose(NAME, shipped(NAME), None, evidence)


def choose_by_execution(evidence: Evidence) -> Selection:
    """Return the likeliest program by what was run and read, without features of the patches."""
    return _choose(EXECUTION, shipped(EXECUTION), None, evidence)


def chooser(name: str, model: Model, features: Weights | None = None) -> Callable[[Evidence], Selection]:
    """Return the rule with other weights: how the laboratory measures it on issues it was not fitted on."""
    return partial(_choose, name, model, features)


def programs_of(evidence: Evidence, tallies: Tallies) -> dict[str, tuple[str, ...]]:
    """Return the candidates that can win by the program they make, the slimmest patch first."""
    able = standing(evidence)
    groups = {key: tuple(id_ for id_ in ids if id_ in able) for key, ids in evidence.clusters.members.items()}
    alone = {id_: (id_,) for id_ in able if not tallies.cluster_of(id_)}
    return {key: ids for key, ids in sorted({**groups, **alone}.items()) if ids}


def _choose(name: str, model: Model, features: Weights | None, evidence: Evidence) -> Selection:
    tallies = Tallies(evidence)
    programs = programs_of(evidence, tallies)
    belief = believe(evidence, tallies.matrix, programs, model, features)

    def tested(one: Candidate) -> int | None:
        return 1 if tallies.tested(one) else None

    def probability(one: Candidate) -> float:
        program = tallies.cluster(one) or one.id
        return belief.probability(program) if program in programs else 0.0

    stages = (
        Stage("most", "rows in the matrix", tested),
        Stage("most", "probability of being right", probability),
    )
    found = decide(name, evidence, tallies, stages)
    if found.winner is None:
        return replace(found, none_right=1.0)
    winner = tallies.cluster_of(found.winner) or found.winner
    return replace(
        found,
        reason=_words(winner, belief, model),
        probability=belief.probability(winner),
        probabilities={program: belief.probability(program) for program in programs},
        none_right=belief.none,
    )


def _words(winner: str, belief: Posterior, model: Model) -> str:
    """Return what speaks for the winner, the strongest first, and against it."""
    parts = [(name, model.weights[name] * value) for name, value in belief.said[winner].items()]
    parts.sort(key=lambda part: (-abs(part[1]), part[0]))
    said = ", ".join(f"{WORDS[name]} {value:+.1f}" for name, value in parts if abs(value) >= 0.05)
    odds = f" (log-odds: {said})" if said else ""
    return f"right with probability {belief.probability(winner):.2f}{odds}; none is right: {belief.none:.2f}"
