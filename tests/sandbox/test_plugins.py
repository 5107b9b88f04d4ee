"""Code of a user's own, by name."""

from __future__ import annotations

import pickle
import sys

import pytest

from sandbox.plugins import MissingNameError, imported, one_line, parted


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("module:Class", ("module", "Class", None)),
        ("pkg.mod:Class/", ("pkg.mod", "Class", "")),
        ("a/b c.py:Class", ("a/b c.py", "Class", None)),
        ("/a.pyx/b.py:Class/http://h:1/v1", ("/a.pyx/b.py", "Class", "http://h:1/v1")),
        ("b.py:Class/other.py:Name", ("b.py", "Class", "other.py:Name")),
        ("b.py:1Class", None),
        ("litellm/openai/gpt:free", None),
        ("b.py", None),
        (":Class", None),
    ],
)
def test_names_are_parted(name, parts):
    assert parted(name) == parts


def test_a_file_is_a_module_while_it_lasts(tmp_path):
    path = tmp_path / "own.py"
    path.write_text("from __future__ import annotations\nfrom dataclasses import dataclass\n"
                    "@dataclass\nclass Point:\n    x: int\n")  # fmt: skip
    point = imported(str(path), "Point")
    assert pickle.loads(pickle.dumps(point(3))) == point(3)
    path.write_text("Point = 7")
    assert imported(str(path), "Point") == 7  # read anew
    with pytest.raises(MissingNameError, match=r"own.py has no Pont; did you mean Point\?"):
        imported(str(path), "Pont")


def test_a_file_that_fails_leaves_no_module(tmp_path):
    path = tmp_path / "own.py"
    path.write_text("raise ValueError('a\\nb')")
    before = set(sys.modules)
    with pytest.raises(ValueError) as caught:
        imported(str(path), "Point")
    assert one_line(caught.value) == "ValueError: a b"
    assert set(sys.modules) == before


def test_two_files_of_one_name_are_two_modules(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "own.py").write_text("class Own:\n    pass\n")
    assert (
        imported(str(tmp_path / "a/own.py"), "Own").__module__
        != imported(str(tmp_path / "b/own.py"), "Own").__module__
    )
