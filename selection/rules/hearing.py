"""Whose words reach a rule: judges whose verdicts or comparisons it takes, authors of tests it goes by."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from selection.candidate import TestFile
from selection.evidence import SEPARATING, Comparison, Evidence
from selection.matrix import TestCase, TestMatrix
from selection.rules.readings import Readings
from selection.verdict import Verdict

Hears = Callable[[Evidence], frozenset[str]]
"""Gives the names that a rule hears of those whose words the evidence holds."""


def nobody(evidence: Evidence) -> frozenset[str]:
    """Return no name: the rule goes by patches, and by existing tests."""
    return frozenset()


def testers(evidence: Evidence) -> frozenset[str]:
    """Return the authors of generated tests: candidates, testers, and readers that wrote some."""
    return frozenset(author for test in evidence.matrix.generated for author in test.authors)


def unasked(evidence: Evidence) -> frozenset[str]:
    """Return the authors of generated tests that were not asked for to tell candidates apart."""
    return testers(evidence.without_tests_of(SEPARATING))


def verifier(evidence: Evidence) -> frozenset[str]:
    """Return the one verifier that rules without execution go by."""
    return frozenset({Readings(evidence).judge} - {""})


def comparing(judge: str) -> Hears:
    """Return what hears a judge's comparisons."""
    return partial(_comparing, judge)


def both(*kinds: Hears) -> Hears:
    """Return what hears all that each of some hears."""
    return partial(_both, kinds)


def everybody(evidence: Evidence) -> frozenset[str]:
    """Return all whose words the evidence holds."""
    judges = {one.judge for one in evidence.verdicts} | {one.judge for one in evidence.comparisons}
    return testers(evidence) | judges


def reaches(reader: str, hears: Hears) -> bool:
    """Whether a model's verdicts, comparisons or tests could reach a rule, were they all there is.

    Args:
        reader: a judge's name, or an author of tests that are asked for.
        hears: the rule's.
    """
    test = TestCase("t", TestFile("test_t.py", "", reader), "test_t.py::test_t", (reader,))
    alone = Evidence(
        "",
        matrix=TestMatrix((test,) if reader in SEPARATING else ()),
        verdicts=(Verdict(reader, "c", 1.0, ""),),
        comparisons=(Comparison(reader, ("c",), "c"),),
    )
    return reader in hears(alone)


def _comparing(judge: str, evidence: Evidence) -> frozenset[str]:
    return frozenset(one.judge for one in evidence.comparisons if one.judge == judge)


def _both(kinds: tuple[Hears, ...], evidence: Evidence) -> frozenset[str]:
    return frozenset(name for kind in kinds for name in kind(evidence))
