from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.context.tokens import guessed
from selection.verifiers.fitting import Section, fit

texts = st.text(max_size=3000)


@settings(deadline=None, max_examples=60)
@given(texts, texts, texts, st.integers(0, 1500))
def test_what_is_shown_always_fits(observed, code, patch, room):
    sections = [
        Section("observed", observed, 0),
        Section("code", code, 1),
        Section("patch", patch, 2, len(patch)),
    ]
    fitted = fit(sections, room, guessed)
    assert sum(map(guessed, fitted.texts.values())) <= room
    if fitted.texts["patch"] != patch:  # invariant 17: never cut before what was observed
        assert not fitted.texts["observed"]
        assert not fitted.texts["code"]


def test_head_and_tail_stay_and_what_was_cut_is_told():
    lines = "\n".join(f"line {number}" for number in range(2000))
    fitted = fit([Section("observed", lines, 0), Section("patch", "+x\n", 1, 3)], 400, guessed)
    assert fitted.texts["observed"].startswith("line 0\n")
    assert fitted.texts["observed"].endswith("line 1999")
    assert fitted.texts["patch"] == "+x\n"
    assert fitted.cut[0].startswith("observed to ")
    assert len(fitted.cut) == 1


def test_what_fits_is_left_alone():
    fitted = fit([Section("patch", "+x\n", 1)], 100, guessed)
    assert (fitted.texts, fitted.cut) == ({"patch": "+x\n"}, ())


def test_lower_ranks_keep_their_least_while_others_can_still_be_cut():
    fitted = fit([Section("a", "a" * 3000, 0, 300), Section("b", "b" * 3000, 1, 300)], 700, guessed)
    assert fitted.texts["a"]
    assert len(fitted.texts["a"]) < len(fitted.texts["b"])
