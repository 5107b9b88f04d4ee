"""The test-and-edit state machine, one of the kinds of trajectory."""

from agent.kinds.test_and_edit.machine import run_test_and_edit
from agent.kinds.test_and_edit.settings import MachineSettings

__all__ = ["MachineSettings", "run_test_and_edit"]
