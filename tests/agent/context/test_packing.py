"""What a packed window promises, whatever the files and the sizes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.context.blocks import Block, excerpt_block, whole_block
from agent.context.gathering import packed
from agent.context.packing import pack
from agent.symbols import cut

TEXTS = st.dictionaries(
    st.text("abcdef/", min_size=1, max_size=8).map(lambda stem: f"{stem}.py"),
    st.lists(
        st.sampled_from(["x = 1", "def f():", "    return 1", "class C:", "    y = 'ä'", ""]), max_size=60
    ).map("\n".join),
    max_size=12,
)


def whole(texts):
    return lambda path: whole_block(path, texts[path], len)


def excerpt(texts):
    return lambda path, room: excerpt_block(path, texts[path], cut(texts[path], path), room, len)


@given(TEXTS, st.integers(0, 3000))
@settings(max_examples=200)
def test_a_window_is_never_overfilled_and_never_left_empty_where_something_fits(texts, tokens):
    paths = sorted(texts)
    blocks = pack(paths, whole(texts), excerpt(texts), tokens)
    assert sum(block.tokens for block in blocks) <= tokens
    assert [block.path for block in blocks] == [path for path in paths if path in {b.path for b in blocks}]
    room = tokens - sum(block.tokens for block in blocks)
    for path in set(paths) - {block.path for block in blocks}:
        assert whole(texts)(path).tokens > room
    for block in blocks:
        assert block.whole == (block.text == whole(texts)(block.path).text)
        if not block.whole:
            assert whole(texts)(block.path).tokens - block.tokens > room


@given(TEXTS, st.integers(0, 3000), st.randoms())
def test_packing_is_deterministic_and_takes_a_path_once(texts, tokens, random):
    paths = [*sorted(texts), *sorted(texts)]
    once = pack(paths, whole(texts), excerpt(texts), tokens)
    assert once == pack(paths, whole(texts), excerpt(texts), tokens)
    assert len({block.path for block in once}) == len(once)


@given(TEXTS, st.integers(0, 3000))
def test_what_is_shown_holds_no_more_tokens_than_asked_for_by_any_counter(texts, tokens):
    for count in (len, lambda text: len(text.split()), lambda text: 3 * len(text) // 2):
        definitions = {path: cut(text, path) for path, text in texts.items()}
        blocks = packed(sorted(texts), definitions, texts, tokens, count)
        assert count("\n".join(block.text for block in blocks)) <= tokens


@given(TEXTS, st.integers(0, 800))
def test_an_excerpt_fits_and_shows_lines_of_the_file(texts, tokens):
    for path, text in texts.items():
        block = excerpt_block(path, text, cut(text, path), tokens, len)
        if block is not None:
            assert block.tokens <= tokens
            lines = [line for line in block.text.split("\n")[1:-1] if not line.startswith("[lines ")]
            assert set(lines) <= set(text.split("\n"))


def test_a_file_that_does_not_fit_is_passed_over_for_smaller_ones():
    texts = {"a.py": "x = 1\n" * 500, "b.py": "y = 2\n", "c.py": "z = 3\n" * 400, "d.py": "u = 4\n"}
    blocks = pack(sorted(texts), whole(texts), lambda path, room: None, 120)
    assert [block.path for block in blocks] == ["b.py", "d.py"]


def test_a_large_file_is_an_excerpt_around_its_best_definitions_until_there_is_room():
    body = "".join(f"def f{n}():\n    return {n}\n\n\n" for n in range(200))
    texts = {"big.py": body, "small.py": "x = 1\n"}
    symbols = {symbol.name: symbol for symbol in cut(body, "big.py")}
    best = [symbols["f150"], symbols["f20"], *symbols.values()]

    def part(path, room):
        return excerpt_block(path, texts[path], best if path == "big.py" else (), room, len)

    blocks = {block.path: block for block in pack(["big.py", "small.py"], whole(texts), part, 2000)}
    assert set(blocks) == {"big.py", "small.py"}
    assert not blocks["big.py"].whole
    assert "def f150" in blocks["big.py"].text
    assert "def f20()" in blocks["big.py"].text
    assert "[lines " in blocks["big.py"].text
    roomy = pack(["big.py", "small.py"], whole(texts), part, 20_000)
    assert all(block.whole for block in roomy)


def test_a_definition_larger_than_the_room_is_shown_by_its_first_lines():
    text = "class Big:\n    '''Doc.'''\n" + "    x = 1\n" * 300
    block = excerpt_block("big.py", text, cut(text, "big.py"), 200, len)
    assert isinstance(block, Block)
    assert "class Big:" in block.text
    assert block.tokens <= 200
