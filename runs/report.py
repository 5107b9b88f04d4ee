"""The report of one issue, rebuilt from its journal."""

from __future__ import annotations

import json

from agent.budget import Spent, spent
from agent.messages import Attempt, Reply, Usage, Value
from agent.trajectory import Turn
from envs.grading import Grade
from runs.crews import is_sample
from runs.decision import Decision
from runs.grading import recorded_verdict
from runs.journal import Journal
from runs.recorded import recorded, variations
from runs.replies import FAILURES, REPLIES
from runs.round_events import Round, rounds_of
from runs.variation import Variation


class SampleLine(Value):
    """How one trajectory went; `drawn` is what set it apart, None in journals of older versions."""

    sample: int
    exit_reason: str
    message: str
    seconds: float
    turns: int
    drawn: Variation | None = None


class Diversity(Value):
    """How different the candidates are: the programs that trajectories made, alike ones counted once.

    `trajectories` counts those that were to make a candidate, also where they made none; `per_trajectory` is
    None where there was none.
    """

    trajectories: int
    clusters: int
    per_trajectory: float | None


class Report(Value):
    """What became of one issue.

    `grade` is None where the task cannot be graded, or grading was not asked for or gave no verdict. `cost`
    is in dollars, None where a price is not known; it and `usage` are those of trajectories and readers
    together. `seconds` is wall time of all attempts at the run together. `rounds` are the samples that were
    drawn together, an empty one where the drawing ended before all were.
    """

    instance_id: str
    problem_statement: str
    model: str
    decision: Decision
    grade: Grade | None
    samples: tuple[SampleLine, ...]
    diversity: Diversity
    rounds: tuple[Round, ...] = ()
    usage: Usage
    cost: float | None
    seconds: float

    @property
    def patch(self) -> str:
        """The selected patch, empty after an abstention."""
        return self.decision.patch

    @property
    def title(self) -> str:
        """The issue's first line."""
        return next((line.strip("# ") for line in self.problem_statement.splitlines() if line.strip()), "")

    @property
    def succeeded(self) -> bool:
        """Whether a patch was selected and, where it was graded, resolves the issue."""
        if self.grade is not None:
            return self.grade.resolved
        return self.decision.winner is not None

    def to_json_text(self) -> str:
        """Return the report as JSON; bytes of a patch that are no text are escaped as lone surrogates."""
        return json.dumps(self.model_dump(), ensure_ascii=True, indent=1)


def read_report(journal: Journal) -> Report:
    """Return the report of a finished run."""
    task = journal.last("task")
    decision = journal.last("decision")
    assert task is not None, "a finished run has a task"
    assert decision is not None, "a finished run has a decision"
    found, drawn = Decision.model_validate(decision), variations(journal)
    turns = {sample: sum(1 for _ in journal.of("reply", sample=sample)) for sample in recorded(journal)}
    trajectories = [one for _, one in sorted(recorded(journal).items())]
    read = _read_for_all(journal)
    costs = [read.dollars, *(one.cost for one in trajectories)]
    known = [cost for cost in costs if cost is not None]
    return Report(
        instance_id=task["instance_id"],
        problem_statement=task["problem_statement"],
        model=next((one.model for one in trajectories), ""),
        decision=found,
        grade=recorded_verdict(journal),
        samples=tuple(
            SampleLine(
                sample=one.sample,
                exit_reason=one.exit_reason.value,
                message=one.message,
                seconds=one.seconds,
                turns=turns[one.sample],
                drawn=drawn.get(one.sample),
            )
            for one in trajectories
        ),
        diversity=_diversity(found),
        rounds=tuple(one for one in rounds_of(journal) if one.samples or one.reason),
        usage=Usage.total([read.usage, *(one.usage for one in trajectories)]),
        cost=sum(known) if len(known) == len(costs) else None,
        seconds=sum(float(event.data["seconds"]) for event in journal.of("worked")),
    )


def _read_for_all(journal: Journal) -> Spent:
    """Return what models that read for all trajectories have used, failed sendings included."""
    kept = [event for event in journal.events if event.kind in REPLIES]
    lost = [event for event in journal.events if event.kind in FAILURES]
    turns = [Turn(reply=Reply.model_validate(event.data["reply"]), observations=()) for event in kept]
    failed = [Attempt.model_validate(one) for event in lost for one in event.data["attempts"]]
    return spent(turns, failed)


def _diversity(decision: Decision) -> Diversity:
    ours = [line for line in decision.lines if is_sample(line.origin)]
    clusters = len({line.cluster for line in ours if line.cluster})
    return Diversity(
        trajectories=len(ours),
        clusters=clusters,
        per_trajectory=round(clusters / len(ours), 3) if ours else None,
    )
