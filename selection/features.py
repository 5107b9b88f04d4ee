"""What can be measured of a candidate without reading it: what the feature verifier goes by.

Some are of the patch alone, some hold it against the issue, and some against the other candidates: where
independent authors change the same lines in like words, they are likelier right. No feature knows whose work
a candidate is, or its place among the others.
"""

from __future__ import annotations

import math
import posixpath
from collections.abc import Mapping, Sequence
from functools import lru_cache
from statistics import fmean

from agent.trajectory import ExitReason
from selection.candidate import Candidate
from selection.changes import DEFINITION, NAME, likeness, read_change, size_of
from selection.evidence import ISSUE, Evidence
from selection.unfit import unfit

DEMONSTRATION, EXECUTED, FAULTY = "demonstration", "executed", "faulty"
Features = Mapping[str, float]
"""By name; one that cannot be known (agreement of a lone candidate) is missing."""

ABOUT: Mapping[str, str] = {
    "agreement": "words of its changed lines that other candidates change too",
    "places": "places of its changes where other candidates change something",
    "covers": "words that other candidates change and it does too",
    "size": "changed code lines (log)",
    "files": "changed files (log)",
    "deletes_only": "adds no code",
    "defines": "functions and classes it adds (log)",
    "guards": "adds a condition",
    "comments": "adds comments",
    "tests": "brings tests of its own (log)",
    "dropped": "edits that were not judged, such as changes of existing tests (log)",
    "issue_names": "share of its identifiers that the issue names",
    "issue_module": "changes a file whose name the issue says",
    "issue_function": "changes a function that the issue names",
    "executed": "something of it is executed by the issue's programs, or by failing tests of others (share)",
    "submitted": "its author handed it in, and was not stopped by a limit or an error",
    "demonstration": "changes what the issue's own programs come to",
    "faulty": "breaks a file, or uses names that nothing defines",
}
"""Every feature, in words."""


def measure(evidence: Evidence) -> Mapping[str, Features]:
    """Return the features of every candidate that makes a program of its own, by id."""
    programs, facts = _programs(evidence), _facts(evidence)
    issue = evidence.problem_statement
    return {
        one.id: {
            **_own(one),
            **_of_ending(one),
            **_of_runs(one, evidence),
            **_of_issue(one.patch, issue),
            **_of_others(one, programs),
            **facts.get(one.id, {}),
        }
        for one in _changing(evidence)
    }


def _facts(evidence: Evidence) -> Mapping[str, Mapping[str, float]]:
    """Return the facts of candidates, without a demonstration that none changes but such as break a file.

    Such programs do not get to the fault, as where an issue shows tests that nothing in it calls.
    """
    if any(facts.get(DEMONSTRATION) and not facts.get(FAULTY) for facts in evidence.facts.values()):
        return evidence.facts
    return {
        id_: {name: value for name, value in facts.items() if name != DEMONSTRATION}
        for id_, facts in evidence.facts.items()
    }


def _changing(evidence: Evidence) -> list[Candidate]:
    return [one for one in evidence.candidates if not unfit(one, evidence.clusters)]


def _own(one: Candidate) -> Features:
    change = read_change(one.patch)
    defined = sum(bool(DEFINITION.match(line)) for line in change.added)
    return {
        "size": size_of(change),
        "files": math.log1p(len(change.files)),
        "deletes_only": float(not change.added),
        "defines": math.log1p(defined),
        "guards": float(any(line.startswith(("if ", "elif ", "if(")) for line in change.added)),
        "comments": float(change.comments > 0),
        "tests": math.log1p(len(one.tests)),
        "dropped": math.log1p(len(one.dropped)),
    }


def _of_ending(one: Candidate) -> Features:
    """Return whether its trajectory ended by submission; predictions and diffs do not say how theirs did."""
    return {"submitted": float(one.exit_reason == ExitReason.SUBMITTED)} if one.exit_reason else {}


def _of_runs(one: Candidate, evidence: Evidence) -> Features:
    """Return the share of runs on the base that execute something of a change.

    Its own tests would speak for it, and a run of nothing that anybody changes does not get to the fault.
    """
    counted = {ISSUE, *(test.id for test in evidence.matrix.tests if test.authors != (one.id,))}
    shares = [
        float(shares[one.id] > 0)
        for run, shares in evidence.executed.items()
        if run in counted and one.id in shares and any(shares.values())
    ]
    return {EXECUTED: fmean(shares)} if shares else {}


@lru_cache(maxsize=4096)
def _of_issue(patch: str, issue: str) -> Features:
    change, said = read_change(patch), frozenset(NAME.findall(issue))
    lower = {name.lower() for name in said}
    stems = {posixpath.splitext(posixpath.basename(path))[0].lower() for path in change.files}
    return {
        "issue_names": len(change.names & said) / (len(change.names) + 1),
        "issue_module": float(bool(stems & lower)),
        "issue_function": float(any(function in said for _, function in change.functions)),
    }


def _of_others(one: Candidate, programs: Sequence[tuple[Candidate, ...]]) -> Features:
    """Return how far the others agree: each program weighs by the root of how many made it."""
    heard = []
    for members in programs:
        mine = any(member.id == one.id for member in members)
        weight = math.sqrt(len(members)) - mine
        if weight > 0:
            heard.append((weight, likeness(one.patch, one.patch if mine else members[0].patch)))
    whole = math.fsum(weight for weight, _ in heard)
    if not whole:
        return {}
    return {
        "agreement": math.fsum(weight * like.tokens for weight, like in heard) / whole,
        "places": math.fsum(weight * like.places for weight, like in heard) / whole,
        "covers": math.fsum(weight * like.covered for weight, like in heard) / whole,
    }


def _programs(evidence: Evidence) -> tuple[tuple[Candidate, ...], ...]:
    """Return the candidates that change something, by the program they make, the slimmest first."""
    pool = {one.id: one for one in _changing(evidence)}
    groups = [tuple(pool[id_] for id_ in ids if id_ in pool) for ids in evidence.clusters.members.values()]
    known = {one.id for group in groups for one in group}
    alone = [(one,) for one in pool.values() if one.id not in known]
    return tuple(group for group in (*groups, *alone) if group)
