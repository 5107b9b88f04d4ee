from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selection.separate import candidate_from_diff

TEST = "from pkg import f\n\n\ndef test_f():\n    assert f(1) == 1\n"
BASE = {
    "pkg/__init__.py": b"def f(x):\n    return x\n",
    "pkg/util.py": b"SIZE = 1\n",
    "pkg/test_support.py": b"SIZE = 1\n",
    "pkg/testing/__init__.py": b"",
    "pkg/testing/asserts.py": b"def assert_same(a, b):\n    assert a == b\n",
    "django/test/client.py": b"class Client: ...\n",
    "tests/test_pkg.py": TEST.encode(),
    "tests/helpers.py": b"X = 1\n",
    "tests/data/a.json": b"{}\n",
    "checks_test.py": TEST.encode(),
    "pyproject.toml": b'[project]\nname = "p"\nversion = "1"\n\n[tool.pytest.ini_options]\naddopts = "-q"\n',
    "setup.cfg": b"[metadata]\nname = pkg\nversion = 1\n\n[tool:pytest]\naddopts = -q\n",
}


@pytest.fixture
def separated(git_diff):
    def separate(changes, base=BASE, **options):
        after = {path: data for path, data in ({**base, **changes}).items() if data is not None}
        return candidate_from_diff(git_diff(base, after), origin="sample 1", base=base, **options)

    return separate


def fate(candidate, path):
    if any(test.path == path for test in candidate.tests):
        return "test"
    reason = next((edit.reason for edit in candidate.dropped if edit.path == path), None)
    if reason:
        return reason
    return "patch" if f" b/{path}\n" in candidate.patch else "gone"


@pytest.mark.parametrize(
    ("path", "content", "expected"),
    [
        ("pkg/util.py", b"SIZE = 2\n", "patch"),
        ("pkg/new.py", b"X = 1\n", "patch"),
        ("pkg/data.bin", b"\0\1\2" * 50, "patch"),
        ("README.md", b"hello\n", "patch"),
        ("pkg/util.py", None, "patch"),
        ("pkg/testing/asserts.py", b"def assert_same(a, b): ...\n", "patch"),
        ("django/test/client.py", b"class Client:\n    x = 1\n", "patch"),
        ("pkg/test_support.py", b"SIZE = 2\n", "patch"),
        ("pkg/log.py", b"X = 1\n", "patch"),
        ("setup.py", b"X = 1\n", "patch"),
        ("tests/test_pkg.py", b"def test_f(): ...\n", "edits an existing test"),
        ("tests/test_pkg.py", None, "deletes an existing test"),
        ("tests/helpers.py", b"X = 2\n", "edits an existing test"),
        ("tests/data/a.json", b"{1}\n", "edits an existing test"),
        ("checks_test.py", b"", "edits an existing test"),
        ("tests/test_new.py", TEST.encode(), "test"),
        ("pkg/tests/test_new.py", TEST.encode(), "test"),
        ("test_new.py", b"import unittest\nclass A(unittest.TestCase):\n    def test_a(self): ...\n", "test"),
        ("tests/test_new.py", b"print('passed')\n", "support file of tests"),
        ("tests/data/b.json", b"{}\n", "support file of tests"),
        ("tests/__init__.py", b"import pytest\n", "support file of tests"),
        ("conftest.py", b"x = 1\n", "configures the test run"),
        ("pkg/deep/conftest.py", b"x = 1\n", "configures the test run"),
        ("pytest.ini", b"[pytest]\n", "configures the test run"),
        ("tox.ini", b"[pytest]\n", "configures the test run"),
        ("sitecustomize.py", b"x = 1\n", "configures the test run"),
        ("src/x.pth", b"import os\n", "configures the test run"),
        ("pkg.egg-info/entry_points.txt", b"[pytest11]\nx = y\n", "configures the test run"),
        ("pytest.py", b"x = 1\n", "configures the test run"),
        ("_pytest/runner.py", b"x = 1\n", "configures the test run"),
        ("src/pluggy.py", b"x = 1\n", "configures the test run"),
        ("repro.py", b"print(1)\n", "scratch file outside of every package"),
        ("debug_it.py", b"print(1)\n", "scratch file outside of every package"),
        ("test_thing.py", b"print('ok')\n", "scratch file outside of every package"),
        ("out.log", b"x\n", "scratch file outside of every package"),
        ("pkg/util.py.orig", b"SIZE = 1\n", "left behind by a tool"),
        ("pkg/__pycache__/x.pyc", b"\0", "left behind by a tool"),
        ("pyproject.toml", BASE["pyproject.toml"].replace(b'"1"', b'"2"'), "patch"),
        ("setup.cfg", BASE["setup.cfg"].replace(b"version = 1", b"version = 2"), "patch"),
    ],
)
def test_each_file_goes_where_it_belongs(separated, path, content, expected):
    assert fate(separated({path: content}), path) == expected


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("pyproject.toml", b'"-q"', b'"-q --co"'),
        ("pyproject.toml", b'\n[tool.pytest.ini_options]\naddopts = "-q"\n', b""),
        ("pyproject.toml", b'"1"\n', b'"1"\n\n[tool.pytest]\naddopts = "--co"\n'),
        ("pyproject.toml", b'"1"\n', b'"1"\n\n[project.entry-points.pytest11]\nx = "y"\n'),
        ("pyproject.toml", b"[project]", b'["tool"."pytest"."ini_options"]\naddopts = "--co"\n[project]'),
        ("pyproject.toml", b"[project]", b'tool.pytest.ini_options.addopts = "--co"\n[project]'),
        ("setup.cfg", b"-q\n", b"-q\npython_files = no_*.py\n"),
        ("setup.cfg", b"[tool:pytest]", b"[tool:other]"),
    ],
)
def test_sections_that_tests_run_with_are_kept_as_they_are(separated, path, old, new):
    assert old in BASE[path]
    content = BASE[path].replace(old, new)
    assert fate(separated({path: content}), path) == "changes the section of a tool that tests run with"


