"""Names in the table of candidates: short, and told apart."""

from __future__ import annotations

import pytest

from runs.decision import Line, Said
from runs.display.names import told_apart
from tests.runs.reported import rendered, report


@pytest.mark.parametrize("columns", [1, 8])
def test_long_names_take_no_room_from_what_tells_candidates_apart(tmp_path, columns):
    whole = report(columns=columns)
    lines = [one.model_copy(update={"origin": f"{one.candidate} {'n' * 90}"}) for one in whole.decision.lines]
    said = tuple(Said(judge="features", candidate=one.candidate, score=0.25, evidence="") for one in lines)
    decision = whole.decision.model_copy(update={"lines": tuple(lines), "verdicts": said})
    text = rendered(whole.model_copy(update={"decision": decision}), tmp_path).splitlines()
    head = next(line for line in text if line.startswith("candidates"))
    row = next(line for line in text if line.startswith("→ c1 n"))
    assert head.split() == [
        "candidates",
        *(f"T{n + 1}" for n in range(min(columns, 7))),
        *("R1", "votes", "breaks", "lines"),
    ]
    assert row.split()[-3:] == ["0.25", "1", "2"]
    assert max(len(head), len(row)) <= 80


def test_names_that_begin_alike_are_cut_so_that_they_can_be_told_apart(tmp_path):
    whole, group = report(columns=3), f"owner+project:{'data/' * 12}group_b/"
    runs = {"c1": "aider", "c2": "trae/baseline/preds.json", "c3": "trae/enhanced/preds.json"}
    lines = [
        one.model_copy(update={"cluster": one.candidate, "origin": group + runs.get(one.candidate, "other")})
        for one in whole.decision.lines
    ]
    name = f"test_{'empty_' * 9}suffix"
    columns = [
        one.model_copy(update={"target": f"tests/{name}{number}.py::{name}", "authors": authors})
        for number, one in enumerate(whole.decision.columns)
        for authors in [tuple(f"my-run sample {sample}" for sample in range(3))]
    ]
    changes = {"lines": tuple(lines), "columns": tuple(columns)}
    decision = whole.decision.model_copy(update=changes)
    text = rendered(whole.model_copy(update={"decision": decision}), tmp_path).splitlines()
    top = next(number for number, line in enumerate(text) if line.startswith("(untouched base)"))
    rows = [line.split("  ")[0] for line in text[top + 1 : top + 5]]
    for row, part in zip(rows, ("aider", "baseline", "enhanced", "other"), strict=True):
        assert part in row
    tests = [line for line in text if line.startswith("T")]
    assert "no vote, as not failing on the base: T3" in text
    assert all(f"…{number}.py::" in line for number, line in zip((1, 2, 0), tests, strict=True))
    assert "T2  by my-run samples 0, 1, 2: test_" in tests[1]
    assert max(map(len, text[:-1])) <= 80


@pytest.mark.parametrize("room", [-3, 0, 1, 7, 8, 9, 20])
def test_names_fit_however_little_room_there_is(room):
    names = ["", "a", *(f"{'x' * 30}{number}{'y' * number}" for number in range(12))]
    shown = told_apart(names, room)
    assert max(map(len, shown)) <= max(1, room)
    assert room < 20 or len(set(shown)) == len(names)


def test_names_beyond_the_fourth_are_counted(tmp_path):
    whole = report()
    lines = [
        Line(candidate=f"c{n}", origin=f"{n}.diff", cluster="k1", rejected="was not tested") for n in range(6)
    ]
    decision = whole.decision.model_copy(update={"lines": tuple(lines)})
    text = rendered(whole.model_copy(update={"decision": decision}), tmp_path)
    assert "0.diff, 1.diff, 2.diff, 3.diff +2: was not tested" in text
