from __future__ import annotations

import importlib.util
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import pytest

from envs.swebench import verdict
from envs.swebench.verdict import Report, report_on, statuses_in
from envs.task import TaskError

PYTEST_LOG = """\
============================= test session starts ==============================
tests/test_a.py F..s
=========================== short test summary info ============================
PASSED tests/test_a.py::test_fixed
PASSED tests/test_a.py::test_kept
SKIPPED [1] tests/test_a.py:9: not here
FAILED tests/test_a.py::test_other - AssertionError: no
"""
SYMPY_LOG = """\
============================= test process starts ==============================
sympy/core/tests/test_a.py[3]
test_fixed ok
test_kept ok
test_other F
________________________________________________________________________________
____________ sympy/core/tests/test_a.py:test_deep ____________
"""


def instance(parser: str = "parse_log_pytest", prefix: str = "tests/test_a.py::", **fields):
    return {
        "instance_id": "a__b-1",
        "image": "",
        "repo": "a/b",
        "version": "1",
        "FAIL_TO_PASS": [f"{prefix}test_fixed"],
        "PASS_TO_PASS": [f"{prefix}test_kept"],
        "log_parser": parser,
        "eval_type": "pass_and_fail",
        "eval_script": "",
    } | fields


def whole(output: str, code: int | None = 1) -> str:
    """A log as the harness keeps it."""
    end = "" if code is None else f"\n>>>>> Test Exit Code: {code}\n"
    return f"+ git status\n>>>>> Start Test Output\n{output}\n>>>>> End Test Output{end}"


SYMPY = instance("parse_log_sympy", "")


@pytest.mark.parametrize(
    ("row", "log"), [(instance(), PYTEST_LOG), (SYMPY, SYMPY_LOG)], ids=["pytest", "sympy"]
)
def test_a_log_in_which_all_passed_is_resolved(row, log):
    assert report_on(row, whole(log)) == Report(
        True, True, "", version("swebench"), frozenset([*row["FAIL_TO_PASS"], *row["PASS_TO_PASS"]])
    )


@pytest.mark.parametrize(
    ("row", "log"),
    [
        (
            instance(),
            PYTEST_LOG.replace("PASSED tests/test_a.py::test_fixed", "FAILED tests/test_a.py::test_fixed"),
        ),
        (instance(), PYTEST_LOG.replace("PASSED tests/test_a.py::test_kept\n", "")),
        (SYMPY, SYMPY_LOG.replace("test_fixed ok", "test_fixed F")),
        (SYMPY, SYMPY_LOG.replace("test_kept ok", "test_kept E")),
    ],
    ids=["pytest failed", "pytest missing", "sympy failed", "sympy error"],
)
def test_a_log_in_which_a_test_failed_or_is_missing_is_not(row, log):
    report = report_on(row, whole(log))
    assert not report.resolved
    assert report.ran


def test_the_results_by_test_are_the_packages():
    pytest_statuses, nothing = statuses_in(instance(), [PYTEST_LOG, "no tests"])
    assert pytest_statuses == {
        "tests/test_a.py::test_fixed": "PASSED",
        "tests/test_a.py::test_kept": "PASSED",
        "tests/test_a.py::test_other": "FAILED",
    }
    assert nothing == {}
    assert statuses_in(SYMPY, [SYMPY_LOG]) == [
        {
            "test_fixed": "PASSED",
            "test_kept": "PASSED",
            "test_other": "FAILED",
            "sympy/core/tests/test_a.py:test_deep": "FAILED",
        }
    ]
    assert statuses_in(instance(), []) == []


def test_a_run_that_failed_without_a_failed_test_is_not_believed():
    log = PYTEST_LOG.replace("FAILED tests/test_a.py::test_other - AssertionError: no\n", "")
    assert report_on(instance(), whole(log, 0)).resolved
    report = report_on(instance(), whole(log, 3))
    assert not report.resolved
    assert not report.ran


@pytest.mark.parametrize(
    "marker", [">>>>> Patch Apply Failed", ">>>>> Tests Timed Out", ">>>>> Reset Failed"]
)
def test_a_marker_of_failure_anywhere_makes_a_log_worthless(marker):
    report = report_on(instance(), whole(PYTEST_LOG + marker))
    assert not report.resolved
    assert not report.ran


