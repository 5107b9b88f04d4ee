"""The rule that picks one patch by votes, or abstains.

A candidate can win when its patch applies and changes something, breaks no existing test, and at least one
test that fails on the base passes with it. Of those the order is: votes, independent samples that made the
same program, fewer changed lines, and then a hash of the content. Nothing depends on the order of candidates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from selection.candidate import Candidate
from selection.clusters import Clusters, content_order
from selection.matrix import TestMatrix
from selection.unfit import unfit
from selection.verdict import Ranked, Selection
from selection.votes import Vote, count_votes, some, speaking, verdicts

RULE = "vote"
Size = tuple[int, str, str]
"""See `content_order`."""
Rank = tuple[int, ...]


def select(candidates: Sequence[Candidate], clusters: Clusters, matrix: TestMatrix) -> Selection:
    """Return the ranking of all candidates, and the winner or why there is none.

    Every number of candidates and every kind of matrix has an answer; nothing is raised.
    """
    pool = {one.id: one for one in candidates}
    votes = count_votes(clusters, matrix)
    places = {id_: clusters.key_of(id_) for id_ in pool}
    sizes = {id_: content_order(one) for id_, one in pool.items()}
    ranks = {id_: _rank(one, sizes, clusters, votes.get(places[id_])) for id_, one in pool.items()}
    order = sorted(pool.values(), key=lambda one: (ranks[one.id], _content(one.id, sizes, clusters)))
    barred = {one.id: _barred(one, clusters, matrix, votes.get(places[one.id])) for one in order}
    winner = next((one for one in order if not barred[one.id]), None)
    ranking = []
    for one in order:
        vote = votes.get(places[one.id])
        rejected = barred[one.id] or (_outranked(one, winner, clusters, votes) if winner else "")
        ranking.append(
            Ranked(
                candidate=one.id,
                cluster=places[one.id],
                votes=float(vote.count) if vote else 0.0,
                regressions=vote.regressions if vote else (),
                rejected=rejected,
            )
        )
    return Selection(
        rule=RULE,
        ranking=tuple(ranking),
        winner=winner.id if winner else None,
        reason=_won(winner, clusters, votes) if winner else _abstained(order, clusters, matrix, votes),
        verdicts=verdicts(clusters, matrix),
        clusters=clusters.members,
        tied=tuple(
            one.id for one in order if winner and not barred[one.id] and ranks[one.id] == ranks[winner.id]
        ),
    )


def _rank(one: Candidate, sizes: Mapping[str, Size], clusters: Clusters, vote: Vote | None) -> Rank:
    """Return a candidate's rank: what was never tested stands behind all that was."""
    blank = not one.patch.strip()
    if vote is None:
        return (1, blank, 0, 0, 0, sizes[one.id][0])
    members = [sizes[id_] for id_ in clusters.members[vote.row] if id_ in sizes]
    return (0, blank, len(vote.regressions), -vote.count, -len(members), min(members)[0])


def _content(id_: str, sizes: Mapping[str, Size], clusters: Clusters) -> tuple[Size, Size]:
    """Return what orders candidates of equal rank: the program's slimmest patch, then theirs."""
    members = [sizes[other] for other in clusters.members.get(clusters.key_of(id_), ()) if other in sizes]
    return min((*members, sizes[id_])), sizes[id_]


def _barred(one: Candidate, clusters: Clusters, matrix: TestMatrix, vote: Vote | None) -> str:
    """Return why a candidate cannot win whatever the others do, empty where it can."""
    if why := unfit(one, clusters):
        return why
    if vote is None:
        return "was not tested"
    aside = f"; {_dropped(one)}" if one.dropped else ""
    if vote.regressions:
        return f"breaks {some(vote.regressions)}{aside}"
    if not vote.count:
        number = len(vote.failed) or len(speaking(matrix))
        if not number:
            return f"no test fails on the base, so none can speak for it{aside}"
        return f"fails {number} of {number} reproduction tests{aside}"
    return ""


def _dropped(one: Candidate) -> str:
    return "dropped " + some([f"{edit.path} ({edit.reason})" for edit in one.dropped])


def _outranked(one: Candidate, winner: Candidate, clusters: Clusters, votes: Mapping[str, Vote]) -> str:
    """Return what put the winner before a candidate that could have won; empty for its own cluster."""
    mine, its = clusters.key_of(one.id), clusters.key_of(winner.id)
    if mine == its:
        return ""
    if votes[mine].count < votes[its].count:
        number = len(votes[mine].failed) + len(votes[mine].passed)
        return (
            f"fails {len(votes[mine].failed)} of {number} reproduction tests: {votes[mine].count} votes,"
            f" the winner has {votes[its].count}"
        )
    if len(clusters.members[mine]) < len(clusters.members[its]):
        return f"equal votes; {len(clusters.members[its])} candidates made the winner's program"
    if content_order(one)[0] > content_order(winner)[0]:
        return "equal votes; the winner changes fewer lines"
    return "equal in all; the winner comes first by the hash of its content"


def _won(winner: Candidate, clusters: Clusters, votes: Mapping[str, Vote]) -> str:
    key = clusters.key_of(winner.id)
    vote, size = votes[key], len(clusters.members[key])
    guards = f"breaks none of {vote.guards} existing tests" if vote.guards else "no existing test guards it"
    own = "; only tests of its own authors vote for it" if vote.own_only else ""
    return f"{vote.count} of {vote.of} votes, {guards}, made by {_count(size, 'candidate')}{own}"


def _abstained(
    order: Sequence[Candidate], clusters: Clusters, matrix: TestMatrix, votes: Mapping[str, Vote]
) -> str:
    """Return why nothing was chosen, the earliest hurdle at which the last candidates fell."""
    if not order:
        return "abstains: there are no candidates"
    all_of_them = _count(len(order), "candidate")
    if not any(one.patch.strip() for one in order):
        return f"abstains: of {all_of_them}, none changes a source file"
    if not clusters.members:
        changes = " and changes the program" if clusters.idle else ""
        return f"abstains: of {all_of_them}, no patch applies{changes}"
    if not matrix.generated:
        return "abstains: no evidence: no candidate brought a test that could be run"
    if not speaking(matrix):
        number = _count(len(matrix.generated), "generated test")
        return f"abstains: no evidence: none of {number} fails on the base"
    if not any(vote.count for vote in votes.values()):
        number = _count(len(speaking(matrix)), "test")
        return f"abstains: no candidate passes any of {number} that fail on the base"
    return "abstains: every candidate with a vote breaks existing tests"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
