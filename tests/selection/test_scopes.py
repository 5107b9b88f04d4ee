from __future__ import annotations

import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selection.scopes import changed_scopes, ran_scopes

TEXT = """import re

LIMIT = 3


def first(x):
    # why
    return x


class Box:
    size = 1

    @property
    def open(self):
        def inner():
            return 1

        return inner()

    def shut(self):
        return 2


def last():
    return 0
"""
BASE = {"pkg/a.py": TEXT}


def diff_of(after, path="pkg/a.py", before=TEXT):
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{path}", f"b/{path}"
    )
    return f"diff --git a/{path} b/{path}\n{''.join(lines)}"


def names(after):
    return {name for _, name in changed_scopes(diff_of(after), BASE)}


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("return x", "return -x", {"first"}),
        ("LIMIT = 3", "LIMIT = 4", {""}),
        ("size = 1", "size = 2", {"Box"}),
        ("return 1\n", "return 4\n", {"Box.open.inner"}),
        ("    @property\n", "    @cached\n", {"Box.open"}),
        ("return inner()\n", "return inner()\n\n    def new(self):\n        return 3\n", {"Box"}),
        ("return inner()\n", "x = inner()\n        return x\n", {"Box.open"}),
        ("    return 0\n", "    return 0\n\n\ndef new():\n    return 1\n", {""}),
        ("    return x\n", "    y = x\n    return new(y)\n\n\ndef new(y):\n    return y\n", {"first", ""}),
        ("def last():\n    return 0\n", "", {"last"}),
        ("def last():", "def later():", {"last", ""}),
        ("    # why\n", "    # because\n\n", set()),
        ("def first(x):", "def first(x:", set()),
    ],
)
def test_the_innermost_scope_of_the_base_around_a_change_counts(old, new, changed):
    assert TEXT.count(old) == 1
    assert names(TEXT.replace(old, new)) == changed


def test_files_that_come_go_or_are_no_python():
    gone = (
        diff_of("")
        .replace("+++ b/pkg/a.py", "+++ /dev/null")
        .replace("\n---", "\ndeleted file mode 100644\n---")
    )
    assert {name for _, name in changed_scopes(gone, BASE)} >= {"first", "Box.shut", "last", ""}
    new = diff_of(TEXT, "pkg/b.py", before="").replace("--- a/pkg/b.py", "--- /dev/null")
    assert changed_scopes(new.replace("\n---", "\nnew file mode 100644\n---"), BASE) == frozenset()
    assert changed_scopes(diff_of("x = 2\n", "setup.cfg", "x = 1\n"), {"setup.cfg": "x = 1\n"}) == frozenset()
    assert changed_scopes(diff_of(TEXT.replace("3", "4")), {}) == frozenset()
    assert changed_scopes("", BASE) == changed_scopes("rubbish", BASE) == frozenset()


def line_of(text):
    return TEXT[: TEXT.index(text)].count("\n") + 1


def test_what_is_around_a_function_that_ran_ran_too_and_nothing_beside_it():
    property_line = line_of("    @property")  # code begins at its decorators
    ran = ran_scopes({"pkg/a.py": [property_line], "elsewhere.py": [1]}, BASE)
    assert ran == {("pkg/a.py", name) for name in ("Box.open", "Box", "")}
    assert ran_scopes({"pkg/a.py": []}, BASE) == frozenset()
    assert ran_scopes({"pkg/a.py": [1]}, {"pkg/a.py": "def f(:"}) == frozenset()


@given(st.sets(st.integers(1, TEXT.count("\n"))), st.sets(st.integers(1, TEXT.count("\n"))))
def test_more_that_runs_is_never_less_and_any_lines_may_change(lines, more):
    rows = TEXT.split("\n")
    changed = "\n".join(f"{row}  # x" if at in more else row for at, row in enumerate(rows, 1))
    less = ran_scopes({"pkg/a.py": lines}, BASE)
    assert less <= ran_scopes({"pkg/a.py": lines | more}, BASE)
    scopes = {name for _, name in changed_scopes(diff_of(changed), BASE)}
    code = {at for at in more if rows[at - 1].strip() and not rows[at - 1].strip().startswith("#")}
    assert bool(scopes) == bool(code)
    assert scopes <= {"", "first", "Box", "Box.open", "Box.open.inner", "Box.shut", "last"}
