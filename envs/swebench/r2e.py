"""R2E-Gym's hidden tests and its rule (R2E-Gym, section 3, "Execution-based verification").

An instance is solved where its run script reports exactly the recorded outcome for every recorded test, and
no test beyond them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from sandbox.base import ExecResult, Sandbox

R2E_COMMAND = """
here=$PWD
for place in /root/r2e_tests /r2e_tests; do
  [ -e "$place" ] && [ ! -e r2e_tests ] && ln -s "$place" r2e_tests
done
for script in /root/run_tests.sh /run_tests.sh "$here/run_tests.sh"; do
  [ -f "$script" ] && exec /bin/bash "$script"
done
echo "the image has no run_tests.sh" >&2
exit 127
"""
"""Images keep script and tests in one of these places; the script expects the tests in the repository."""
_OUTPUT = 64 << 20
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_SUMMARY = "short test summary info"
_STATUSES = ("PASSED", "FAILED", "ERROR")


async def run_r2e(room: Sandbox, seconds: float) -> ExecResult:
    """Run an instance's hidden tests.

    Raises:
        SandboxError: the sandbox failed.
    """
    return await room.exec(["/bin/bash", "-c", R2E_COMMAND], timeout=seconds, output=_OUTPUT)


def r2e_outcomes(log: str) -> Mapping[str, str]:
    """Return the outcomes in pytest's summary by test, named by class and function without the file.

    A file that cannot be collected has no such name; as in the recorded outcomes, it is under the empty one.
    """
    text = _COLOUR.sub("", log)
    _, found, summary = text.rpartition(_SUMMARY)
    outcomes = {}
    for line in summary.splitlines() if found else ():
        status, _, rest = line.strip().partition(" ")
        if status in _STATUSES and rest:
            outcomes[_name(".".join(rest.split("::")[1:]))] = status
    return outcomes


def r2e_expected(recorded: Mapping[str, str]) -> Mapping[str, str]:
    """Return recorded outcomes by names as `r2e_outcomes` gives them: without colours and messages."""
    return {_name(_COLOUR.sub("", test)): outcome for test, outcome in recorded.items()}


def _name(test: str) -> str:
    return test.split(" - ")[0].strip()
