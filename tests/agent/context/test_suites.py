from __future__ import annotations

import pytest

from agent.context.suites import find_tests, has_test_name

TESTS = [
    "test_a.py",
    "a/b_test.py",
    "conftest.py",
    "x/conftest.py",
    "tests.py",
    "pkg/shape_test.go",
    "src/shape.test.ts",
    "src/shape.spec.jsx",
    "src/test/java/org/ShapeTest.java",
    "lib/shape_spec.rb",
    "test/test_shape.rb",
    "tests/ShapeTest.php",
]
SOURCES = ["pkg/testing.py", "contest.py", "latest_a.py", "pkg/attest.py", "src/Contest.java", "latest.js"]


@pytest.mark.parametrize("path", TESTS)
def test_tests_are_told_by_name(path):
    assert has_test_name(path)


@pytest.mark.parametrize("path", SOURCES)
def test_others_are_not(path):
    assert not has_test_name(path)
    assert not find_tests([path, "tests/test_a.py"]) & {path}


def test_a_folder_of_tests_takes_everything_below_it():
    paths = ["pkg/tests/test_a.py", "pkg/tests/data/sample.py", "pkg/a.py", "django/test/client.py"]
    assert find_tests(paths) == {"pkg/tests/test_a.py", "pkg/tests/data/sample.py"}