def test_a_log_without_its_end_has_no_results():
    assert not report_on(instance(), whole(PYTEST_LOG).partition(">>>>> End")[0]).ran


def test_a_fault_of_the_environment_is_named():
    assert (
        report_on(instance(), whole("Temporary failure in name resolution")).reason == "network_unreachable"
    )


def test_a_data_set_may_count_failures_alone():
    row = instance(eval_type="fail_only", FAIL_TO_PASS=["never seen"])
    assert report_on(row, whole(PYTEST_LOG)).resolved


def test_lines_are_read_as_the_package_reads_them_from_a_file():
    log = "PASSED tests/test_a.py::test_fixed\rPASSED tests/test_a.py::test_kept\r\n"
    assert len(statuses_in(instance(), [log])[0]) == 2
    assert report_on(instance(), whole(log, 0)).resolved


def test_any_text_comes_through_the_pipe():
    log = "é \ud800 \u2028 \x85 \0\n" + PYTEST_LOG
    assert report_on(instance(), whole(log)).resolved
    row = instance(FAIL_TO_PASS=["tests/test_a.py::test_é"])
    assert report_on(row, whole(PYTEST_LOG + "PASSED tests/test_a.py::test_é\n")).resolved


def test_an_unknown_parser_is_told():
    message = "a__b-1: the log cannot be graded: the swebench package has no parser parse_log_mine"
    with pytest.raises(TaskError) as error:
        report_on(instance("parse_log_mine"), whole(PYTEST_LOG))
    assert str(error.value) == message
    with pytest.raises(TaskError, match="has no parser"):
        statuses_in(instance(""), [""])


def test_what_the_package_raises_is_told_and_the_next_is_answered():
    for _ in range(2):
        with pytest.raises(TaskError, match="a__b-1: the log cannot be graded: ValueError") as told:
            report_on(instance(eval_type="mine"), whole(PYTEST_LOG))
        assert told.value.log.count("Traceback") == 1
    assert report_on(instance(), whole(PYTEST_LOG)).resolved


def test_many_threads_may_ask_at_once():
    with ThreadPoolExecutor(8) as pool:
        logs = [whole(PYTEST_LOG if number % 2 else "nothing") for number in range(24)]
        reports = list(pool.map(lambda log: report_on(instance(), log), logs))
    assert [one.resolved for one in reports] == [number % 2 == 1 for number in range(24)]


def process() -> int:
    found = verdict._worker()._process
    assert found is not None
    return found.pid


def test_the_process_is_started_again_where_it_was_killed_in_between():
    report_on(instance(), whole(PYTEST_LOG))
    before = process()
    os.kill(before, signal.SIGKILL)
    assert report_on(instance(), whole(PYTEST_LOG)).resolved
    assert process() != before


def test_a_process_that_ends_each_time_is_told(monkeypatch):
    worker = verdict._Worker()
    monkeypatch.setattr(verdict, "_worker", lambda: worker)
    monkeypatch.setattr(verdict, "_START", "import sys; sys.exit('first line\\nModuleNotFoundError: no x')")
    with pytest.raises(TaskError, match=r"process ended twice: ModuleNotFoundError: no x$") as told:
        report_on(instance(), whole(PYTEST_LOG))
    assert told.value.log == "first line\nModuleNotFoundError: no x\n"
    monkeypatch.setattr(verdict, "_START", "pass")
    with pytest.raises(TaskError, match=r"process ended twice: is there enough memory\?$"):
        report_on(instance(), whole(PYTEST_LOG))
    worker.close()


def test_without_the_package_it_names_what_to_install(monkeypatch):
    worker = verdict._Worker()
    monkeypatch.setattr(verdict, "_worker", lambda: worker)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(TaskError, match=r"needs its package: pip install 'mangabey\[swebench\]'"):
        report_on(instance(), whole(PYTEST_LOG))
    worker.close()


def test_a_closed_worker_leaves_neither_process_nor_folder(monkeypatch):
    worker = verdict._Worker()
    monkeypatch.setattr(verdict, "_START", "print(input())")
    assert worker.ask({"a": 1}) == {"a": 1}
    assert worker._process is not None
    pid, folder = worker._process.pid, worker._folder
    worker.close()
    worker.close()
    assert not Path(folder).exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_the_package_stays_out_of_our_own_process():
    report_on(instance(), whole(PYTEST_LOG))
    assert "swebench" not in sys.modules
