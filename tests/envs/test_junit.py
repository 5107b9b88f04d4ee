from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envs.junit import JUnitError, parse_junit
from envs.outcomes import Outcome

TESTS = """
import pytest, unittest

@pytest.mark.parametrize("x", ["a::b [c]", "é", "a\\nb", "\\x1b", ""])
def test_p(x): pass

class TestA:
    class TestB:
        def test_c(self): assert 0, "boo"

class Old(unittest.TestCase):
    def test_good(self): pass
    @unittest.skip("no")
    def test_skipped(self): pass

@pytest.fixture
def breaks_down():
    yield
    raise RuntimeError("teardown")

@pytest.fixture
def broken():
    raise RuntimeError("setup")

def test_teardown(breaks_down): pass
def test_setup(broken): pass
@pytest.mark.xfail
def test_expected(): assert 0
@pytest.mark.xfail(strict=True)
def test_unexpected(): pass
@pytest.mark.timeout(0.2)
def test_hangs():
    import time; time.sleep(5)
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    (folder / "test_a.py").write_text(textwrap.dedent(TESTS))
    (folder / "test_broken.py").write_text("import nowhere_at_all\n")
    (folder / "test_skipped.py").write_text("import pytest; pytest.skip('no', allow_module_level=True)\n")
    (folder / "sub").mkdir()
    (folder / "sub" / "test_k.py").write_text("from test_a import TestA as Base\nclass TestK(Base): pass\n")
    options = ["-p", "no:cacheprovider", "-q", "--rootdir=.", "--continue-on-collection-errors", "-rA"]
    options += ["--junitxml=out.xml", "-o", "junit_family=xunit1"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options], cwd=folder, capture_output=True, text=True
    )
    return (folder / "out.xml").read_bytes(), done.stdout


def test_outcomes_of_a_real_run_by_node_id(report):
    data, _ = report
    outcomes = parse_junit(data, ["sub/test_k.py"]).outcomes
    expected = {
        "test_a.py::test_p[a::b [c]]": Outcome.PASSED,
        "test_a.py::test_p[\\xe9]": Outcome.PASSED,
        "test_a.py::test_p[a\\nb]": Outcome.PASSED,
        "test_a.py::test_p[\\x1b]": Outcome.PASSED,
        "test_a.py::test_p[]": Outcome.PASSED,
        "test_a.py::TestA::TestB::test_c": Outcome.FAILED,
        "test_a.py::Old::test_good": Outcome.PASSED,
        "test_a.py::Old::test_skipped": Outcome.SKIPPED,
        "test_a.py::test_teardown": Outcome.ERROR,
        "test_a.py::test_setup": Outcome.ERROR,
        "test_a.py::test_expected": Outcome.SKIPPED,
        "test_a.py::test_unexpected": Outcome.FAILED,
        "test_a.py::test_hangs": Outcome.TIMED_OUT,
        "test_broken.py": Outcome.ERROR,
        "test_skipped.py": Outcome.SKIPPED,
        "sub/test_k.py::TestK::TestB::test_c": Outcome.FAILED,
    }
    assert outcomes == expected


def test_an_inherited_method_is_found_without_knowing_the_files(report):
    data, _ = report
    assert "sub/test_k.py::TestK::TestB::test_c" in parse_junit(data).outcomes


def test_ids_are_those_that_pytest_prints(report):
    data, printed = report
    passed = {line.removeprefix("PASSED ") for line in printed.splitlines() if line.startswith("PASSED ")}
    assert passed - {"test_a.py::test_teardown"} == {
        test for test, outcome in parse_junit(data).outcomes.items() if outcome is Outcome.PASSED
    }


def test_the_first_line_of_a_failure_is_kept(report):
    assert parse_junit(report[0]).messages["test_a.py::TestA::TestB::test_c"] == "AssertionError: boo"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<testsuites>",
        b"<html/>",
        b'<?xml version="1.0" encoding="nowhere"?><testsuites/>',
        b'<!DOCTYPE x [<!ENTITY a "b">]><testsuites>&a;</testsuites>',
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><testsuites/>',
        b"\xff\xfe\x00",
        b"<testsuites/>" + b" " * (48 << 20),
    ],
    ids=["empty", "torn", "html", "encoding", "entity", "doctype", "bytes", "huge"],
)
def test_garbage_is_a_typed_error(data):
    with pytest.raises(JUnitError):
        parse_junit(data)


@given(st.binary(max_size=200), st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_nothing_but_a_typed_error_is_raised(data, name, classname, file):
    from xml.sax.saxutils import quoteattr

    case = f"<testcase name={quoteattr(name)} classname={quoteattr(classname)} file={quoteattr(file)}/>"
    for document in (
        data,
        b"<testsuites>" + data + b"</testsuites>",
        f"<testsuite>{case}</testsuite>".encode("utf-8", "replace"),
    ):
        try:
            parse_junit(document)
        except JUnitError:
            continue


def test_of_two_reports_of_a_test_the_worse_counts():
    case = '<testcase classname="a" name="t" file="a.py">{}</testcase>'
    both = f"<testsuites>{case.format('<failure/>')}{case.format('')}</testsuites>"
    assert parse_junit(both.encode()).outcomes == {"a.py::t": Outcome.FAILED}
