"""The conformance suite of model backends.

A package that offers a backend takes it into a test file and says how the backend is made:

    import pytest
    from agent.conformance import *

    @pytest.fixture
    def model():
        return MyModel()

`pytest-asyncio` runs it in its `auto` mode. Instead of a backend the fixture may return a `Subject`, which
says more: what conversation it answers, whether it obeys, how it is made with a wrong key. What is not
offered is skipped. `mangabey models check NAME` runs the same list.
"""

from typing import Any

from agent.conformance.subject import Particular, Subject, subject_of
from agent.conformance.suite import CHECKS, Check, Finding, capabilities_of, run_check, run_checks
from agent.models.base import Model

__all__ = [
    "CHECKS",
    "Check",
    "Finding",
    "Particular",
    "Subject",
    "pytest_generate_tests",
    "run_check",
    "run_checks",
    "subject_of",
    "test_conforms",
]


def pytest_generate_tests(metafunc: Any) -> None:
    """Make a test of each check; pytest calls this."""
    if "check" in metafunc.fixturenames:
        metafunc.parametrize("check", CHECKS, ids=[check.name for check in CHECKS])


async def test_conforms(model: Model | Subject, check: Check) -> None:
    """The backend keeps one of the promises."""
    subject = subject_of(model)
    finding = await run_check(check, subject, await capabilities_of(subject))
    if finding.outcome == "not offered":
        import pytest

        pytest.skip(finding.note)
    assert finding.outcome == "passed", f"{check.says} {finding.note}"
