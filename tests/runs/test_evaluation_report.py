"""What an evaluation's report makes of each status, and that its table fits a narrow terminal."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from envs.grade import GradeStatus
from envs.outcomes import Outcome
from envs.pypi import PypiSuite
from envs.swebench.failures import failure_in
from runs.evaluation_order import Order, Plan
from runs.evaluation_report import render, report_of, undecided
from runs.graded import Graded, read_graded, write_graded

TESTS = {f"t{number}": Outcome.PASSED for number in range(1234)}


def one(status: GradeStatus, **more) -> Graded:
    return Graded(
        **{"instance_id": f"a__a-{status.value}", "model": "m", "key": "k", "status": status} | more
    )


@pytest.fixture
def found():
    return [one(status, message="m" if not status.is_verdict else "") for status in GradeStatus]


@pytest.fixture
def plan(found):
    order = Order(predictions="gold", tasks="rows.jsonl")
    chosen = (*(grade.instance_id for grade in found), "b__b-1")
    return Plan(order, PypiSuite(), chosen, (), {}, ())


def test_every_status_has_its_place(plan, found):
    report = report_of(plan, found, Path("out"))
    named = {
        name: [one.partition("-")[2] for one in ids] for name, ids in report.items() if name.endswith("_ids")
    }
    assert named == {
        "completed_ids": ["resolved", "unresolved"],
        "incomplete_ids": ["1"],
        "empty_patch_ids": ["empty_patch"],
        "submitted_ids": sorted(status.value for status in GradeStatus),
        "resolved_ids": ["resolved"],
        "unresolved_ids": ["unresolved"],
        "infra_failure_ids": ["environment_broken", "infrastructure"],
        "ambiguous_failure_ids": ["flaky", "timed_out"],
        "error_ids": ["environment_broken", "flaky", "infrastructure", "patch_does_not_apply", "timed_out"],
    }
    assert {name: report[f"{name}_instances"] for name in ("total", "submitted", "error")} == {
        "total": 9,
        "submitted": 8,
        "error": 5,
    }
    assert {grade.status.value for grade in undecided(found)} == {
        "environment_broken",
        "infrastructure",
        "flaky",
    }


def test_the_official_reasons_are_told_and_change_no_verdict(plan):
    failed = one(GradeStatus.UNRESOLVED, failure="missing_module", failure_tier="ambiguous")
    passed = one(GradeStatus.RESOLVED, failure="missing_module", failure_tier="ambiguous")
    report = report_of(plan, [failed, passed], Path("out"))
    assert report["failure_reasons"] == {failed.instance_id: "missing_module"}
    assert report["ambiguous_failure_ids"] == report["unresolved_ids"] == [failed.instance_id]


def test_the_reasons_are_those_of_the_swebench_package():
    pytest.importorskip("swebench")
    assert failure_in("E  ModuleNotFoundError: No module named 'x'") == ("missing_module", "ambiguous")
    assert failure_in("Could not resolve host: example.org") == ("network_unreachable", "environment")
    assert failure_in("1 failed") == ("", "")


def test_the_table_fits_eighty_columns(plan, found):
    long = one(
        GradeStatus.PATCH_DOES_NOT_APPLY,
        instance_id="scikit-learn__scikit-learn-" + "9" * 30,
        fail_to_pass=TESTS,
        pass_to_pass=TESTS,
        seconds=12345.6,
        message="word " * 40,
    )
    out = io.StringIO()
    render(plan, [*found, long], Path("out"), Console(file=out, width=80, highlight=False))
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert any("1234/1234" in line and "12345.6" in line for line in lines)
    assert "resolved  1 of 9 (11.1%); " in out.getvalue()


def test_a_grade_is_not_given_up_for_a_failure_and_not_taken_for_another(tmp_path):
    fine = one(GradeStatus.RESOLVED, instance_id="a", fail_to_pass={"t": Outcome.PASSED})
    write_graded(tmp_path, fine, "log\n")
    write_graded(tmp_path, one(GradeStatus.INFRASTRUCTURE, instance_id="a"), "other\n")
    assert read_graded(tmp_path, "a", "k") == fine
    assert (tmp_path / "a" / "test_output.txt").read_text() == "log\n"
    assert read_graded(tmp_path, "a", "another key") is None
    assert read_graded(tmp_path, "b", "k") is None
    write_graded(tmp_path, one(GradeStatus.INFRASTRUCTURE, instance_id="b"), "")
    assert read_graded(tmp_path, "b", "k") is None
