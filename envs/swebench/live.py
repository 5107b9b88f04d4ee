"""SWE-bench-Live's own rule (its `evaluation.py`), which differs for tests that did not run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

RULE = "live"
_BROKEN = frozenset({"FAILED", "ERROR", "XFAIL"})


def live_resolved(
    statuses: Mapping[str, str], fail_to_pass: Iterable[str], pass_to_pass: Iterable[str]
) -> bool:
    """Whether all of FAIL_TO_PASS passed and none of PASS_TO_PASS failed.

    A test of PASS_TO_PASS that the log lacks, or calls skipped, counts as kept; an expected failure counts as
    a failure.
    """
    fixed = [statuses.get(test) == "PASSED" for test in fail_to_pass]
    return bool(fixed) and all(fixed) and not any(statuses.get(test) in _BROKEN for test in pass_to_pass)
