from __future__ import annotations

import pytest

from selection.candidate import Candidate
from selection.evidence import Evidence
from selection.faults import faults, faulty
from selection.feature_verifier import verdicts
from tests.selection.readers import PATCH

FIRST = "def clamp(x):\n    return x\n"


def test_a_file_that_a_patch_breaks_is_told():
    (told,) = faults(PATCH.format("(x"), {"calc.py": FIRST})
    assert told.startswith("calc.py cannot be parsed with the patch: ")
    assert "return (x" in told
    assert faults(PATCH.format("x + 1"), {"calc.py": FIRST}) == ()


def test_a_file_that_was_broken_before_or_is_not_there_says_nothing():
    assert faults(PATCH.format("(x"), {"calc.py": FIRST + ")\n"}) == ()
    assert faults(PATCH.format("(x"), {}) == ()
    new = "--- /dev/null\n+++ b/new.py\n@@ -0,0 +1 @@\n+lowest(1)\n"
    assert faults(new, {}) == ()
    assert "new.py cannot be parsed" in faults(new.replace("(1)", "(1"), {})[0]


def test_a_name_that_nothing_defines_is_told():
    (told,) = faults(PATCH.format("lowest(x)"), {"calc.py": FIRST})
    assert told == "calc.py uses with the patch what nothing in it defines or imports: lowest"


@pytest.mark.parametrize(
    "text",
    [
        FIRST + "\n\nfrom math import *\n",
        FIRST + "\n\ntry: from math import*\nexcept ImportError: pass\n",
        FIRST + "\n\nglobals().update(vars())\n",
        FIRST + "\n\nmatch {}:\n    case {**lowest}:\n        pass\n",
        FIRST + "\n\ndef lowest(x):\n    return x\n",
        FIRST + "\n\nfor lowest in ():\n    pass\n",
        FIRST + "\n\nprint(lowest)\n",
    ],
    ids=[
        "any may be imported",
        "or at once",
        "or set",
        "rest of a pattern",
        "defined",
        "bound",
        "undefined before",
    ],
)
def test_a_name_that_may_be_there_says_nothing(text):
    assert faults(PATCH.format("lowest(x)"), {"calc.py": text}) == ()


def test_names_of_every_module_and_of_other_pythons_are_there():
    assert faults(PATCH.format("__file__ + len(x) + __path__ + unicode(x)"), {"calc.py": FIRST}) == ()


def test_newer_syntax_than_this_pythons_is_no_fault():
    newer = PATCH.replace("+    return {}", "+    type Low = int\n+    return x").replace("1,2 @@", "1,3 @@")
    assert faults(newer, {"calc.py": FIRST}) == ()
    shifted = PATCH.replace("+    return {}", "+      return x\n+    return x").replace("1,2 @@", "1,3 @@")
    assert "unindent" in faults(shifted, {"calc.py": FIRST})[0]


@pytest.mark.filterwarnings("error")
def test_odd_text_is_no_end():
    assert faults(PATCH.format("-" * 20_000 + "x"), {"calc.py": FIRST}) == ()
    assert faults(PATCH.format(r"'\d'"), {"calc.py": FIRST}) == ()


def test_a_deleted_file_and_text_of_other_kinds_say_nothing():
    gone = "--- a/calc.py\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-def clamp(x):\n-    return x\n"
    assert faults(gone, {"calc.py": FIRST}) == ()
    assert faults(PATCH.format("(x").replace("calc.py", "calc.txt"), {"calc.txt": FIRST}) == ()


def test_the_fact_stands_beside_others():
    good, bad = Candidate("a", PATCH.format("x + 1")), Candidate("b", PATCH.format("y"))
    idle = Candidate("c", "")
    evidence = Evidence("t", candidates=(good, bad, idle), facts={"a": {"demonstration": 1.0}})
    found = evidence.with_facts(faulty(evidence, {"calc.py": FIRST})).facts
    assert found == {"a": {"demonstration": 1.0, "faulty": 0.0}, "b": {"faulty": 1.0}}


def test_a_faulty_patch_is_less_likely_right_than_its_sound_twin():
    pool = (Candidate("a", PATCH.format("x + 1")), Candidate("b", PATCH.format("(x + 1")))
    evidence = Evidence("t", candidates=pool)
    evidence = evidence.with_facts(faulty(evidence, {"calc.py": FIRST}))
    good, bad = (verdict.score for verdict in verdicts(evidence))
    assert good - bad > 0.2
