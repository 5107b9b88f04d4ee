"""Inputs on which programs disagree, in few lines of 80 columns."""

from __future__ import annotations

import pytest

from runs.display.values import part_of
from selection.differences.leading import Disagreement
from tests.runs.reported import rendered, report


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_inputs_that_part_programs_take_a_few_lines_of_80_columns(tmp_path, encoding):
    values = {"k1": f"'{'same' * 30}x'", "k2": f"'{'same' * 30}\x1b[2Jé'"}
    found = Disagreement(input="f('é\ud800')", where="the issue", program="p", base="1", values=values)
    short = found.model_copy(update={"input": "f(3)", "values": {"k1": "3", "k2": "4"}})
    whole = report()
    decision = whole.decision.model_copy(update={"differences": (short, found, *[found] * 6)})
    text = rendered(whole.model_copy(update={"decision": decision}), tmp_path, encoding)
    lines = text.splitlines()
    assert max(map(len, lines[:-1])) <= 80
    at = lines.index("no test tells A (sample 0), B (sample 1) apart, but:")
    end = next(number for number, line in enumerate(lines) if line.startswith("decision"))
    assert lines[at + 1] == "  f(3) [the issue] -> A: 3; B: 4; base: 1"
    assert end - at <= 8
    assert "same" in lines[at + 3]
    assert "x'" in lines[at + 3]  # where they part, not where they begin
    assert "\x1b" not in text


def test_what_is_cut_of_a_value_is_closed_and_fits_80_columns(tmp_path):
    words = "endswith first arg must be bytes or a tuple of bytes, not str"
    values = {"k1": f"'{words} {'x' * 90}'", "k2": f"['{'same ' * 20}']"}
    found = Disagreement(input="f(b'')", where="the issue", program="p", base="None", values=values)
    whole = report()
    decision = whole.decision.model_copy(update={"differences": (found,)})
    lines = rendered(whole.model_copy(update={"decision": decision}), tmp_path).splitlines()
    line = next(line for line in lines if "A: " in line and "B: " in line)
    assert line == "    -> A: 'endswith first ...'; B: ['same same same...']; base: None"


@pytest.mark.parametrize(
    ("value", "other", "room", "part"),
    [
        ("", "", 9, "nothing"),
        ("'abc'", "", 9, "'abc'"),
        ("'abcdefghij'", "1", 6, "'abcde...'"),
        ("'abcdefghij'", "'abcdefgX", 6, "'...fghij'"),
        ("{'a': [b'abcdefghij', 1]}", "2", 12, "{'a': [b'abc...']}"),
        ("{'a': [b'abcdefghij', 1]}", "{'a': [b'abcdefghij', 2", 9, "{['...', 1]}"),
        ("[('it\\'s', \"can't\")]", "", 12, "[('it\\'s', \"...\")]"),
        ("raises ValueError: it's not so", "", 24, "raises ValueError: it's ..."),
        ("'was cut before...", "", 40, "'was cut before...'"),
    ],
)
def test_a_part_of_a_value_has_what_is_open_closed(value, other, room, part):
    assert part_of(value, other, room) == part


def test_programs_that_agree_on_an_input_share_its_value_and_keep_their_whole_names(tmp_path):
    whole = report()
    origins = {"c1": f"one/{'n' * 40} (preds.jsonl:1)", "c3": f"two/{'n' * 40} (preds.jsonl:1)"}
    lines = [
        one.model_copy(update={"origin": origins.get(one.candidate, "sample 2")})
        for one in whole.decision.lines
    ]
    found = Disagreement(
        input="printed",
        where="the issue, with 3 in place of 2",
        program="p",
        base="'name.pyname'",
        values={"k1": "'name.pyname'", "k2": "'name.py'"},
    )
    decision = whole.decision.model_copy(update={"differences": (found,), "lines": tuple(lines)})
    text = rendered(whole.model_copy(update={"decision": decision}), tmp_path)
    said = " ".join(text.split())
    assert f"A ({origins['c1']}), B ({origins['c3']}) apart, but:" in said
    assert "printed [the issue, with 3 in place of 2]" in said
    assert "-> A, base: 'name.pyname'; B: 'name.py'" in said
