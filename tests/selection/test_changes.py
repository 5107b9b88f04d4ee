from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from selection.changes import likeness, read_change

PATCH = """diff --git a/calc.py b/calc.py
--- a/calc.py
+++ b/calc.py
@@ -1,4 +1,6 @@ def clamp(x, low, high):
     if x < low:
         return low
-    if x < high:
+    # the upper end
+    if x > high:

+    # is its own
     return x
@@ -20,2 +22,4 @@ class Other:
     def scale(self):
         return 1
+    def double(self):
+        return 2 * x
"""
ELSEWHERE = PATCH.replace("calc.py", "other.py")


def test_a_patch_is_taken_apart():
    change = read_change(PATCH)
    assert change.files == {"calc.py"}
    assert change.added == ("if x > high:", "def double(self):", "return 2 * x")
    assert change.removed == ("if x < high:",)
    assert change.comments == 2
    assert change.functions == {("calc.py", "clamp"), ("calc.py", "double")}
    assert ("calc.py", 3) in change.places
    assert ("calc.py", 22) in change.places
    assert change.tokens["+x"] == 2
    assert change.tokens["-<"] == 1
    assert change.names == {"x", "high", "double"}


def test_alike_is_measured_by_words_and_places():
    same, moved = likeness(PATCH, PATCH), likeness(PATCH, ELSEWHERE)
    assert (same.tokens, same.places, same.covered) == (1, 1, 1)
    assert (moved.tokens, moved.places) == (1, 0)
    part = PATCH[: PATCH.index("@@ -20")]
    assert likeness(PATCH, part).covered == 1
    assert likeness(part, PATCH).covered < 1
    assert likeness(part, PATCH).tokens == likeness(PATCH, part).tokens < 1


@given(st.text())
def test_any_text_is_read(text):
    assert read_change(text) is read_change(text)
    assert 0 <= likeness(text, PATCH).tokens <= 1


@given(st.lists(st.sampled_from("@+- \\\n"), max_size=30).map("".join))
def test_any_hunk_is_read(body):
    patch = f"diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1,3 +1,4 @@\n{body}"
    assert 0 <= likeness(patch, PATCH).places <= 1
