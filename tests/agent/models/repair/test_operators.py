from __future__ import annotations

import ast
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.models.repair.edits import Edit, distinct, together
from agent.models.repair.operators import FAMILIES, edits_of
from agent.models.repair.operators.regexes import mutations, read_atoms, valid, written_like
from agent.models.repair.passages import passages
from agent.models.repair.scope import Hints, Site
from agent.models.repair.source import Source


def site_of(code: str, name: str = "", **hints: object) -> Site:
    source = Source("m.py", textwrap.dedent(code))
    if not name:
        return Site(source, source.tree.body[-1], "", None, Hints(**hints))  # type: ignore[arg-type]
    return Site(source, dict(source.functions)[name], name, None, Hints(**hints))  # type: ignore[arg-type]


def results(site: Site) -> list[str]:
    ordered = sorted(edits_of(site), key=lambda edit: -edit.prior)
    return [edit.applied(site.source.text) for edit in distinct(ordered, site.source, set())]


CASES = {
    "boundary": ("def f(a, b):\n    return a < b\n", "return a <= b", {}),
    "not None": ("def f(a):\n    if a:\n        return a\n    return 1\n", "if a is not None:", {}),
    "truth": ("def f(a):\n    return 1 if a is not None else 2\n", "1 if a else 2", {}),
    "conjunct added": ("def f(s, x):\n    return s[1:] if s.endswith(x) else s\n", "if x and s.ends", {}),
    "conjunct dropped": ("def f(a, b):\n    if a and b:\n        return 1\n", "if a:", {}),
    "off by one": ("def f(a, n):\n    return a[:n]\n", "a[:n - 1]", {}),
    "member": ("def f(n):\n    return n % 100 in (11, 12)\n", "in (11, 12, 13)", {}),
    "text member": (
        "def f(n):\n    return n in ['a', 'b']\n",
        "in ['a', 'b', 'sea']",
        {"texts": ("sea",)},
    ),
    "sign": ("def f(a, b):\n    return a + b\n", "a - b", {}),
    "sum for product": ("def f(a, b):\n    return a + b + 1\n", "return (a + b) * 1", {}),
    "product for power": ("def f(a, b):\n    return a * b\n", "return a ** b", {}),
    "product for sum": ("def f(a, b, c):\n    return c * (a * b)\n", "(a + b)", {}),
    "remainder": ("def f(a, b):\n    return a // b\n", "return a % b", {}),
    "updated by product": ("def f(a, b):\n    a += b\n    return a\n", "a *= b", {}),
    "truth value": ("def f(a):\n    return g(a, strict=True)\n", "strict=False", {}),
    "sibling method": ("def f(s):\n    return s.split('@', 1)\n", "s.rsplit('@', 1)", {}),
    "call added": ("def f(s):\n    return s\n", "return s.strip()", {}),
    "call with a parameter": ("def f(s, sep):\n    return g(s)\n", "g(s).strip(sep)", {}),
    "parameter normalised": ("def f(s):\n    return s in A or s in B\n", "s = s.strip().lower()\n", {}),
    "kind asked": (
        "def f(d, k, v):\n    for p in k:\n        d = d.get(p)\n        if not d:\n            return v\n",
        "if not isinstance(d, dict):\n            return v\n",
        {},
    ),
    "default of its own": ("def f(b=[]):\n    b.append(1)\n", "\n    b = [] if b is None else b\n", {}),
    "numbers of texts": ("def f(s):\n    return tuple(s.split('.'))\n", "tuple(map(int, s.split('.')))", {}),
    "call removed": ("def f(s):\n    return f'{g(s)} x'\n", "f'{s} x'", {}),
    "argument passed on": (
        "def f(a, key=None):\n    return g()(a)\n",
        "g(key=key)(a)",
        {"signatures": {"g": ("key",)}},
    ),
    "arguments swapped": ("def f(a, b):\n    return g(b, a)\n", "g(a, b)", {}),
    "positional only": ("def f(self, key, *args, **kwargs):\n    return key\n", "key, /, *args", {}),
    "other variable": ("def f(start, end):\n    return g(start)\n", "g(end)", {}),
    "other attribute": (
        "class A:\n    def f(self):\n        self.hi = self.lo\n        return self.lo\n",
        "return self.hi",
        {},
    ),
    "expression": (
        "def f(s, end, prev):\n    if end - 1 > 3:\n        raise ValueError(s, prev)\n",
        "ValueError(s, end - 1)",
        {},
    ),
    "fallback": ("def f(m, a):\n    b = m.group('b')\n    return a, b\n", "b = m.group('b') or a", {}),
    "early return": ("def f(a):\n    return g(a).b\n", "if not a:\n        return a\n", {}),
    "exception type": (
        "def f(a):\n    raise KeyError(a)\n",
        "raise ValueError(a)",
        {"exceptions": ("ValueError",)},
    ),
    "also caught": (
        "def f(a):\n    try:\n        return int(a)\n    except ValueError:\n        return 0\n",
        "except (ValueError, TypeError):",
        {"exceptions": ("TypeError",)},
    ),
    "check that raises": (
        "def f(a, b):\n    if a is None:\n        raise ValueError('no')\n    return b.c\n",
        "if b is None:\n        raise ValueError('no')\n",
        {"exceptions": ("ValueError",)},
    ),
    "missing return": ("def f(a):\n    a.pop()\n", "return a.pop()", {}),
    "initialised": (
        "def f(a):\n    for x in a:\n        last = x\n    return last\n",
        "last = None\n    for",
        {"exceptions": ("UnboundLocalError",)},
    ),
    "deleted": ("def f(a):\n    a = 1\n    return a\n", "def f(a):\n    return a", {}),
    "string shown": (
        "def f():\n    return 'Usage: COMAND'\n",
        "'Usage: COMMAND'",
        {"texts": ("Usage: COMMAND",)},
    ),
    "string under a condition": (
        "def f(optional):\n    return 'COMMAND [ARGS]'\n",
        "'[COMMAND] [ARGS]' if optional else 'COMMAND [ARGS]'",
        {"texts": ("[COMMAND] [ARGS]",)},
    ),
    "borrowed": (
        "def f_one(a):\n    if not a:\n        return 0\n    return 1\n\n\ndef f_two(b):\n    return 2\n",
        "if not b:\n        return 0\n    return 2",
        {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_wanted_edit_is_among_the_edits(case: str):
    code, wanted, hints = CASES[case]
    source = Source("m.py", code)
    name = source.functions[-1][0]
    assert any(wanted in result for result in results(site_of(code, name, **hints)))


def test_tests_of_one_value_change_together():
    code = "def f(a):\n    if a is None:\n        a = g()\n    if a is not None:\n        return a\n"
    assert any("if not a:" in result and "if a:" in result for result in results(site_of(code, "f")))


def test_a_call_goes_everywhere_at_once():
    code = "def f(t):\n    return f'{_(t)} x'\n\n\ndef g(t):\n    return f'{_(t)} y'\n"
    assert any("f'{t} x'" in result and "f'{t} y'" in result for result in results(site_of(code, "f")))


@pytest.mark.parametrize("family", FAMILIES)
def test_edits_stay_within_their_function_and_have_a_place(family: str):
    body = "    if a:\n        return a.split(b)\n    return X\n"
    code = f"X = 1\n\n\ndef f(a, b=None):\n    '''Doc.'''\n{body}\n\nY = 2\n"
    site = site_of(code, "f")
    for operator in FAMILIES[family]:
        for edit in operator(site):
            assert edit.cuts == tuple(sorted(edit.cuts))
            assert all(
                code.index("def f") <= start <= end <= code.index("\n\nY") for start, end, _ in edit.cuts
            )
            assert edit.applied(code) != code or edit.size(code) == 0
            assert 0 < edit.prior <= 1


SNIPPETS = st.sampled_from([code for code, _, _ in CASES.values()])


@settings(max_examples=30, deadline=None)
@given(SNIPPETS, st.randoms(use_true_random=False))
def test_distinct_edits_parse_and_change_the_program(code: str, rng: object):
    site = site_of(
        code, Source("m.py", code).functions[-1][0], exceptions=("KeyError",), texts=("some text",)
    )
    before = ast.dump(ast.parse(code))
    seen: set[str] = set()
    for edit in list(distinct(edits_of(site), site.source, set()))[:300]:
        after = ast.dump(ast.parse(edit.applied(code)))
        assert after != before
        assert after not in seen
        seen.add(after)


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["a", "\n", "b = 1\n", "    c\n", "é"]), min_size=1, max_size=40).map("".join),
    st.data(),
)
def test_passages_make_the_cuts(text: str, data: st.DataObject):
    places = sorted(data.draw(st.lists(st.integers(0, len(text)), min_size=2, max_size=6, unique=True)))
    cuts = tuple(
        (a, b, data.draw(st.sampled_from(["", "x", "y\nz"])))
        for a, b in zip(places[::2], places[1::2], strict=False)
    )
    edit = Edit("m.py", cuts, "", 1.0)
    now = text
    for old, new in passages(text, cuts):
        assert now.count(old) == 1 or not old
        now = now.replace(old, new, 1) if old else new
    assert now == edit.applied(text)


