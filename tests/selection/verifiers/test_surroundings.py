from __future__ import annotations

import difflib

from hypothesis import given, settings
from hypothesis import strategies as st

from envs.patches import split
from selection.hunks import new_text
from selection.verifiers.surroundings import AROUND, base_texts, surrounding
from tests.selection.readers import PATCH

LONG = "class Shapes:\n    kind = 1\n\n    def area(self):\n" + "".join(
    f"        step_{number} = {number}\n" for number in range(100)
)
CHANGE = """--- a/shapes.py
+++ b/shapes.py
@@ -80,3 +80,3 @@
         step_75 = 75
-        step_76 = 76
+        step_76 = 0
         step_77 = 77
"""
lines = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "--- x\n", "+++ y\n", "\n"]), max_size=12)


def test_the_code_around_a_change_is_shown_with_the_heads_it_lies_in():
    shown = surrounding([CHANGE], {"shapes.py": LONG})
    numbers = [int(line.split()[0]) for line in shown.splitlines() if line.strip()[:1].isdigit()]
    assert numbers == [1, 4, *range(80 - AROUND, 83 + AROUND)][: len(numbers)]
    assert "    1 class Shapes:\n   ...\n    4     def area(self):\n   ..." in shown


def test_packaging_and_new_files_have_no_surroundings():
    assert surrounding([CHANGE.replace("shapes.py", "setup.py")], {"setup.py": LONG}) == ""
    assert surrounding([CHANGE], {}) == ""


@settings(deadline=None, max_examples=200)
@given(lines, lines)
def test_a_section_applied_gives_the_new_text(before, after):
    diff = "".join(difflib.unified_diff(before, after, "a/x.py", "b/x.py"))
    for part in split(diff):
        assert new_text(part.text, "".join(before)) == "".join(after)
    if before != after:
        assert new_text(split(diff)[0].text, "something else\n") is None or not before


async def test_texts_of_the_base_leave_out_what_is_no_text(scene):
    patch = PATCH.replace("calc.py", "calc/extra.py") + CHANGE
    assert set(await base_texts(scene.base, [patch])) == {"calc/extra.py"}
    assert await base_texts(None, [patch]) == {}
