"""What the machine may use in each of its phases."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MachineSettings:
    """Turns, times and sizes; the defaults are the published ones where there are such (CodeMonkeys, 1.2).

    `test_turns` and `edit_turns` count replies with a readable action; the assignment's budget counts all and
    bounds both. `regression_seconds` is wall time of one run of the existing tests near the change, of which
    at most `regression_files` are run. `output` is the characters of one output that are shown, `look` of
    one look, `looked` of all looks of the test phase that are shown again in the edit phase.
    """

    test_turns: int = 8
    edit_turns: int = 8
    regression_seconds: float = 200.0
    regression_files: int = 12
    output: int = 8192
    look: int = 30_000
    looked: int = 60_000
