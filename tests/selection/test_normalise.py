from __future__ import annotations

import ast
import tokenize
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selection.normalise import cluster_key, normal_form, normal_text

SOURCE = '''\
"""Module."""

import os


class Thing:
    """A thing."""

    size = 3

    def grow(self, by=1, *, name="a b"):
        """Grow."""
        if by > 0 and name:
            self.size += by  # larger
        return [x for x in range(self.size) if x != 2]


def helper(path):
    return os.path.join(path, f"{path!r:>10}", b"x" * 2 ** 3)
'''
LINES = SOURCE.split("\n")
TOP = [number for number, line in enumerate(LINES) if line.startswith(("class", "def", "import"))]
PYTHON_2 = 'def f(x):\n    """Doc."""\n    print "a b", x  # say\n    return x\n'


@given(
    st.lists(
        st.tuples(st.sampled_from(range(len(LINES) + 1)), st.sampled_from(["", "# note", "   "])), max_size=9
    )
)
def test_comments_and_blank_lines_do_not_count(additions):
    lines = list(LINES)
    for place, text in sorted(additions, reverse=True):
        lines.insert(place, text)
    assert normal_text("a.py", "\n".join(lines).encode()) == normal_text("a.py", SOURCE.encode())


@pytest.mark.parametrize(
    "other",
    [
        ast.unparse(ast.parse(SOURCE)),
        SOURCE.replace('"""Grow."""', '"""Make it larger.\n\n        By some.\n        """'),
        SOURCE.replace('        """Grow."""\n', ""),
        SOURCE.replace('"""A thing."""', "'''Another.'''"),
        SOURCE.replace("    ", "\t"),
        SOURCE.replace("(self, by=1", "(\n        self,\n        by = 1"),
        SOURCE.replace("\n", "\r\n"),
    ],
)
def test_docstrings_and_layout_do_not_count(other):
    assert other != SOURCE
    assert normal_text("a.py", other.encode()) == normal_text("a.py", SOURCE.encode())


def changed_tokens():
    """Each way of changing one token of the source that leaves it parseable and another program."""
    tokens = list(tokenize.generate_tokens(StringIO(SOURCE).readline))
    swaps = {
        ">": "<",
        "and": "or",
        "+=": "-=",
        "!=": "==",
        "**": "*",
        "3": "4",
        "1": "2",
        "2": "20",
        "0": "1",
    }
    for token in tokens:
        new = swaps.get(token.string)
        if token.type == tokenize.NAME and token.string in {
            "size",
            "by",
            "name",
            "path",
            "grow",
            "os",
            "helper",
            "x",
        }:
            new = token.string + "_"
        if token.type == tokenize.STRING and not token.string.startswith('"""'):
            new = token.string[:-1] + " " + token.string[-1]
        if new:
            row, (start, end) = token.start[0] - 1, (token.start[1], token.end[1])
            lines = list(LINES)
            lines[row] = lines[row][:start] + new + lines[row][end:]
            yield "\n".join(lines)


def test_a_changed_token_always_counts():
    others = list(changed_tokens())
    assert len(others) > 25
    forms = {normal_text("a.py", other.encode()) for other in (*others, SOURCE)}
    assert len(forms) == len(set(others)) + 1


@given(st.text(max_size=30), st.text(max_size=30))
def test_string_contents_count(one, other):
    forms = [normal_text("a.py", f"x = {text!r}\n".encode("utf-8", "surrogatepass")) for text in (one, other)]
    assert (forms[0] == forms[1]) == (one == other)


def test_indentation_is_structure():
    one = b"for x in y:\n    a()\n    b()\n"
    other = b"for x in y:\n    a()\nb()\n"
    assert normal_text("a.py", one) != normal_text("a.py", other)


def test_python_2_is_read_by_tree_sitter():
    form = normal_text("a.py", PYTHON_2.encode())
    assert form.startswith("tree")
    assert form == normal_text(
        "a.py", PYTHON_2.replace("  # say", "").replace('"""Doc."""', '"""D."""').encode()
    )
    assert form == normal_text("a.py", PYTHON_2.replace("\n    return", "\n\n    # so\n    return").encode())
    assert form != normal_text("a.py", PYTHON_2.replace("a b", "a  b").encode())
    assert form != normal_text("a.py", PYTHON_2.replace("    return x", "return x").encode())


def test_docstrings_that_are_code_count():
    parser = 'def p_expr(p):\n    "expr : {}"\n'
    assert normal_text("a.py", parser.format("NUM").encode()) != normal_text(
        "a.py", parser.format("NAME").encode()
    )
    shown = '"""{}"""\nprint(__doc__)\n'
    assert normal_text("a.py", shown.format("a").encode()) != normal_text("a.py", shown.format("b").encode())


@pytest.mark.parametrize(
    "content",
    [
        b"def f(:\n",
        b"\xff\xfe\x00",
        b"",
        b"x = 1\0",
        b"(" * 5000,
        b"x = " + b"9" * 5000 + b"\n",
        b"'\\d'\n",
        b"\r\r",
    ],
)
def test_whatever_cannot_be_parsed_still_has_a_form(content):
    form = normal_text("a.py", content)
    assert form == normal_text("a.py", content)
    assert form != normal_text("a.py", content + b"+ 1\n")


def test_other_files_keep_their_text_but_trailing_blanks():
    assert normal_text("a.cfg", b"[a] \nb = 1\n\n") == normal_text("a.cfg", b"[a]\nb = 1\n")
    assert normal_text("a.cfg", b"[a]\n b = 1\n") != normal_text("a.cfg", b"[a]\nb = 1\n")
    assert normal_text("a.cfg", b"# x\nb = 1\n") != normal_text("a.cfg", b"b = 1\n")


@given(st.dictionaries(st.text(max_size=5), st.one_of(st.none(), st.binary(max_size=10)), max_size=4))
def test_order_of_files_does_not_count_and_paths_do(files):
    assert normal_form(files) == normal_form(dict(reversed(files.items())))
    moved = {f"{path}x": data for path, data in files.items()}
    assert (normal_form(moved) == normal_form(files)) == (not files)


def test_key_leaves_out_files_touched_in_passing():
    base = {"a.py": b"x = 1\n", "b.py": b"y = 1\n"}
    fix = {"a.py": b"x = 2\n", "b.py": b"y = 1\n"}
    commented = {"a.py": b"x = 2  # two\n", "b.py": b"# why\ny = 1\n"}
    assert cluster_key(base, fix) == cluster_key(base, commented)
    assert cluster_key({"a.py": b"x = 1\n"}, {"a.py": b"x = 2\n"}) == cluster_key(base, fix)
    assert cluster_key(base, fix) != cluster_key(base, {"a.py": b"x = 1\n", "b.py": b"y = 2\n"})
    assert cluster_key(base, fix) != cluster_key(base, fix, "new mode 100755")
    assert cluster_key(base, fix) != cluster_key(base, {"a.py": b"x = 2\n", "b.py": None})
