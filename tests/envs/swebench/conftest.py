from __future__ import annotations

import pytest

FIX = (
    "diff --git a/lib/a.py b/lib/a.py\n--- a/lib/a.py\n+++ b/lib/a.py\n"
    "@@ -1 +1 @@\n-SECRET = 1\n+SECRET = 2\n"
)
TESTS = (
    "diff --git a/tests/test_a.py b/tests/test_a.py\n--- a/tests/test_a.py\n+++ b/tests/test_a.py\n"
    "@@ -1 +1 @@\n-assert SECRET == 1\n+assert SECRET == 2\n"
    "diff --git a/tests/data/a.json b/tests/data/a.json\nnew file mode 100644\n--- /dev/null\n"
    "+++ b/tests/data/a.json\n@@ -0,0 +1 @@\n+{}\n"
)


@pytest.fixture
def row():
    """The columns of an invented instance, as SWE-bench publishes them."""
    return {
        "repo": "psf/requests",
        "instance_id": "psf__requests-1",
        "base_commit": "0123456789ABCDEF0123456789abcdef01234567",
        "patch": FIX,
        "test_patch": TESTS,
        "problem_statement": "It fails\n\nBadly.",
        "hints_text": "Look at SECRET.",
        "created_at": "2020-01-01T00:00:00Z",
        "version": "2.4",
        "FAIL_TO_PASS": '["tests/test_a.py::test_secret"]',
        "PASS_TO_PASS": '["tests/test_a.py::test_kept"]',
        "environment_setup_commit": "0" * 40,
    }
