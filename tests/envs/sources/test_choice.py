from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envs.sources import Choice
from envs.task import TaskError

IDS = ["sympy__sympy-20590", "sympy__sympy-11618", "psf__requests-1142", "django__django-10097"]
MANY = st.lists(st.text("abc-_.0123", min_size=1, max_size=6), unique=True, max_size=40)


def refused(choice: Choice, ids: list[str] = IDS) -> str:
    with pytest.raises(TaskError) as error:
        choice.of(ids)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_nothing_chosen_is_everything_in_the_sets_own_order():
    assert Choice().of(IDS) == IDS
    assert Choice().of([]) == []


def test_ids_and_globs_are_chosen_once_and_in_the_sets_order():
    wanted = ("psf__requests-1142", "sympy__*", "sympy__sympy-20590")
    assert Choice(wanted).of(IDS) == IDS[:3]
    assert Choice(("psf__requests-1142,django__*",)).of(IDS) == IDS[2:]
    assert Choice(("*-[12]*",)).of(IDS) == IDS


def test_an_id_with_the_characters_of_a_glob_is_found_as_it_stands():
    assert Choice(("a[1]",)).of(["a[1]", "a1"]) == ["a[1]"]


def test_a_file_of_ids_has_one_a_line_and_may_have_comments(tmp_path):
    path = tmp_path / "ids.txt"
    path.write_text("# mine\nsympy__sympy-11618\n\n  django__*  \n")
    assert Choice((f"@{path}", "psf__requests-1142")).of(IDS) == IDS[1:]


def test_a_file_without_ids_does_not_choose_everything(tmp_path):
    path = tmp_path / "ids.txt"
    path.write_text("# none yet\n")
    assert "names no instance" in refused(Choice((f"@{path}",)))
    assert "names no instance" in refused(Choice((",",)))


def test_a_file_of_ids_that_cannot_be_read_is_told(tmp_path):
    assert "cannot be read" in refused(Choice((f"@{tmp_path / 'none'}",)))
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    assert "cannot be read" in refused(Choice((f"@{tmp_path / 'bytes'}",)))


def test_an_unknown_id_names_the_nearest():
    message = refused(Choice(("sympy__sympy-20950",)))
    assert message == "no instance is called sympy__sympy-20950; did you mean sympy__sympy-20590?"
    assert refused(Choice(("flask__*",))) == "no instance fits flask__*"


@pytest.mark.parametrize(
    ("text", "at"),
    [("0:2", slice(0, 2)), ("2:", slice(2, None)), ("::2", slice(None, None, 2)), (":-1", slice(-1))],
)
def test_a_slice_is_read_as_python_reads_it(text, at):
    assert Choice(slice=text).of(IDS) == IDS[at]


@pytest.mark.parametrize("text", ["3", "-:", "a:b", "::0", "::00", "::-0", "1:2:3:4", "0:" + "9" * 9999])
def test_what_is_no_slice_is_told(text):
    assert "is no slice; write it as 0:50, 10: or ::2" in refused(Choice(slice=text))


def test_a_slice_that_holds_nothing_is_told():
    assert refused(Choice(slice="4:")) == "the slice 4: holds none of the 4 instances there are"
    assert Choice(slice="4:").of([]) == []


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "1/0", "a/b", "-1/4", "1/" + "9" * 9999])
def test_what_is_no_shard_is_told(text):
    assert "is no shard; write i/n with i from 1 to n" in refused(Choice(shard=text))


@given(
    ids=MANY.filter(lambda ids: len(ids) != 1),
    count=st.integers(1, 12),
    shuffle=st.booleans(),
    part=st.sampled_from(["", "1:", "::2"]),
)
def test_the_shards_together_are_all_each_once_and_of_even_sizes(ids, count, shuffle, part):
    shards = [Choice(shuffle=shuffle, slice=part, shard=f"{i}/{count}").of(ids) for i in range(1, count + 1)]
    assert sorted(one for shard in shards for one in shard) == sorted(
        Choice(shuffle=shuffle, slice=part).of(ids)
    )
    sizes = [len(shard) for shard in shards]
    assert max(sizes) - min(sizes) <= 1


@given(ids=MANY, seed=st.integers())
def test_a_shuffle_is_a_permutation_that_its_seed_repeats(ids, seed):
    shuffled = Choice(shuffle=True, seed=seed).of(ids)
    assert shuffled == Choice(shuffle=True, seed=seed).of(ids)
    assert sorted(shuffled) == sorted(ids)


def test_another_seed_gives_another_order():
    ids = [str(number) for number in range(50)]
    assert len({tuple(Choice(shuffle=True, seed=seed).of(ids)) for seed in range(5)}) == 5
    assert Choice(shuffle=True).of(ids) != ids


def test_the_shuffle_comes_before_the_slice():
    ids = [str(number) for number in range(50)]
    assert Choice(shuffle=True, slice=":5").of(ids) == Choice(shuffle=True).of(ids)[:5]


@given(ids=MANY, text=st.text(max_size=8), kind=st.sampled_from(["instances", "slice", "shard"]))
def test_no_text_raises_anything_but_a_task_error(ids, text, kind):
    choice = Choice((text,)) if kind == "instances" else Choice(**{kind: text})
    try:
        chosen = choice.of(ids)
    except TaskError:
        return
    assert set(chosen) <= set(ids)