def test_edits_that_touch_the_same_characters_do_not_go_together():
    one = Edit("m.py", ((0, 4, "x"),), "a", 0.5)
    assert together(one, Edit("m.py", ((3, 5, "y"),), "b", 0.5)) is None
    assert together(one, Edit("n.py", ((7, 8, "y"),), "b", 0.5)) is None
    both = together(one, Edit("m.py", ((4, 5, "y"),), "b", 0.5))
    assert both is not None
    assert both.applied("abcdef") == "xyf"


def test_a_lookahead_moves_before_its_neighbour():
    pattern = "[a-z]|[a-z]([a-z-](?!--))*[a-z]"
    assert "[a-z]|[a-z]((?!--)[a-z-])*[a-z]" in {changed for changed, _ in mutations(pattern)}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a*b", "a+b"),
        ("[a-z]+", "[a-z]*"),
        ("ab", "^ab"),
        (r"\d", r"\w"),
        ("a.*b", "a.*?b"),
        ("(a|b)", "(?:a|b)"),
    ],
)
def test_patterns_mutate(before: str, after: str):
    assert after in {changed for changed, _ in mutations(before)}


@given(st.text(alphabet="ab[]()|*+?\\d.^$-{}1,:!=<P>", max_size=30))
def test_atoms_of_any_pattern_lie_within_it(pattern: str):
    for atom in read_atoms(pattern):
        assert pattern[atom.start : atom.end] == atom.text + atom.quantifier
    for changed, _ in mutations(pattern):
        assert isinstance(valid(changed), bool)


@given(
    st.text(alphabet="ab'\"\\\n.", max_size=8), st.sampled_from(["r'x'", '"x"', 'r"x"', 'r"""x"""', "'x'"])
)
def test_a_literal_keeps_its_value(value: str, literal: str):
    assert ast.literal_eval(written_like(literal, value)) == value
