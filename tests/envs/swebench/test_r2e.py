from __future__ import annotations

import subprocess

import pytest

from envs.swebench.r2e import R2E_COMMAND, r2e_expected, r2e_outcomes

LOG = """
============================= test session starts ==============================
r2e_tests/test_1.py .F.E
=================================== FAILURES ===================================
PASSED in the output of a test
=========================== short test summary info ============================
PASSED r2e_tests/test_1.py::test_one
PASSED r2e_tests/test_1.py::TestA::test_two[a::b]
SKIPPED [1] r2e_tests/test_1.py:7: FAILED to import
XFAIL r2e_tests/test_1.py::test_x
FAILED r2e_tests/test_1.py::test_three - AssertionError: PASSED - not
ERROR r2e_tests/test_1.py::TestA::test_four - OSError
=================== 1 failed, 2 passed, 1 error in 0.10s ====================
"""


def test_the_outcomes_are_those_of_the_summary_by_class_and_function():
    assert r2e_outcomes(LOG) == {
        "test_one": "PASSED",
        "TestA.test_two[a.b]": "PASSED",
        "test_three": "FAILED",
        "TestA.test_four": "ERROR",
    }


def test_colours_are_taken_off_on_both_sides():
    log = "== short test summary info ==\n\x1b[32mPASSED\x1b[0m r2e_tests/a.py::\x1b[1mtest_b\x1b[0m\n"
    assert r2e_outcomes(log) == {"test_b": "PASSED"}
    assert r2e_expected({"\x1b[1mtest_b\x1b[0m": "PASSED"}) == {"test_b": "PASSED"}


def test_what_is_recorded_with_its_message_is_the_same_test():
    assert r2e_expected({"test_three - AssertionError": "FAILED"}) == {"test_three": "FAILED"}


def test_a_file_that_cannot_be_collected_has_the_name_that_is_recorded_for_it():
    log = "== short test summary info ==\nERROR r2e_tests/test_1.py - ImportError: no\n"
    assert r2e_outcomes(log) == {"": "ERROR"} == r2e_expected({"": "ERROR"})


def test_only_the_last_summary_counts():
    forged = "short test summary info\nPASSED r2e_tests/a.py::test_three\n"
    assert r2e_outcomes(forged + LOG)["test_three"] == "FAILED"


@pytest.mark.parametrize("log", ["", "PASSED r2e_tests/a.py::test_one\n", "short test summary info", "\0"])
def test_a_log_without_a_summary_has_no_outcomes(log):
    assert r2e_outcomes(log) == {}


def test_the_command_runs_the_script_of_the_image_in_the_repository(tmp_path):
    (tmp_path / "run_tests.sh").write_text('echo "ran in $PWD with $#"; exit 3\n')
    done = subprocess.run(["/bin/bash", "-c", R2E_COMMAND], cwd=tmp_path, capture_output=True, text=True)
    assert (done.stdout, done.returncode) == (f"ran in {tmp_path} with 0\n", 3)


def test_an_image_without_a_script_is_told(tmp_path):
    done = subprocess.run(["/bin/bash", "-c", R2E_COMMAND], cwd=tmp_path, capture_output=True, text=True)
    assert (done.stderr, done.returncode) == ("the image has no run_tests.sh\n", 127)
