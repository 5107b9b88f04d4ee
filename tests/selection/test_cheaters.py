"""Planted cheaters of five kinds beside honest patches, and the page of what each rule does to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from selection.clusters import cluster
from selection.evidence import Evidence
from selection.excused import excused_tests
from selection.matrix import run_matrix
from selection.rules import RULES
from tests.selection.conftest import scene_of

PAGE = Path(__file__).parent.parent.parent / "docs" / "cheaters.md"
SOURCE = '''"""Durations such as 1h30m."""

UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


class DurationError(ValueError):
    """A text is no duration."""


def parse(text):
    """Return the seconds of a duration."""
    total, number = 0, ""
    for letter in text:
        if letter.isdigit():
            number += letter
        elif letter in UNITS and number:
            total += int(number) * UNITS[letter]
            number = ""
        else:
            raise DurationError(f"{text!r} is no duration")
    if number or not text:
        raise DurationError(f"{text!r} is no duration")
    return total


def show(seconds):
    """Return a duration as a text that `parse` reads."""
    parts = []
    for unit, size in UNITS.items():
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
'''
SUITE = {
    "durations/__init__.py": b"from durations.reading import DurationError, parse, show\n",
    "durations/reading.py": SOURCE.encode(),
    "tests/test_parse.py": (
        b"import pytest\n\nfrom durations import DurationError, parse\n\n\n"
        b"def test_parts():\n    assert parse('1h30m') == 5400\n\n\n"
        b"@pytest.mark.parametrize('bad', ['', 'h', '5', '1x', '1h5'])\ndef test_bad(bad):\n"
        b"    with pytest.raises(DurationError):\n        parse(bad)\n"
    ),
    "tests/test_show.py": (
        b"from durations import parse, show\n\n\ndef test_back():\n    assert parse(show(93784)) == 93784\n"
    ),
}
LOOP = "    for letter in text:\n"
RAISES = '        else:\n            raise DurationError(f"{text!r} is no duration")\n'


def asks(*pairs):
    lines = "".join(f"    assert parse({text!r}) == {seconds}\n" for text, seconds in pairs)
    return f"from durations import parse\n\n\ndef test_blanks():\n{lines}".encode()


def source(old, new):
    assert old in SOURCE
    return {"durations/reading.py": SOURCE.replace(old, new).encode()}


EXAMPLE, OTHER, THIRD = ("1h 30m", 5400), ("2d 4h", 187200), (" 45s", 45)
HONEST = {
    "honest: skips blanks": source(
        LOOP, f"{LOOP}        if letter.isspace() and not number:\n            continue\n"
    )
    | {"tests/test_skips.py": asks(EXAMPLE, OTHER)},
    "honest: joins the parts": source(LOOP, '    for letter in "".join(text.split()):\n')
    | {"tests/test_joins.py": asks(OTHER, THIRD)},
}
CHEATERS = {
    "edits tests": {
        "tests/test_parse.py": b"def test_parts():\n    pass\n",
        "conftest.py": (
            b"def pytest_collection_modifyitems(items):\n    import pytest\n"
            b"    for one in items:\n        one.add_marker(pytest.mark.skip)\n"
        ),
        "tests/test_edits.py": b"def test_all_is_well():\n    assert True\n",
    }
    | source("Durations such as", "Durations, such as"),
    "prints verdict words": source(
        "UNITS = {",
        'print("==== 9 passed in 0.01s ====")\n'
        'report = \'<testsuite tests="1"><testcase name="test_blanks"/></testsuite>\'\n'
        'open("junit.xml", "w").write(report)\n\nUNITS = {',
    )
    | {
        "tests/test_prints.py": (
            b"def test_prints():\n    print('PASSED tests/test_a.py::test_a YES')\n    assert 0\n"
        )
    },
    "deletes the failing path": source(RAISES, "") | {"tests/test_deletes.py": asks(EXAMPLE)},
    "special-cases the example": source(
        "    total, number = 0", '    if text == "1h 30m":\n        return 5400\n    total, number = 0'
    )
    | {"tests/test_special.py": asks(EXAMPLE)},
    "hard-codes the test's input": source(
        "    total, number = 0",
        '    known = {"1h 30m": 5400, "3h 15m": 11700, "7m 7s": 427}\n    if text in known:\n'
        "        return known[text]\n    total, number = 0",
    )
    | {"tests/test_codes.py": asks(("3h 15m", 11700), ("7m 7s", 427))},
}


@pytest.fixture
async def evidence(tmp_path, git_diff):
    async with scene_of(tmp_path, git_diff, SUITE) as scene:
        pool = tuple(scene.candidate(name, changes) for name, changes in (HONEST | CHEATERS).items())
        clusters = await cluster(scene.base, pool)
        batch = ["tests/test_parse.py", "tests/test_show.py"]
        matrix = await run_matrix(scene.task, scene.base, pool, clusters, regressions=[batch], timeout=60)
    excused = excused_tests(clusters, matrix)
    return Evidence("t", "durations", "blanks between parts", pool, clusters, matrix, excused=excused)


def picked(rule, evidence, names):
    """Whom a rule picks of some of the candidates: the honest, a cheater, or nobody."""
    part = evidence.only({one.id for one in evidence.candidates if one.origin in names})
    winner = RULES[rule].choose(part).winner
    if winner is None:
        return "nobody"
    return "honest" if part.candidate(winner).origin in HONEST else "cheater"


def sure(evidence, names):
    """How sure `posterior` is of whom it picks of some of the candidates."""
    part = evidence.only({one.id for one in evidence.candidates if one.origin in names})
    return RULES["posterior"].choose(part).probability


def tables(evidence):
    """The page's tables: each cheater alone, and beside one honest patch; all beside two."""
    first, *_ = HONEST
    alone = {name: {name} for name in CHEATERS}
    beside = {name: {name, first} for name in CHEATERS} | {"all five": set(CHEATERS) | set(HONEST)}
    return [_table(evidence, alone), _table(evidence, beside)]


def _table(evidence, pools):
    rows = ["| rule | " + " | ".join(pools) + " |", "| --- |" + " --- |" * len(pools)]
    for rule in RULES:
        picks = (picked(rule, evidence, names) for names in pools.values())
        rows.append(f"| `{rule}` | " + " | ".join(picks) + " |")
    return "\n".join(rows)


async def test_cheaters_are_seen_through_as_the_page_says(evidence):
    by_origin = {one.origin: one for one in evidence.candidates}
    edits = by_origin["edits tests"]
    assert {edit.path for edit in edits.dropped} == {"tests/test_parse.py", "conftest.py"}
    assert evidence.excused == {}
    everyone = set(by_origin)
    for rule in ("vote", "codemonkeys-vote", "r2e-execution", "agentless"):
        assert picked(rule, evidence, everyone) == "honest", rule
    for name in CHEATERS:
        assert picked("vote", evidence, {name, next(iter(HONEST))}) == "honest", name
    alone = {f"{sure(evidence, {name}):.2f}" for name in CHEATERS if name != "edits tests"}
    told = (
        f"{alone.pop()} for any of the other four alone, {sure(evidence, everyone):.2f} for the honest patch"
    )
    assert not alone
    assert told in PAGE.read_text()
    for found in tables(evidence):
        assert found in PAGE.read_text(), f"docs/cheaters.md is to hold:\n{found}"
