"""The decision over one issue's candidates, as it is kept in the journal and shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from pydantic import Field

from agent.messages import Value
from envs.outcomes import Outcome
from selection.behaviour import agreement, weights_of
from selection.clusters import changed_lines
from selection.differences.leading import Disagreement
from selection.evidence import Evidence
from selection.matrix import BASE, TestMatrix
from selection.rules import RULES
from selection.rules.tallies import heard
from selection.verdict import Selection
from selection.votes import guarding, speaking


class Column(Value):
    """A generated test: where it stands, who wrote it, and what it does on the untouched base.

    `speaks` says whether it votes: it fails on the base, twice.
    """

    test: str
    target: str
    base: Outcome
    speaks: bool
    authors: tuple[str, ...] = ()
    content: str = ""


class Line(Value):
    """A candidate's evidence; `outcomes` are in the order of the columns, empty where it was not run."""

    candidate: str
    origin: str
    cluster: str
    outcomes: tuple[Outcome, ...] = ()
    votes: float = 0.0
    regressions: tuple[str, ...] = ()
    changed_lines: int = 0
    dropped: tuple[str, ...] = ()
    rejected: str = ""


class Said(Value):
    """What a judge says of a candidate; no score where it could not tell."""

    judge: str
    candidate: str
    score: float | None
    evidence: str


class Compared(Value):
    """What a judge of several candidates says, see `selection.evidence.Comparison`."""

    judge: str
    shown: tuple[str, ...]
    picked: str
    evidence: str = ""
    round: int = 0


class Decision(Value):
    """Who won and on what evidence.

    `guards` counts the existing tests that pass on the base and are not excused. `quarantined` tests differ
    between two runs on the base and decide nothing; `refused` test files were not run. `probabilities` are
    those of clusters where the rule knows them, several of which can be right, `none_right` is that no
    candidate is, and `fitted` says how far they were found to hold. `tied` candidates stand behind the winner
    by nothing but a hash. `excused` existing tests guard nothing, for the reason given. `trouble` is what
    went wrong while models read or inputs were looked for. `differences` are inputs on which the leading
    programs disagree that no test tells apart. `inputs` counts the programs that were run with all candidates
    and part them, `alike` is the share of the candidates that comes to what each cluster does, their mean.
    """

    rule: str
    reason: str
    winner: str | None
    patch: str
    probability: float | None
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    guards: int
    quarantined: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    verdicts: tuple[Said, ...] = ()
    comparisons: tuple[Compared, ...] = ()
    probabilities: dict[str, float] = Field(default_factory=dict)
    none_right: float | None = None
    tied: tuple[str, ...] = ()
    excused: dict[str, str] = Field(default_factory=dict)
    trouble: tuple[str, ...] = ()
    differences: tuple[Disagreement, ...] = ()
    inputs: int = 0
    alike: dict[str, float] = Field(default_factory=dict)
    fitted: str = ""


def decision_of(
    evidence: Evidence,
    selection: Selection,
    trouble: tuple[str, ...] = (),
    differences: tuple[Disagreement, ...] = (),
) -> Decision:
    """Return the decision with the evidence that a reader of the journal needs."""
    matrix = evidence.matrix
    pool = {one.id: one for one in evidence.candidates}
    origins = {one.id: one.origin for one in evidence.candidates}
    speakers = {test.id for test in speaking(matrix)}
    columns = tuple(
        Column(
            test=test.id,
            target=test.target,
            base=matrix.outcome(test.id, BASE),
            speaks=test.id in speakers,
            authors=tuple(origins.get(author, author) for author in test.authors),
            content=test.file.content if test.file else "",
        )
        for test in matrix.generated
    )
    return Decision(
        rule=selection.rule,
        reason=selection.reason,
        winner=selection.winner,
        patch=pool[selection.winner].patch if selection.winner else "",
        probability=selection.probability,
        columns=columns,
        lines=tuple(
            Line(
                candidate=place.candidate,
                origin=pool[place.candidate].origin,
                cluster=place.cluster,
                outcomes=_outcomes(place.cluster, columns, matrix),
                votes=place.votes,
                regressions=place.regressions,
                changed_lines=changed_lines(pool[place.candidate].patch),
                dropped=tuple(f"{edit.path}: {edit.reason}" for edit in pool[place.candidate].dropped),
                rejected=place.rejected,
            )
            for place in selection.ranking
        ),
        guards=len(guarding(heard(evidence))),
        quarantined=matrix.quarantined,
        refused=tuple(f"{edit.path}: {edit.reason}" for edit in matrix.refused),
        verdicts=tuple(Said(**asdict(one)) for one in selection.verdicts),
        comparisons=tuple(Compared(**asdict(one)) for one in evidence.comparisons),
        probabilities=dict(selection.probabilities),
        none_right=selection.none_right,
        tied=selection.tied,
        excused=dict(evidence.excused),
        trouble=trouble,
        differences=differences,
        inputs=len(evidence.results),
        alike=dict(agreement(evidence.results, weights_of(evidence.clusters.members))),
        fitted=RULES[selection.rule].fitted if selection.rule in RULES else "",
    )


def _outcomes(cluster: str, columns: Sequence[Column], matrix: TestMatrix) -> tuple[Outcome, ...]:
    return tuple(matrix.outcome(column.test, cluster) for column in columns) if cluster else ()


def origins_by_cluster(lines: Sequence[Line]) -> Mapping[str, tuple[Line, ...]]:
    """Return the lines of each cluster, best first; candidates without a cluster stand alone."""
    grouped: dict[str, list[Line]] = {}
    for line in lines:
        grouped.setdefault(line.cluster or line.candidate, []).append(line)
    return {key: tuple(group) for key, group in grouped.items()}
