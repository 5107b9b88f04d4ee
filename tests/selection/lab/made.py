"""Small labelled issues for the laboratory: candidates of few programs, a score for each, right or wrong."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from selection.candidate import Candidate
from selection.clusters import Clusters
from selection.evidence import Evidence
from selection.lab.labelled import Labelled
from selection.lab.replay import Choose, Entrant
from selection.verdict import Ranked, Selection, Verdict

JUDGE = "reader"


def issue_of(
    right: Sequence[bool],
    *,
    scores: Sequence[float | None] = (),
    programs: Sequence[int] = (),
    repo: str = "a/a",
    task: str = "t",
) -> Labelled:
    """Return an issue whose candidates c0, c1, ... are right or wrong, each by default its own program."""
    ids = [f"c{number}" for number in range(len(right))]
    made = list(programs) or list(range(len(right)))
    members: dict[str, tuple[str, ...]] = {}
    for id_, program in zip(ids, made, strict=True):
        members[f"p{program}"] = (*members.get(f"p{program}", ()), id_)
    return Labelled(
        Evidence(
            task=task,
            repo=repo,
            candidates=tuple(Candidate(id_, f"patch of {id_}") for id_ in ids),
            clusters=Clusters(members),
            verdicts=tuple(
                Verdict(JUDGE, id_, score, "") for id_, score in zip(ids, scores, strict=bool(scores))
            ),
        ),
        dict(zip(ids, right, strict=True)),
    )


def by_score(evidence: Evidence) -> Selection:
    """Choose by the judge's score, equals tied; abstains when there is no candidate."""
    scores = evidence.scores(JUDGE)

    def worth(id_: str) -> float:
        return scores.get(id_, float("-inf"))

    order = sorted((one.id for one in evidence.candidates), key=lambda id_: (-worth(id_), id_))
    return Selection(
        rule="by score",
        ranking=tuple(Ranked(id_, evidence.clusters.key_of(id_), 0.0, ()) for id_ in order),
        winner=order[0] if order else None,
        reason="",
        probability=min(1.0, max(0.0, worth(order[0]))) if order and order[0] in scores else None,
        tied=tuple(id_ for id_ in order if worth(id_) == worth(order[0])),
    )


def abstaining(evidence: Evidence) -> Selection:
    """Choose nothing."""
    return Selection(rule="never", ranking=(), winner=None, reason="abstains")


def entrant(choose: Choose, name: str = "rule") -> Entrant:
    """Return an entrant that plays every issue by one function."""
    return Entrant(name, lambda issue: choose)


@st.composite
def labelled(draw: st.DrawFn, most: int = 7) -> Labelled:
    """Draw an issue of 1 to `most` candidates with scores of few values, some without."""
    n = draw(st.integers(1, most))
    right = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    scores = draw(st.lists(st.sampled_from([0.1, 0.5, 0.9, None]), min_size=n, max_size=n))
    programs = draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    return issue_of(right, scores=scores, programs=programs)
