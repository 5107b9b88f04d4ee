from __future__ import annotations

import ast

from hypothesis import given, settings
from hypothesis import strategies as st

from selection.differences.programs import Program, changed_names, harvest, issue_programs, varied

ISSUE = """clamp is wrong

```python
>>> from calc import clamp
>>> clamp(5, 0, 9)
9
```

and so is

```python
from calc import double
double([1, 2])
```
"""
TESTS = {
    "tests/test_calc.py": """import pytest
from calc import clamp, double


def test_low():
    assert clamp(-1, 0, 9) == 0


def test_fixture(tmp_path):
    clamp(1, 2, 3)


@pytest.mark.parametrize("x", [1])
def test_param(x):
    clamp(x, 2, 3)


class TestClass:
    def test_alone(self):
        assert clamp("a", "b", "c") == "b"

    def test_self(self):
        clamp(self.x, 0, 1)


def test_other():
    assert double(2) == 4
"""
}


def test_names_of_what_differs():
    methods = "class C:\n    def m(self):\n        return 1\n    def n(self): ...\n"
    before = {"a.py": f"x = 1\ndef f():\n    return 1\n{methods}"}
    after = {"a.py": before["a.py"].replace("        return 1", "        return 2").replace("x = 1", "x = 2")}
    assert changed_names(before, after) == {"C", "m", "x"}
    assert changed_names(before, before) == frozenset()
    assert changed_names({"a.py": "def f("}, {"a.py": "def f(): ..."}) == {"f"}


def test_what_calls_a_changed_helper_is_changed_too():
    helper = "def _cut(x):\n    return {}\n\n"
    text = f"{helper}def part(x):\n    return _cut(x)\n\ndef lpart(x):\n    return part(x)\n"
    other = "def other(): ...\n"
    before, after = {"a.py": text.format("x") + other}, {"a.py": text.format("x[1:]") + other}
    assert changed_names(before, after) == {"_cut", "part", "lpart"}


def test_programs_come_from_the_issue_and_from_tests_that_stand_alone():
    found = harvest(TESTS, tuple(issue_programs(ISSUE)), {"clamp"})
    assert [one.origin for one in found] == [
        "the issue",
        "the issue",
        "tests/test_calc.py::test_low",
        "tests/test_calc.py::TestClass::test_alone",
    ]
    assert found[0].source == "from calc import clamp\nclamp(5, 0, 9)"
    assert "from calc import clamp" in found[2].source


def test_variations_change_one_value_and_no_expectation():
    (program,) = [one for one in harvest(TESTS, (), {"clamp"}) if one.origin.endswith("low")]
    found = varied([program], 50)
    assert found[0] == program
    assert len(found) > 5
    assert all(one.source.endswith("== 0") for one in found)
    assert len({one.source for one in found}) == len(found)
    assert all(one.varied for one in found[1:])


def test_the_same_seed_gives_the_same_variations():
    programs = harvest(TESTS, tuple(issue_programs(ISSUE)), {"clamp", "double"})
    assert varied(programs, 40, 1) == varied(programs, 40, 1)
    assert varied(programs, 40, 1) != varied(programs, 40, 2)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=8,
)


@settings(deadline=None, max_examples=50)
@given(st.lists(values, max_size=3))
def test_every_variation_of_every_literal_is_a_program(arguments):
    call = f"f({', '.join(map(repr, arguments))})"
    for one in varied([Program(call, "x")], 30):
        ast.parse(one.source)