def test_a_section_far_above_the_change_is_known_from_the_base(separated):
    long = (
        b"[tool.pytest.ini_options]\nmarkers = [\n"
        + b"".join(b'  "m%d",\n' % one for one in range(40))
        + b"]\n"
    )
    base = BASE | {"pyproject.toml": b'[project]\nname = "p"\n' + long}
    changed = base["pyproject.toml"].replace(b'"m30"', b'"other"')
    assert fate(separated({"pyproject.toml": changed}, base), "pyproject.toml").startswith(
        "changes the section"
    )


def test_an_announced_test_must_look_like_one(separated):
    candidate = separated(
        {"pkg/proof.py": TEST.encode(), "other.py": b"x\n"}, test_paths=["pkg/proof.py", "other.py"]
    )
    assert fate(candidate, "pkg/proof.py") == "test"
    assert fate(candidate, "other.py") == "written as a test but defines none"


def test_tests_come_out_as_they_were_written(separated):
    content = "# é\n\n\ndef test_a():\n    assert '''\n+x\n-y\n@@ -1 +1 @@\n'''  # no end of line"
    candidate = separated({"tests/test_new.py": content.encode()})
    assert candidate.tests[0].content == content
    assert candidate.tests[0].author == candidate.id


@settings(max_examples=25, deadline=None)
@given(text=st.text(alphabet="ab +-@\\\t\r\f\n\x85\u2028é", max_size=60))
def test_any_text_of_a_test_survives(git_diff, text):
    content = "def test_a(): ...\n#" + text
    candidate = candidate_from_diff(git_diff({}, {"test_a.py": content.encode()}), origin="x", base={})
    assert [test.content for test in candidate.tests] == [content]


def test_renames_into_and_out_of_the_tests_are_dropped(separated):
    renamed = separated({"tests/test_pkg.py": None, "pkg/harmless.py": TEST.encode()})
    assert fate(renamed, "pkg/harmless.py") == "renames an existing test"
    assert renamed.patch == ""
    hidden = separated({"pkg/util.py": None, "tests/util.py": BASE["pkg/util.py"]})
    assert fate(hidden, "tests/util.py") == "moves source among the tests"


def test_a_new_module_that_is_imported_is_no_scratch(separated):
    used = separated({"check.py": b"X = 1\n", "pkg/util.py": b"from check import X\n"})
    assert fate(used, "check.py") == "patch"
    unused = separated({"check.py": b"X = 1\n", "pkg/util.py": b"SIZE = 3\n"})
    assert fate(unused, "check.py") == "scratch file outside of every package"


def test_the_runners_own_repository_may_be_changed(separated):
    base = {"src/_pytest/runner.py": b"x = 1\n", "pytest.py": b"x = 1\n", "testing/test_x.py": TEST.encode()}
    assert fate(separated({"src/_pytest/runner.py": b"x = 2\n"}, base), "src/_pytest/runner.py") == "patch"
    assert fate(separated({"pytest.py": b"x = 2\n"}, base), "pytest.py") == "patch"
    assert (
        fate(separated({"testing/test_x.py": b"\n"}, base), "testing/test_x.py") == "edits an existing test"
    )


def test_a_candidate_with_nothing_left_stays_and_says_why(separated):
    candidate = separated({"tests/test_pkg.py": b"def test_f(): ...\n", "conftest.py": b"x = 1\n"})
    assert candidate.patch == ""
    assert {edit.path for edit in candidate.dropped} == {"tests/test_pkg.py", "conftest.py"}


def test_the_id_is_of_origin_and_diff_alone(git_diff):
    diff = git_diff({}, {"a.py": b"x = 1\n"})
    ids = {
        candidate_from_diff(diff, origin=origin, base={}, exit_reason=why).id
        for origin in "ab"
        for why in "cd"
    }
    assert len(ids) == 2
    assert candidate_from_diff("", origin="a", base={}).patch == ""


SMUGGLED = """\
diff --git a/pkg/util.py b/pkg/util.py
--- a/pkg/util.py
+++ b/pkg/util.py
@@ -1 +1 @@
-SIZE = 1
+SIZE = 2
--- /dev/null
+++ b/conftest.py
@@ -0,0 +1 @@
+x = 1
"""


def test_a_file_smuggled_behind_another_ones_hunks_is_not_applied():
    candidate = candidate_from_diff(SMUGGLED, origin="x", base=BASE)
    assert "conftest.py" not in candidate.patch


PLAIN = """\
--- a/pkg/util.py
+++ b/pkg/util.py
@@ -1 +1 @@
-SIZE = 1
+SIZE = 2
"""


def test_a_diff_without_git_headers_is_read():
    candidate = candidate_from_diff(PLAIN, origin="x", base=BASE)
    assert "SIZE = 2" in candidate.patch
